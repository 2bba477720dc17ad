"""A run made again with actions: the past is the run that was, the future is what would have happened."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.errors import ParameterError
from lab.investigation.acting import Action, made_again, run_with_actions
from lab.investigation.remedies import remedies
from lab.recording.cut import cut
from lab.recording.observed import Observed, load_observed
from lab.recording.rundir import RunDirectory
from lab.runs.runner import run_scenario
from lab.scenario import LoadedScenario
from lab.systems.files import load_system
from tests.branches import written
from tests.simulated import digests, scenario

DURATION_S = 120.0
CUT = {"type": "network-partition", "target": "features->db"}
SURGE = {"type": "traffic-surge", "target": "shoppers"}
SCENARIOS: Mapping[str, Mapping[str, Any]] = {
    "a bad model": {
        "system": "recommender",
        "faults": [{"type": "model-regression", "target": "model", "at": "40s", "for": "80s"}],
        "decoys": [{"type": "schema-migration", "target": "db", "at": "30s", "for": "60s"}],
    },
    "a stale cache": {
        "system": "recommender",
        "faults": [{"type": "stale-cache", "target": "cache", "at": "35s", "for": "70s"}],
        "safety": {"stop_when": [{"sli": "error_ratio", "above": 0.99, "for": "60s"}]},
    },
    "a cut link and a surge": {
        "system": "recommender",
        "faults": [{**CUT, "at": "50s", "for": "70s", "with": {"fraction": "60%"}}],
        "decoys": [{**SURGE, "at": "20s", "for": "70s", "with": {"rate": "10/s"}}],
    },
    "fraud, a renamed column": {
        "system": "fraud",
        "faults": [
            {
                "type": "schema-corruption", "target": "db", "at": "45s", "for": "75s",
                "with": {"table": "merchants", "column": "merchant_age_days", "change": "rename"},
            }
        ],
    },
    "fraud, a slow version and a stopped job": {
        "system": "fraud",
        "faults": [
            {"type": "model-slow", "target": "model", "at": "30s", "for": "60s"},
            {"type": "feed-stall", "target": "aggregator", "at": "60s", "for": "60s"},
        ],
    },
}  # fmt: skip
SEED = 5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[LoadedScenario, RunDirectory, Observed]]:
    """Each scenario with its run."""
    found = {}
    for number, (name, content) in enumerate(SCENARIOS.items()):
        directory = tmp_path_factory.mktemp(f"scenario-{number}")
        loaded = scenario(directory, duration_s=DURATION_S, rate_per_s=25, **content)
        run = run_scenario(loaded, SEED, directory / "runs")
        found[name] = (loaded, run, load_observed(run.observed))
    return found


@st.composite
def acted(draw: st.DrawFn) -> tuple[str, list[Action]]:
    """A scenario, and one to three actions in it: any remedy, any place, at any time, ticks among them."""
    name = draw(st.sampled_from(sorted(SCENARIOS)))
    system = load_system(SCENARIOS[name]["system"])
    known = remedies(system)
    actions = []
    for _ in range(draw(st.integers(1, 3))):
        remedy = draw(st.sampled_from(known))
        place = draw(st.sampled_from(remedy.places(system)))
        schema = remedy.value(system, place)
        value = schema["now"] if schema else None
        if schema and schema["type"] == "number" and isinstance(value, float):
            value = value * draw(st.sampled_from([0.5, 1.0]))
        times_s = st.one_of(st.integers(1, 23).map(lambda tick: 5.0 * tick), st.floats(1, DURATION_S - 1))
        actions.append(Action(draw(times_s), remedy.name, place, value))
    return name, actions


def same(one: Observed, other: Observed, directory: Path) -> bool:
    return written(one, directory / "one") == written(other, directory / "other")


@pytest.mark.slow
def test_up_to_the_first_action_nothing_differs(
    made: dict[str, tuple[LoadedScenario, RunDirectory, Observed]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    @given(drawn=acted(), share=st.floats(0, 1))
    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    def checked(drawn: tuple[str, list[Action]], share: float) -> None:
        name, actions = drawn
        loaded, _, without = made[name]
        directory = tmp_path_factory.mktemp("again")
        made_again(loaded, SEED, actions, directory)
        with_actions = load_observed(directory / "observed")
        first_s = min(action.at_s for action in actions)
        for number, until_s in enumerate([first_s, first_s * share]):
            assert same(cut(with_actions, until_s), cut(without, until_s), directory / str(number)), until_s

    checked()


def test_without_actions_it_is_the_run_that_was(
    made: dict[str, tuple[LoadedScenario, RunDirectory, Observed]], tmp_path: Path
) -> None:
    loaded, run, _ = made["a stale cache"]
    made_again(loaded, SEED, [], tmp_path)
    assert digests(tmp_path / "observed") == digests(run.observed)


def changes(run: RunDirectory) -> list[tuple[float, str]]:
    lines = (run.observed / "changes.jsonl").read_text().splitlines()
    return [(round(entry["time_s"], 3), entry["summary"]) for entry in map(json.loads, lines)]


def test_an_action_on_the_cause_ends_the_fault(
    made: dict[str, tuple[LoadedScenario, RunDirectory, Observed]], tmp_path: Path
) -> None:
    loaded, before, _ = made["a bad model"]
    root = before.path.parents[1]
    run = run_with_actions(loaded, SEED, [Action(70, "roll-back-model", "model")], root)
    (fault,), (was,) = run.truth().faults, before.truth().faults
    assert (fault.injected_s, fault.witnessed_s, fault.witnesses) == (was.injected_s, was.witnessed_s, was.witnesses)
    assert (round(fault.reverted_s, 3), was.reverted_s) == (70, DURATION_S)
    assert (70, "Model version 2 deployed") in changes(run)
    assert run.meta["actions"] == [{"at_s": 70, "remedy": "roll-back-model", "place": "model", "value": None}]
    assert run.meta["status"] == before.status
    assert run.path != before.path
    made_again(loaded, SEED, [Action(70, "roll-back-model", "model")], tmp_path)
    assert digests(tmp_path / "observed") == digests(run.observed)


def test_an_action_elsewhere_ends_nothing(
    made: dict[str, tuple[LoadedScenario, RunDirectory, Observed]],
) -> None:
    loaded, before, _ = made["a bad model"]
    elsewhere = [Action(70, "restart", "model"), Action(80, "flush-cache", "cache")]
    run = run_with_actions(loaded, SEED, elsewhere, before.path.parents[1])
    assert run.truth() == before.truth()
    assert changes(run) == changes(before)


def test_one_remedy_ends_a_fault_of_two_levers_where_both_are_of_the_same_thing(
    made: dict[str, tuple[LoadedScenario, RunDirectory, Observed]],
) -> None:
    """A slow version is in by two levers; both are the version's."""
    loaded, before, _ = made["fraud, a slow version and a stopped job"]
    run = run_with_actions(loaded, SEED, [Action(50.5, "roll-back-model", "model")], before.path.parents[1])
    ended = {fault.kind: round(fault.reverted_s, 3) for fault in run.truth().faults}
    assert ended == {"model-slow": 50.5, "feed-stall": DURATION_S}


def test_a_fault_whose_levers_are_set_one_after_the_other_ends_with_the_last(tmp_path: Path) -> None:
    """Two steps call the cache, each with its own timeout."""
    hasty = {
        "type": "short-timeout",
        "target": "features->cache",
        "with": {"timeout": "1ms"},
        "at": "30s",
        "for": "90s",
    }
    loaded = scenario(tmp_path, system="recommender", duration_s=DURATION_S, rate_per_s=25, faults=[hasty])
    get, put = (Action(t, "set-timeout", f"features/steps.{step}.timeout_s", 0.05)
                for t, step in ((60, "cache_get"), (70, "cache_put")))  # fmt: skip
    ended = []
    for actions in ([get], [get, put], [put, get]):
        (fault,) = run_with_actions(loaded, SEED, actions, tmp_path / "runs").truth().faults
        ended.append(round(fault.reverted_s, 3))
    assert ended == [DURATION_S, 70, 70]


def test_a_reverted_migration_is_not_announced_by_the_fault_that_made_it(
    made: dict[str, tuple[LoadedScenario, RunDirectory, Observed]],
) -> None:
    loaded, before, _ = made["a bad model"]
    announced = [time_s for time_s, summary in changes(before) if "migration" in summary]
    run = run_with_actions(loaded, SEED, [Action(60, "revert-migration", "db/users")], before.path.parents[1])
    assert announced == [30, 90]
    assert [time_s for time_s, summary in changes(run) if "migration" in summary] == [30]


def test_the_twin_of_a_run_with_actions_has_the_actions(
    made: dict[str, tuple[LoadedScenario, RunDirectory, Observed]],
) -> None:
    """Flushing a cache costs something; that is no effect of the fault."""
    loaded, before, _ = made["a bad model"]
    run = run_with_actions(loaded, SEED, [Action(60, "restart", "cache")], before.path.parents[1])
    moved = {(effect["signal"], effect["subject"]) for effect in run.effects()["f1"]}
    assert ("model_auc_deficit", "model") in moved
    assert not any(signal.startswith("cache_") for signal, _ in moved)


def test_a_recording_with_actions_is_made_once_and_another_for_other_actions(
    made: dict[str, tuple[LoadedScenario, RunDirectory, Observed]],
) -> None:
    loaded, before, _ = made["a stale cache"]
    root = before.path.parents[1]
    once = run_with_actions(loaded, SEED, [Action(60, "flush-cache", "cache")], root)
    written_at = (once.path / "run.json").stat().st_mtime_ns
    again = run_with_actions(loaded, SEED, [Action(60, "flush-cache", "cache")], root)
    other = run_with_actions(loaded, SEED, [Action(65, "flush-cache", "cache")], root)
    assert (again.path, (again.path / "run.json").stat().st_mtime_ns) == (once.path, written_at)
    assert other.path != once.path


@pytest.mark.parametrize(
    ("action", "which"),
    [
        (Action(DURATION_S, "restart", "cache"), "at_s"),
        (Action(-1, "restart", "cache"), "at_s"),
        (Action(float("nan"), "restart", "cache"), "at_s"),
        (Action(10, "restrat", "cache"), "remedy"),
        (Action(10, "restart", "cash"), "place"),
        (Action(10, "scale-out", "model/workers", -3), "value"),
    ],
)
def test_an_action_that_cannot_be_is_refused_and_nothing_is_written(
    made: dict[str, tuple[LoadedScenario, RunDirectory, Observed]], tmp_path: Path, action: Action, which: str
) -> None:
    loaded, *_ = made["a bad model"]
    with pytest.raises(ParameterError) as caught:
        made_again(loaded, SEED, [action], tmp_path / "again")
    assert caught.value.parameter == which
    assert not (tmp_path / "again").exists()


def test_an_action_is_the_same_through_json() -> None:
    actions: Sequence[Action] = [Action(60, "restart", "cache"), Action(70.5, "scale-out", "model/workers", 6)]
    assert [Action.from_json(json.loads(json.dumps(one.to_json()))) for one in actions] == actions
