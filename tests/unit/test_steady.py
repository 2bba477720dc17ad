"""The steady state: one definition, closed where nothing was seen, judged on the stack before anything is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lab.errors import UserError
from lab.judging.steady import steady_levels, unsteady
from lab.recording.observed import Observed
from lab.scenario import LoadedScenario, load_scenario
from lab.testbeds.stack.feasible import check_feasible
from lab.testbeds.stack.steady import judged_until_s, metrics_of
from lab.worlds.shop.stack import STACK
from tests.sim_runs import observe, scenario
from tests.simulated import NIGHTLY

BOUNDS = [{"sli": "error_ratio", "below": "1%"}, {"sli": "latency_p95_s", "below": "100ms"},
          {"sli": "click_through_ratio", "above": "1%"}]  # fmt: skip
CUT = {"type": "network-partition", "target": "features->db", "for": "60s"}


def counted(**given: Any) -> list[dict[str, Any]]:
    """Six intervals of 5 s with 100 requests each, as the collector counts them."""
    well = {"requests": 100, "failed": 0, "p50": 0.01, "p95": 0.02, "p99": 0.03, "shown": 500, "clicked": 50}
    return [{"time_s": 5.0 * (n + 1), **well, **given} for n in range(6)]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedScenario:
    return scenario(tmp_path_factory.mktemp("steady"), steady_state=BOUNDS)


def judged(loaded: LoadedScenario, rows: list[dict[str, Any]], until_s: float = 30.0) -> str:
    return unsteady(loaded, metrics_of(rows, "shoppers", "features", STACK.counted), until_s)


def test_bounds_that_hold_say_nothing(loaded: LoadedScenario) -> None:
    assert judged(loaded, counted()) == ""


def test_what_does_not_hold_is_reported_with_value_limit_window_and_requests(loaded: LoadedScenario) -> None:
    problem = judged(loaded, counted(failed=40))
    assert "error_ratio was 0.4, expected below 0.01" in problem
    assert "before 30s: 6 scrape intervals, 600 requests" in problem
    assert "latency_p95_s" not in problem


def test_where_no_requests_come_none_are_missed(tmp_path: Path) -> None:
    path = tmp_path / "nights.scenario.yaml"
    bound = "steady_state: [{sli: job_failure_ratio, below: 5%}]"
    path.write_text(f"schema_version: 1\nname: nights\nsystem: {NIGHTLY}\nduration: 4d\n{bound}\n", encoding="utf-8")
    problem = unsteady(load_scenario(path), metrics_of([], "", "", STACK.counted), 86400.0)
    assert "(before 1d); no fault would show" in problem


def test_what_nobody_measured_is_not_steady(loaded: LoadedScenario) -> None:
    silent = counted(requests=0, p50=None, p95=None, p99=None, shown=0, clicked=0)
    for rows in ([], silent):
        problem = judged(loaded, rows)
        for sli in ("error_ratio", "latency_p95_s", "click_through_ratio"):
            assert f"{sli} could not be measured" in problem
        assert "correct what the SLI is computed of" in problem


def test_counts_by_interval_give_the_levels_of_a_recording(loaded: LoadedScenario) -> None:
    """What the simulator records, told as the collector tells it, gives the same numbers."""
    observed: Observed = observe(loaded)
    metrics = observed.frame("metrics")
    of = {"requests": "client.request.count", "failed": "client.error.count",
          **{p: f"client.request.duration.{p}" for p in ("p50", "p95")}, "shown": "recommendation.impression.count",
          "clicked": "recommendation.click.count"}  # fmt: skip
    mine = metrics[(metrics["service.name"] == "shoppers") & (metrics["peer.service"] == "features")]
    entry = metrics[metrics["service.name"] == "features"]
    wide = pd.concat([mine, entry[entry["metric"].str.startswith("recommendation.")]]).pivot_table(
        index="time_s", columns="metric", values="value", observed=True
    )
    rows = [
        {"time_s": float(time_s), "p99": None, **{name: None if pd.isna(row[m]) else row[m] for name, m in of.items()}}
        for time_s, row in wide.iterrows()
    ]
    measured = steady_levels(loaded, metrics_of(rows, "shoppers", "features", STACK.counted), 60.0)
    assert measured == pytest.approx(steady_levels(loaded, observed.tables["metrics"], 60.0))
    assert None not in measured.values()


@pytest.mark.parametrize(("at_s", "scale", "until_s"), [(60, 1, 55), (60, 5, 50), (62, 5, 50), (63, 5, 55)])
def test_the_window_is_made_of_whole_intervals_whose_telemetry_is_in(
    tmp_path: Path, at_s: float, scale: float, until_s: float
) -> None:
    loaded = scenario(tmp_path, duration_s=200, faults=[{**CUT, "at": f"{at_s}s"}], steady_state=BOUNDS)
    assert judged_until_s(loaded, scale) == until_s


def test_a_decoy_ends_the_window_as_a_fault_does(tmp_path: Path) -> None:
    decoy = {"type": "deploy", "target": "model", "at": "40s"}
    loaded = scenario(tmp_path, duration_s=200, faults=[{**CUT, "at": "90s"}], decoys=[decoy], steady_state=BOUNDS)
    assert judged_until_s(loaded, 1) == 35


def test_a_change_too_early_for_a_steady_state_is_refused(tmp_path: Path) -> None:
    early = scenario(tmp_path, duration_s=200, rate_per_s=80, faults=[{**CUT, "at": "20s"}], steady_state=BOUNDS)
    with pytest.raises(UserError, match="begins at 20 s, too early for the steady state") as refused:
        check_feasible(early, 5.0)
    assert "22.5 s or later" in str(refused.value)
    assert "--time-scale 3.3" in str(refused.value)
    check_feasible(early, 3.3)


def test_without_a_steady_state_a_change_may_come_at_any_time(tmp_path: Path) -> None:
    check_feasible(scenario(tmp_path, duration_s=200, rate_per_s=80, faults=[{**CUT, "at": "1s"}]), 5.0)
