"""The greatest and least values that files and levers accept: no sum of them passes 64 bits, in either mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.compiled import Kernel
from lab.files.units import MAX_DURATION_S
from lab.injection.levers import ComponentLimit, ComponentSlow, LinkDelay, LinkDrop, LinkThrottle
from lab.recording.observed import Observed
from lab.systems.topology import System
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.links import passage
from lab.testbeds.sim.plane.loop import load_plane
from lab.testbeds.sim.plane.serving import own_work
from tests.identity import MODES, both_ways, kernel_mode
from tests.planes import Bench
from tests.simulated import observe, scenario

DAY_MS, LAST_MS = 86_400_000.0, MAX_DURATION_S * 1000
LONG = f"{MAX_DURATION_S / 3600:.0f}h"
TIMES = st.sampled_from(["0ms", "1ms", LONG])
FAULTS = ("slow", "limit", "delay", "drop", "throttle", "extra")


@st.composite
def systems(draw: st.DrawFn) -> System:
    """Users, a service and its database, each value of which is one of the greatest or least."""

    def call(name: str, callee: str) -> dict[str, Any]:
        policy = {"retries": draw(st.sampled_from([0, 5])), "backoff": draw(TIMES)}
        return {"name": name, "call": callee, "timeout": draw(st.sampled_from(["1ms", LONG])), **policy}

    def server(kind: str) -> dict[str, Any]:
        work = {"mean": draw(TIMES), "cv": draw(st.sampled_from([0, 5]))}
        workers = draw(st.sampled_from([1, 10_000]))
        return {"kind": kind, "workers": workers, "max_wait": draw(TIMES), "service_time": work}

    def link() -> dict[str, Any]:
        size = draw(st.sampled_from([1, 10**9]))
        return {"latency": draw(TIMES), "cv": draw(st.sampled_from([0, 5])), "request_bytes": size}

    parts = {
        "people": {"kind": "users", "steps": [call("visit", "front")]},
        "front": {**server("service"), "steps": [call("get", "db")]},
        "db": server("database"),
    }
    links = {"people->front": link(), "front->db": link()}
    return System.model_validate({"schema_version": 1, "name": "limits", "components": parts, "links": links})


def pull(bench: Bench, faults: set[str]) -> None:
    """Sets everything in the system to the greatest dose of these faults."""
    for component in bench.state.components.values():
        component.slow = ComponentSlow(factor=1e6) if "slow" in faults else None
        component.limit = ComponentLimit(cpu=0.001) if "limit" in faults else None
    for link in bench.state.links.values():
        link.delay = LinkDelay(latency_s=MAX_DURATION_S, jitter_s=MAX_DURATION_S) if "delay" in faults else None
        link.drop = LinkDrop(fraction=1.0) if "drop" in faults else None
        link.throttle = LinkThrottle(bytes_per_s=1.0) if "throttle" in faults else None
    for edge in bench.state.edges:
        edge.extra_ns = round(1000 * MAX_DURATION_S * 1e9) if "extra" in faults else 0
    bench.sync()


def ran(system: System, faults: set[str], kernel: Kernel) -> dict[str, bytes]:
    """The span sides and all tables after 60 days with a request every two hours, faults from the second day on."""
    bench = Bench(system, np.arange(0, LAST_MS - DAY_MS, 7_200_000.0).tolist(), kernel=kernel)
    bench.advance(DAY_MS)
    pull(bench, faults)
    bench.advance(LAST_MS - DAY_MS)
    check_times(bench)
    pull(bench, set())
    bench.advance(LAST_MS)
    check_times(bench)
    tables = {name: table.tobytes() for name, table in bench.plane.tables._asdict().items() if name != "span"}
    return {"sides": bench.sides().tobytes(), **tables}


def check_times(bench: Bench) -> None:
    """No time has passed 64 bits, or comes near to it."""
    tables = bench.plane.tables
    events, used = tables.heap[: tables.head[at.H_HEAP], 0], tables.frame[: tables.head[at.H_FRAMES]]
    counted = tables.component[:, [at.C_BUSY, at.C_THROTTLED]]
    for times in (events, used[:, [at.F_START, at.F_ARRIVED]], tables.free, tables.link[:, at.L_FREE_AT], counted):
        assert (times >= 0).all()
        assert (times <= at.FAR).all()
    sides = bench.sides()
    assert (sides["end_ns"] >= sides["start_ns"]).all()


@given(system=systems(), faults=st.sets(st.sampled_from(FAULTS)))
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_any_limits_together_are_run_alike_both_ways(system: System, faults: set[str]) -> None:
    found = []
    for mode in MODES:
        with kernel_mode(mode):
            found.append(ran(system, faults, load_plane()))
    assert found[0] == found[1]


def test_the_longest_work_that_can_be_drawn_is_cut_to_what_a_time_can_hold() -> None:
    work = {"kind": "service", "service_time": {"mean": LONG, "cv": 5}}
    parts = {"people": {"kind": "users", "steps": [{"name": "visit", "call": "front"}]}, "front": work}
    link = {"latency": LONG, "cv": 5}
    system = {"schema_version": 1, "name": "long", "components": parts, "links": {"people->front": link}}
    tables, front = Bench(System.model_validate(system), [0.0]).plane.tables, list(parts).index("front")
    assert own_work(tables, 0, front, 2**32 - 1) == at.LONGEST_DRAWN
    assert 0 < own_work(tables, 0, front, 0) < at.LONGEST_DRAWN
    assert all(0 < passage(tables, 0, key, back) <= at.LONGEST_DRAWN for key in range(100) for back in (0, 1))


def test_work_of_years_leaves_gauges_full_and_recordings_alike(tmp_path: Path) -> None:
    """What has begun in one interval is more work than 64 bits of nanoseconds: its counter stops, and wraps nowhere."""
    path = tmp_path / "slow.system.yaml"
    path.write_text(
        """
schema_version: 1
name: slow
warmup: 5s
components:
  people: {kind: users, steps: [{name: visit, call: a, timeout: 60d}]}
  a: {kind: service, workers: 10000, max_wait: 60d, service_time: {mean: 60d, cv: 5}}
links: {people->a: {}}
""",
        encoding="utf-8",
    )
    fault = {"type": "cpu-throttle", "target": "a", "at": "20s", "for": "30s", "with": {"cpu": "0.1%"}}
    loaded = scenario(tmp_path, system=str(path), duration_s=60, rate_per_s=100, faults=[fault])
    recorded: list[Observed] = []

    def run() -> Observed:
        recorded.append(observe(loaded))
        return recorded[-1]

    compiled, interpreted = both_ways(run, tmp_path)
    assert compiled == interpreted
    metrics = recorded[0].frame("metrics")
    values = {
        name: metrics[(metrics["metric"] == name) & metrics["value"].notna()]
        for name in ("process.cpu.utilization", "process.cpu.throttled.ratio")
    }
    assert (values["process.cpu.utilization"]["value"] == 1.0).all()
    throttled = values["process.cpu.throttled.ratio"]
    assert (throttled["value"][throttled["time_s"].between(26, 50)] > 0.99).all()
    assert (throttled["value"][throttled["time_s"] <= 20] == 0).all()
