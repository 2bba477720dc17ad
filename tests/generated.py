"""Topologies and schedules of levers drawn by hypothesis: every mechanic of a call plan, with and without a shop.

A drawn case is data, and its system goes through the checks of any system file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

import lab.systems
from lab.errors import UserError
from lab.injection.levers import (
    ActValue,
    ComponentLimit,
    FeedDelay,
    LeverValue,
    LinkCut,
    LinkDelay,
    LinkDrop,
    LinkReset,
    LinkThrottle,
    Place,
    PopulationBots,
    PopulationSurge,
    Record,
    act_types,
    lever_types,
)
from lab.recording.observed import Observed
from lab.scenario import LoadedScenario, load_scenario
from lab.systems.topology import System
from lab.testbeds.sim import SimTestbed

RECOMMENDER = Path(lab.systems.__file__).with_name("recommender.system.yaml")
LENGTH_S = 30.0
MOST_ATTEMPTS = 12
"""Of one call, over all levels of retries above it: a drawn system must not bury itself under retries."""
SHARES = st.sampled_from([0.05, 0.3, 1.0])
RECIPES: dict[type[Record], st.SearchStrategy[Any]] = {
    LinkCut: st.builds(LinkCut, direction=st.sampled_from(["both", "request", "response"]), fraction=SHARES),
    LinkDelay: st.builds(
        LinkDelay, latency_s=st.sampled_from([0.002, 0.05, 2.0]), jitter_s=st.sampled_from([0.0, 0.01]), fraction=SHARES
    ),
    LinkDrop: st.builds(LinkDrop, fraction=SHARES),
    LinkReset: st.builds(LinkReset, fraction=SHARES),
    LinkThrottle: st.builds(LinkThrottle, bytes_per_s=st.sampled_from([2_000.0, 100_000.0])),
    ComponentLimit: st.one_of(
        st.builds(ComponentLimit, cpu=st.sampled_from([0.1, 0.6])),
        st.builds(ComponentLimit, workers=st.sampled_from([1, 2, 40])),
    ),
    FeedDelay: st.builds(FeedDelay, seconds=st.sampled_from([0.3, 4.0]), growth=st.sampled_from([0.0, 1800.0])),
    PopulationSurge: st.builds(PopulationSurge, rate_per_s=st.sampled_from([5.0, 40.0])),
    PopulationBots: st.builds(PopulationBots, rate_per_s=st.sampled_from([5.0, 40.0])),
}
"""Values other than a record's own example."""


@dataclass(frozen=True)
class Pull:
    """A lever at a place from one time to another (seconds), or an act at the first."""

    place: str
    value: LeverValue | ActValue
    from_s: float
    until_s: float


@dataclass(frozen=True)
class Drawn:
    """One drawn case: a system file's content, arrivals a second, a seed and what is done."""

    system: dict[str, Any]
    rate_per_s: float
    seed: int
    pulls: tuple[Pull, ...]


def _policy(draw: st.DrawFn, attempts: int, known: list[str]) -> tuple[dict[str, Any], int]:
    """A call's policy, and how often the callee is asked at most for one request; `known`: earlier steps."""
    retries = draw(st.integers(0, min(3, MOST_ATTEMPTS // attempts - 1)))
    policy: dict[str, Any] = {
        "timeout": draw(st.sampled_from(["3ms", "20ms", "90ms", "1s"])),
        "retries": retries,
        "backoff": draw(st.sampled_from(["0ms", "1ms", "15ms"])),
        "on_failure": draw(st.sampled_from(["fail", "continue"])),
    }
    for key in ("unless", "after"):
        if known and draw(st.integers(0, 3)) == 0:
            policy[key] = draw(st.sampled_from(known))
    if draw(st.integers(0, 4)) == 0:
        policy["service_time"] = {"mean": "2ms", "cv": draw(st.sampled_from([0, 0.7]))}
    return policy, attempts * (retries + 1)


def _condition(draw: st.DrawFn) -> dict[str, Any]:
    """A component's capacity, noise and pauses."""
    return {
        "workers": draw(st.sampled_from([1, 2, 4, 16])),
        "max_wait": draw(st.sampled_from(["0ms", "10ms", "1s"])),
        "service_time": {
            "mean": draw(st.sampled_from(["0.2ms", "3ms", "12ms"])),
            "cv": draw(st.sampled_from([0, 0.5, 2])),
        },
        "background_error_ratio": draw(st.sampled_from([0.0, 0.02])),
        "telemetry": draw(st.sampled_from(["spans", "statement-log", "metrics"])),
        **({"pauses": {"every": "5s", "mean": "40ms"}} if draw(st.integers(0, 4)) == 0 else {}),
    }


def _latency(draw: st.DrawFn) -> dict[str, Any]:
    return {"latency": draw(st.sampled_from(["0ms", "0.3ms", "4ms"])), "cv": draw(st.sampled_from([0, 0.3, 1]))}


@st.composite
def plain_systems(draw: st.DrawFn) -> dict[str, Any]:
    """A system without a world, of 2 to 12 components: services that call each other, and sometimes jobs."""
    count = draw(st.integers(1, 9))
    names = [f"c{i}" for i in range(count)]
    parts: dict[str, Any] = {"people": {"kind": "users", "steps": []}}
    for name in names:
        kind = draw(st.sampled_from(["service", "database", "cache", "model"]))
        parts[name] = {"kind": kind, **_condition(draw), "steps": []}
    for i in range(draw(st.integers(0, 2))):
        parts[f"job{i}"] = {"kind": "job", "period": draw(st.sampled_from(["0.7s", "5s"])), "steps": []}
    attempts = dict.fromkeys(parts, 1)

    def call(caller: str, callee: str) -> None:
        steps = parts[caller]["steps"]
        policy, asked = _policy(draw, attempts[caller], [step["name"] for step in steps])
        if caller == "people":
            policy = {"timeout": "1s", "retries": policy["retries"], "backoff": policy["backoff"]}
        attempts[callee] = max(attempts[callee], asked)
        steps.append({"name": f"s{len(steps)}", "call": callee, **policy})

    call("people", names[0])
    jobs = [name for name in parts if name.startswith("job")]
    for i, name in enumerate(names[1:], 1):  # callers come before what they call, so that calls run in no circle
        for caller in draw(st.lists(st.sampled_from([*names[:i], *jobs]), min_size=1, max_size=2)):
            call(caller, name)
    for job in jobs:
        if not parts[job]["steps"]:
            call(job, draw(st.sampled_from(names)))
    links = {f"{caller}->{step['call']}" for caller, part in parts.items() for step in part["steps"]}
    return {"components": parts, "links": {link: _latency(draw) for link in sorted(links)}}


@st.composite
def shop_systems(draw: st.DrawFn) -> dict[str, Any]:
    """The recommender with other capacities and policies, fewer visitors, and services beside its own."""
    system = yaml.safe_load(RECOMMENDER.read_text(encoding="utf-8"))
    parts, links = system["components"], system["links"]
    system["world"]["settings"] = {"visitors": draw(st.sampled_from([3, 40, 2000]))}
    parts["cache"]["settings"]["ttl_s"] = draw(st.sampled_from([0.5, 6, 25]))
    parts["feed"]["period"] = draw(st.sampled_from(["1s", "10s"]))
    for name in ("features", "cache", "db", "model", "rules"):
        chosen = draw(st.sampled_from([{}, {"workers": 1}, {"background_error_ratio": 0.02}, {"max_wait": "5ms"}]))
        parts[name].update(chosen)
    for step in parts["features"]["steps"]:
        if "call" in step:
            step.update(draw(st.sampled_from([{}, {}, {"retries": 2, "backoff": "0ms"}, {"timeout": "4ms"}])))
    for i in range(draw(st.integers(0, 4))):
        caller = draw(st.sampled_from(["features", "rules", "model", *(f"extra{j}" for j in range(i))]))
        parts[f"extra{i}"] = {"kind": "service", **_condition(draw)}
        policy, _ = _policy(draw, MOST_ATTEMPTS // 2, [])
        step = {"name": f"ask{i}", "call": f"extra{i}", **policy}
        steps = parts[caller].setdefault("steps", [])
        steps.insert(draw(st.integers(0, len(steps))), step)
        links[f"{caller}->extra{i}"] = _latency(draw)
    return dict(system)


def _goes(value: Record, system: System, place: str) -> bool:
    """Whether such a value goes with that place."""
    try:
        value.check(system, Place.parse(place))
    except UserError:
        return False
    return True


@st.composite
def cases(draw: st.DrawFn) -> Drawn:
    """A system with a load and up to six levers and acts, anywhere in it."""
    system = draw(st.one_of(plain_systems(), shop_systems()))
    system |= {
        "schema_version": 1, "name": "drawn", "warmup": draw(st.sampled_from(["0s", "3s"])),
        "observability": draw(st.sampled_from(["rich", "usual", "poor"])),
        "load_wobble_ratio": draw(st.sampled_from([0.0, 0.08])),
    }  # fmt: skip
    system.pop("slos", None)
    checked = System.model_validate(system)
    records: list[type[Record]] = [*lever_types().values(), *act_types().values()]
    pulls: list[Pull] = []
    for record in draw(st.lists(st.sampled_from(records), max_size=6)):
        places = list(record.places(checked))
        if not places:
            continue
        place = draw(st.sampled_from(places))
        value = draw(RECIPES[record]) if record in RECIPES else record.example(checked, Place.parse(place))
        if not _goes(value, checked, place):
            continue
        times = st.sampled_from([i * 0.5 for i in range(2, int(2 * LENGTH_S) - 4)])
        from_s, until_s = sorted((draw(times), draw(times)))
        until_s = max(until_s, from_s + 0.5)
        same = [pull for pull in pulls if pull.place == place and type(pull.value) is record]
        if any(other.from_s <= until_s and from_s <= other.until_s for other in same):
            continue
        pulls.append(Pull(place, value, from_s, until_s))
    return Drawn(system, draw(st.sampled_from([1.0, 8.0, 30.0])), draw(st.integers(0, 999)), tuple(pulls))


def load(drawn: Drawn, directory: Path) -> LoadedScenario:
    """The case's files, written and read: its system is as sound as any."""
    (directory / "drawn.system.yaml").write_text(json.dumps(drawn.system), encoding="utf-8")
    scenario = {
        "schema_version": 1, "name": "drawn", "system": "drawn.system.yaml", "duration": f"{LENGTH_S}s",
        "load": {"stages": [{"for": f"{LENGTH_S}s", "rate": f"{drawn.rate_per_s}/s"}]},
    }  # fmt: skip
    path = directory / "drawn.scenario.yaml"
    path.write_text(json.dumps(scenario), encoding="utf-8")
    return load_scenario(path)


def _moments(drawn: Drawn) -> Iterator[tuple[float, int, Pull]]:
    """Reverts (0) before pulls (1) of the same time."""
    for pull in drawn.pulls:
        yield pull.from_s, 1, pull
        if isinstance(pull.value, LeverValue):
            yield pull.until_s, 0, pull


def run(drawn: Drawn, directory: Path) -> Observed:
    """What is observed of the case on the simulator."""
    testbed = SimTestbed(load(drawn, directory), drawn.seed)
    held: dict[int, ExitStack] = {}
    for at_s, begins, pull in sorted(_moments(drawn), key=lambda moment: moment[:2]):
        testbed.advance(at_s)
        if isinstance(pull.value, ActValue):
            testbed.act(pull.place, pull.value)
        elif begins:
            held[id(pull)] = ExitStack()
            held[id(pull)].enter_context(testbed.pull(pull.place, pull.value))
        else:
            held.pop(id(pull)).close()
    testbed.advance(LENGTH_S)
    return testbed.finish()
