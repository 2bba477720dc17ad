"""A run without a steady state: the scenario's mistake on an idle machine, nobody's on a busy one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from lab.errors import RunAbortedError
from lab.judging.steady import unsteady as judged
from lab.recording.observed import Observed, arrow_table
from lab.recording.rundir import COMPLETE
from lab.runs.following import Followed
from lab.runs.runner import _status
from lab.scenario import LoadedScenario
from lab.testbeds.driver import Recorded
from lab.testbeds.stack.collect import busy_machine
from tests.simulated import observe, scenario

IMPOSSIBLE = [{"sli": "latency_p95_s", "below": "1ms"}]


@pytest.fixture(scope="module")
def unsteady(tmp_path_factory: pytest.TempPathFactory) -> LoadedScenario:
    return scenario(tmp_path_factory.mktemp("unsteady"), duration_s=60, steady_state=IMPOSSIBLE)


@pytest.fixture(scope="module")
def observed(unsteady: LoadedScenario) -> Observed:
    return observe(unsteady)


def on_a_host(observed: Observed, waited: float) -> Observed:
    """The recording with the pressure of a host on which something waited for a CPU for so much of the time."""
    metrics = observed.frame("metrics")
    host = pd.DataFrame({"time_s": sorted(metrics["time_s"].unique())})
    host = host.assign(metric="system.pressure.stalled.ratio", attribute="cpu.some", value=waited)
    host["service.name"], host["peer.service"] = "host", None
    both = pd.concat([metrics.astype({"attribute": object}), host], ignore_index=True).astype(object)
    tables = {**observed.tables, "metrics": arrow_table("metrics", {c: both[c] for c in metrics.columns})}
    return Observed(observed.system, tables, [], [], observed.reference)


def status(unsteady: LoadedScenario, seen: Observed) -> str:
    why = check(unsteady, seen)
    return _status(Recorded(seen, {}, machine=busy_machine(seen)), Followed(why), "")


def check(loaded: LoadedScenario, seen: Observed) -> str:
    return judged(loaded, seen.tables["metrics"], seen.end_s)


@pytest.mark.parametrize("waited", [0.0, 0.2])
def test_on_a_machine_with_time_to_spare_it_is_the_scenario(
    unsteady: LoadedScenario, observed: Observed, waited: float
) -> None:
    with pytest.raises(RunAbortedError, match="steady state does not hold"):
        status(unsteady, on_a_host(observed, waited))


def test_where_nobody_measured_the_host_it_is_the_scenario(unsteady: LoadedScenario, observed: Observed) -> None:
    with pytest.raises(RunAbortedError, match="steady state does not hold"):
        status(unsteady, observed)


def test_on_a_busy_machine_the_run_is_inconclusive(unsteady: LoadedScenario, observed: Observed) -> None:
    problem = status(unsteady, on_a_host(observed, 0.6))
    assert problem.startswith("inconclusive: ")
    assert "waited for a CPU for 60% of the time" in problem


def test_a_steady_run_is_left_alone_however_busy_the_machine(tmp_path: Path, observed: Observed) -> None:
    steady = scenario(tmp_path, duration_s=60, steady_state=[{"sli": "latency_p95_s", "below": "10s"}])
    assert status(steady, on_a_host(observed, 0.9)) == COMPLETE


@pytest.mark.parametrize(("is_changed", "outcome"), [(False, "inconclusive: "), (True, "stopped: ")])
def test_a_busy_machine_excuses_a_stop_before_anything_was_changed(
    observed: Observed, is_changed: bool, outcome: str
) -> None:
    busy = busy_machine(on_a_host(observed, 0.6))
    stopped = _status(Recorded(observed, {}, machine=busy), Followed(is_changed=is_changed), "error_ratio was 1")
    assert stopped.startswith(f"{outcome}error_ratio was 1")
