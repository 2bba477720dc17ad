"""What a run must satisfy to prove anything: a steady state before it, and decoys that do no harm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lab.contracts import TrueDegradation, Truth
from lab.errors import RunAbortedError
from lab.recording.observed import alerts_fired
from lab.runs.runner import run_scenario
from lab.signals import forget_recorded, load_recorded
from tests.simulated import BOOKINGS, scenario

OVERLOAD = {"type": "traffic-surge", "target": "people", "at": "40s", "for": "50s", "with": {"rate": "800/s"}}
FAULTS = [
    {"type": "feed-stall", "target": "feed", "at": "45s", "for": "30s"},
    {"type": "network-latency", "target": "desk->rules", "at": "45s", "for": "30s"},
]


@pytest.mark.slow
@pytest.mark.parametrize("faults_count", [0, 1, 2])
def test_a_decoy_that_breaks_an_objective_makes_the_scenario_invalid(tmp_path: Path, faults_count: int) -> None:
    loaded = scenario(
        tmp_path, duration_s=90, rate_per_s=10,
        decoys=[OVERLOAD], faults=FAULTS[:faults_count],
    )  # fmt: skip
    with pytest.raises(RunAbortedError, match="a decoy breaks the SLO"):
        run_scenario(loaded, 1, tmp_path / "runs")
    assert not list(tmp_path.glob("runs/*/*/run.json"))


@pytest.mark.slow
def test_where_the_users_degrade_a_control_their_decoys_may_break_an_objective(tmp_path: Path) -> None:
    loaded = scenario(tmp_path, duration_s=90, rate_per_s=10, decoys=[OVERLOAD], degraded={"element": "people"})
    run = run_scenario(loaded, 1, tmp_path / "runs")
    assert run.truth().degraded == TrueDegradation("people", "people", alerts_fired(run.observed))


def test_a_decoy_is_not_blamed_for_an_objective_that_breaks_without_it(tmp_path: Path) -> None:
    tight = tmp_path / "tight.system.yaml"
    shipped = Path(BOOKINGS).read_text(encoding="utf-8")
    tight.write_text(shipped.replace("above: 150ms, for: 30s", "above: 1ms, for: 30s"), encoding="utf-8")
    surge = {"type": "traffic-surge", "target": "people", "at": "5s", "for": "20s", "with": {"rate": "1/s"}}
    loaded = scenario(tmp_path, system=str(tight), duration_s=90, rate_per_s=10, decoys=[surge])
    assert run_scenario(loaded, 1, tmp_path / "runs").status == "complete"


def test_a_run_whose_steady_state_does_not_hold_is_aborted(tmp_path: Path) -> None:
    loaded = scenario(
        tmp_path, duration_s=60, rate_per_s=10,
        steady_state=[{"sli": "latency_p95_s", "below": "1ms"}],
    )  # fmt: skip
    with pytest.raises(RunAbortedError, match=r"steady state does not hold: latency_p95_s was 0\.0"):
        run_scenario(loaded, 1, tmp_path / "runs")


SHIPPED = Path(BOOKINGS).read_text(encoding="utf-8")
STRAINED = SHIPPED.replace("service_time: {mean: 6ms, cv: 0.3}", "service_time: {mean: 160ms, cv: 0.3}")
IMPATIENT = SHIPPED.replace("above: 150ms, for: 30s", "above: 1ms, for: 30s")


@pytest.mark.parametrize(
    ("system", "element", "says"),
    [
        (
            SHIPPED,
            "model",
            (
                r"declared degraded, but its load broke no SLO.* latency \(latency_p95_s\) 0\.\d+ at worst, "
                r"alerts above 0\.15 for 30 s, was there for 0 s.* The workers of 'model' were busy \d+% at most"
            ),
        ),
        (IMPATIENT, "model", r"degraded at 'model', whose workers were busy \d+% at most, expected at least 90%"),
        (STRAINED, "rules", r"degraded at 'rules', whose workers were busy \d+% at most, expected at least 90%"),
    ],
    ids=["no SLO broke", "nothing is saturated", "another component is"],
)
def test_a_control_declared_degraded_that_is_not_is_invalid(
    system: str, element: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "own.system.yaml").write_text(system, encoding="utf-8")
    loaded = scenario(
        tmp_path, system=str(tmp_path / "own.system.yaml"), duration_s=90, rate_per_s=30, degraded={"element": element}
    )
    with pytest.raises(RunAbortedError, match=says):
        run_scenario(loaded, 1, tmp_path / "runs")


def test_the_truth_of_a_degraded_control_says_what_is_saturated_and_what_broke(tmp_path: Path) -> None:
    (tmp_path / "own.system.yaml").write_text(STRAINED, encoding="utf-8")
    loaded = scenario(
        tmp_path, system=str(tmp_path / "own.system.yaml"), duration_s=90, rate_per_s=30, degraded={"element": "model"}
    )
    run = run_scenario(loaded, 1, tmp_path / "runs")
    assert run.truth().degraded == TrueDegradation("model", "people", ("latency",))
    assert Truth.from_json(run.truth().to_json()) == run.truth()
    assert alerts_fired(run.observed) == ("latency",)


def test_what_is_remembered_of_a_run_is_what_its_files_say(tmp_path: Path) -> None:
    run = run_scenario(scenario(tmp_path, duration_s=90, faults=FAULTS[:1]), 1, tmp_path / "runs")
    _, remembered = load_recorded(run.observed)
    forget_recorded()
    _, read = load_recorded(run.observed)
    assert [(s.signal, s.subject) for s in remembered] == [(s.signal, s.subject) for s in read]
    for one, other in zip(remembered, read, strict=True):
        assert one is not other
        np.testing.assert_array_equal(one.values, other.values)
