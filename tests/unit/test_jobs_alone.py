"""A system without users, driven by jobs for weeks, is run, recorded, judged, diagnosed and reported as any other."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.contracts import Verdict
from lab.engines.rules import diagnose
from lab.engines.rules.explain import lines
from lab.engines.rules.inference import Inference
from lab.engines.rules.shipped import shipped_tree
from lab.errors import RunAbortedError, UserError
from lab.recording.observed import Observed, load_observed, requests_seen, symptom_link
from lab.recording.opening import find_runs
from lab.recording.slis import sli_series
from lab.runs.runner import run_scenario
from lab.scenario import LoadedScenario, load_scenario
from lab.scenario.plan import peak_rate, plan
from lab.signals import load_recorded
from lab.systems.files import load_system
from tests.cli_cases import lab
from tests.simulated import observe

SYSTEM = Path(__file__).parents[1] / "systems" / "nightly.system.yaml"
DAY_S = 86_400.0
STALL = {"type": "feed-stall", "target": "sum-up", "at": "10d", "for": "4d"}
CUT = {"type": "network-partition", "target": "load->warehouse", "at": "10d", "for": "30h"}
FEWER = {"observe": {"scrape_interval": "30m", "sampling": {"traces": "20%", "slow": "1h"}}}


def nightly(tmp_path: Path, *faults: Mapping[str, Any], duration: str = "21d", **keys: Any) -> LoadedScenario:
    """Three weeks of it, with these faults."""
    path = tmp_path / "weeks.scenario.yaml"
    content = {
        "schema_version": 1, "name": "weeks", "system": str(SYSTEM), "duration": duration,
        "faults": [{"id": f"f{n}", **fault} for n, fault in enumerate(faults)], **keys,
    }  # fmt: skip
    path.write_text(json.dumps(content), encoding="utf-8")
    return load_scenario(path)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return observe(nightly(tmp_path_factory.mktemp("quiet")), seed=1)


def test_its_jobs_run_as_often_as_their_periods_say(quiet: Observed) -> None:
    metrics = quiet.frame("metrics")
    runs = metrics[metrics["metric"] == "job.run.count"].groupby("service.name")["value"].sum()
    assert runs["sum-up"] == pytest.approx(21, abs=2)
    assert runs["load"] == pytest.approx(21 * 24, rel=0.03)  # a scrape in a hundred is missing


def test_it_says_that_nobody_sends_requests(quiet: Observed) -> None:
    assert (quiet.system["users"], quiet.system["entry"]) == (None, None)
    assert quiet.alerts == []


def test_each_run_of_a_job_is_a_trace_that_begins_with_it(quiet: Observed) -> None:
    spans = quiet.frame("spans")
    roots = spans[spans["parent_span_id"].isna()]
    assert set(roots["service.name"]) == {"load", "sum-up"}
    assert roots["trace_id"].is_unique
    assert set(spans["trace_id"]) == set(roots["trace_id"])


def test_freshness_is_told_in_periods_of_the_job_that_is_most_overdue(quiet: Observed) -> None:
    system = load_system(str(SYSTEM), SYSTEM.parent)
    level = sli_series(quiet.metrics, system, ["job_age_periods"])["job_age_periods"]
    assert level.of is not None
    times_s, values = level.known()
    assert len(times_s) > 900
    assert 0 < values.min() < values.max() < 1.5
    assert set(level.of) == {"load", "sum-up"}


def test_a_control_is_healthy(tmp_path: Path) -> None:
    run = run_scenario(nightly(tmp_path), 2, tmp_path / "runs")
    assert diagnose(run.observed).verdict is Verdict.HEALTHY
    assert (requests_seen(run.observed), symptom_link(run.observed)) == (None, "")


@pytest.mark.parametrize(
    ("fault", "fired"), [(STALL, {("fresh", "sum-up")}), (CUT, {("fresh", "load"), ("runs", "load")})]
)
def test_what_breaks_a_job_fires_its_alert_is_named_and_graded(
    tmp_path: Path, fault: Mapping[str, Any], fired: set[tuple[str, str]]
) -> None:
    run = run_scenario(nightly(tmp_path, fault), 3, tmp_path / "runs")
    observed, answer = load_observed(run.observed), diagnose(run.observed)
    assert {(a["slo"], a["service.name"]) for a in observed.alerts if a["state"] == "firing"} == fired
    assert [(f.kind, f.culprit) for f in answer.findings] == [(fault["type"], fault["target"])]
    assert abs((answer.findings[0].onset_s or 0) - 10 * DAY_S) < 1.5 * DAY_S
    text = " ".join(answer.findings[0].why)
    assert re.search(r"\d (h|d|%)", text), text
    assert not re.search(r"\d{5}", text), "times are told in hours and days"


def test_sixty_days_of_it_are_told_in_days_and_runs_of_jobs(tmp_path: Path) -> None:
    """Seconds of weeks say nothing, and nobody sends requests: neither is in the page, grades and rules explained."""
    fault = {**STALL, "at": "30d6h", "for": "10d"}
    path = nightly(tmp_path, fault, duration="60d").path
    runs = ("--runs-dir", tmp_path / "runs")
    assert lab("run", path, "--seed", 1, "--engine", "rules", *runs) == 0
    (run,) = find_runs(tmp_path / "runs")
    page = re.sub(r"<(style|script).*?</\1>", "", (run / "report.html").read_text(encoding="utf-8"), flags=re.DOTALL)
    told = re.sub(r"<[^>]+>", " ", page)
    assert "30d6h" in page
    assert "is the mean of 5h" in page
    assert "A typical run of a job during the fault" in told
    assert not re.search(r"\brequests?\b|/s\b", told)
    grades = {grade["grader"]: grade for grade in json.loads((run / "grades" / "rules.json").read_text())["grades"]}
    assert grades["onset"]["expected"].startswith("30d6h–3")
    assert re.search(r"age_s of sum-up 1\d h → [56]\.\d+ d", grades["evidence"]["answer"])
    loaded, signals = load_recorded(run / "observed")
    trials = Inference(loaded, shipped_tree(None), signals).trials()
    explained = "\n".join(line for trial in trials for line in lines(trial))
    assert "window 30d" in explained
    assert not re.search(r"(?<![\d.])\d{6}| \de\+", explained)


def test_sampled_traces_are_those_of_slow_and_failed_runs(tmp_path: Path) -> None:
    """No run has users at its root; what is slow is a run of the nightly job that takes more than an hour."""
    spans = observe(nightly(tmp_path, duration="10d", **FEWER), seed=1).frame("spans")
    roots = spans[spans["parent_span_id"].isna()]
    slow = roots["duration_s"] >= 3600
    assert slow.any()
    assert (roots["sample_weight"][slow] == 1).all()
    assert (roots["sample_weight"][~slow] == 5).all()
    assert len(roots) == pytest.approx(10 * 24 / 5, rel=0.5)


def test_a_plan_of_it_says_that_jobs_drive_it(tmp_path: Path) -> None:
    loaded = nightly(tmp_path, STALL)
    assert peak_rate(loaded) == 0
    assert [act.lever for act in plan(loaded).timeline] == ["feed.freeze"] * 2


@pytest.mark.parametrize(
    ("condition", "stops"),
    [
        ({"sli": "job_age_periods", "above": 2.5, "for": "2h"}, True),
        ({"sli": "job_failure_ratio", "above": "90%", "for": "2h"}, False),
        ({"sli": "job_age_periods", "above": 6, "for": "2h"}, False),
    ],
)
def test_a_run_stops_where_a_job_is_late_for_too_long(
    tmp_path: Path, condition: Mapping[str, Any], stops: bool
) -> None:
    loaded = nightly(tmp_path, STALL, duration="16d", safety={"stop_when": [condition]})
    assert (observe(loaded, seed=1).end_s < 16 * DAY_S) == stops


def test_a_steady_state_of_jobs_is_checked(tmp_path: Path) -> None:
    bound = [{"sli": "job_age_periods", "below": 0.5}]
    with pytest.raises(RunAbortedError, match="job_age_periods was"):
        run_scenario(nightly(tmp_path, STALL, steady_state=bound), 1, tmp_path / "runs")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"load": {"stages": [{"for": "21d", "rate": "1/h"}]}}, "a load, but nobody sends requests"),
        ({"degraded": {"element": "warehouse"}}, "takes no requests"),
        ({"steady_state": [{"sli": "error_ratio", "below": "1%"}]}, "'error_ratio' needs a component of kind 'users'"),
    ],
)
def test_what_only_requests_have_is_refused_with_the_reason(
    tmp_path: Path, keys: Mapping[str, Any], expected: str
) -> None:
    with pytest.raises(UserError) as refused:
        nightly(tmp_path, **keys)
    assert expected in str(refused.value)
