"""A scenario's own stop conditions: they end the run, put everything back, and the recording says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.clock import NS
from lab.injection.levers import LinkCut
from lab.recording.observed import load_observed
from lab.recording.opening import open_run
from lab.recording.sides import CLIENT_FINAL, make_sides
from lab.recording.status import ERROR
from lab.runs.runner import run_scenario
from lab.scenario.model import StopWhen
from lab.systems.files import load_system
from lab.testbeds.driver import Recorded
from lab.testbeds.sim.safety import Safety
from lab.testbeds.sim.session import SimSession
from tests.simulated import BOOKINGS, ran, scenario

CUT: Mapping[str, Any] = {"type": "network-partition", "target": "people->desk", "at": "40s", "for": "40s"}
STOP: Mapping[str, Any] = {"stop_when": [{"sli": "error_ratio", "above": "50%", "for": "10s"}]}


def cut(folder: Path, **more: Any) -> tuple[SimSession, Recorded]:
    """A cut of the entry that has run to its end, whichever that was."""
    return ran(scenario(folder, duration_s=120, faults=[{**CUT, **more}], safety=STOP))


def test_a_condition_that_holds_for_its_time_ends_the_run(tmp_path: Path) -> None:
    session, recorded = cut(tmp_path)
    # Requests sent just after 40 s time out a second later, in the interval that ends at 45 s.
    assert session.ended == "error_ratio was 1 for 10 s"
    assert recorded.observed.end_s == 50.0
    assert recorded.observed.frame("metrics")["time_s"].max() == 50.0


def test_what_was_in_is_put_back_and_the_fault_ended_there(tmp_path: Path) -> None:
    session, recorded = cut(tmp_path)
    assert session.levers.read(LinkCut, "people->desk") is None
    assert recorded.windows == {"f1": (40.0, 50.0)}
    assert [entry["event"] for entry in recorded.events] == ["intent", "applied", "reverted"]
    assert recorded.events[-1]["time_s"] == 50.0


def test_a_condition_that_does_not_hold_long_enough_ends_nothing(tmp_path: Path) -> None:
    session, recorded = cut(tmp_path, **{"for": "5s"})
    assert session.ended == ""
    assert recorded.observed.end_s == 120.0


@pytest.mark.parametrize(
    "bound",
    [
        {"sli": "availability", "above": "1%"},
        {"sli": "latency_p50_s", "above": "1ms"},
        {"sli": "latency_p95_s", "above": "1ms"},
        {"sli": "latency_p99_s", "above": "1ms"},
    ],
)
def test_every_sli_of_requests_can_stop_a_run(bound: Mapping[str, Any], tmp_path: Path) -> None:
    session, _ = ran(scenario(tmp_path, safety={"stop_when": [{**bound, "for": "5s"}]}))
    assert str(bound["sli"]) in session.ended


def test_a_stopped_run_is_recorded_beside_a_twin_that_went_on(tmp_path: Path) -> None:
    loaded = scenario(tmp_path, duration_s=120, faults=[CUT], safety=STOP)
    run = open_run(run_scenario(loaded, 1, tmp_path / "runs").path)
    assert run.status == "stopped: error_ratio was 1 for 10 s"
    (fault,) = run.truth().faults
    assert (fault.injected_s, fault.reverted_s) == (40.0, 50.0)
    assert load_observed(run.observed).end_s == 50.0
    moved = {(e["signal"], e["subject"]): (e["without"], e["with"]) for e in run.effects()["f1"]}
    before, during = moved["error_ratio", "people->desk"]
    assert before < 0.05
    assert during == 1.0


def test_a_side_is_looked_at_once_whether_it_was_handed_over_before_or_after() -> None:
    """20 sides end in each of 4 intervals of 5 s, the later half of them failed in the third."""
    conditions = (StopWhen.model_validate({"sli": "error_ratio", "above": "49%", "for": "5s"}),)
    ends_ns = np.arange(1, 81) * NS // 4
    status = np.where((ends_ns > 12 * NS) & (ends_ns <= 15 * NS), ERROR, 0)
    sides = make_sides(80, end_ns=ends_ns, status=status, side=CLIENT_FINAL)

    def reasons(block: int) -> list[str]:
        """What it says at each scrape where blocks of so many sides are handed over as soon as they are full."""
        safety, begun, found = Safety(conditions, load_system(BOOKINGS), 0, {}, 0), 0, []
        for count in range(1, 81):
            if count - begun == block:
                safety.take(sides[begun:count])
                begun = count
            if count % 20 == 0:
                found.append(safety.reason(int(ends_ns[count - 1]), sides[begun:count], None))
        return found

    assert reasons(1) == ["", "", "error_ratio was 0.6 for 5 s", ""]
    assert all(reasons(block) == reasons(1) for block in (7, 20, 33, 100))
