"""Jobs that need others: each run begins when what it needs has succeeded in its period, and never without it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.engines.rules import diagnose
from lab.investigation.queries.operations import jobs
from lab.investigation.view import Cache, View
from lab.recording.observed import Observed
from lab.recording.opening import find_runs
from lab.runs.following import follow
from lab.scenario import LoadedScenario, load_scenario
from lab.signals import compute_signals
from lab.testbeds.sim.session import SimSession
from tests.branches import compared, written
from tests.cli_cases import lab
from tests.simulated import observe

SYSTEM = Path(__file__).parents[1] / "systems" / "chained.system.yaml"
DAY_S, HOUR_S = 86_400.0, 3600.0
STALL = {"type": "feed-stall", "target": "clean", "at": "4d", "for": "2d"}
CUT = {"type": "network-partition", "target": "extract->shop", "at": "3d", "for": "2d"}


def chained(tmp_path: Path, *faults: Mapping[str, Any], days: int = 10) -> LoadedScenario:
    content = {
        "schema_version": 1, "name": "days", "system": str(SYSTEM), "duration": f"{days}d",
        "faults": [{"id": f"f{n}", **fault} for n, fault in enumerate(faults)],
    }  # fmt: skip
    path = tmp_path / "days.scenario.yaml"
    path.write_text(json.dumps(content), encoding="utf-8")
    return load_scenario(path).seen_by("rich")


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return observe(chained(tmp_path_factory.mktemp("quiet")))


def runs(observed: Observed) -> dict[str, pd.DataFrame]:
    """Of each job the spans of its runs, with the day in which each began, and how many hours into it."""
    spans = observed.frame("spans")
    roots = spans[spans["parent_span_id"].isna()].sort_values("time_s")
    roots = roots.assign(end_s=roots["time_s"] + roots["duration_s"])
    roots = roots.assign(day=roots["time_s"] // DAY_S, hours=roots["time_s"] % DAY_S / HOUR_S)
    return {str(job): of.reset_index(drop=True) for job, of in roots.groupby("service.name")}


def lines(observed: Observed, event: str) -> list[tuple[str, int, str]]:
    """The log lines of an event: who wrote it, in which day, and what."""
    logs = observed.frame("logs")
    mine = logs[logs["event.name"] == event].sort_values(["time_s", "service.name"])
    return list(zip(mine["service.name"], (mine["time_s"] // DAY_S).astype(int), mine["body"], strict=True))


def at(times_s: Iterable[float]) -> Any:
    """These very times, but for how durations are rounded."""
    return pytest.approx(list(times_s), rel=0, abs=1e-6)


def daily(observed: Observed, metric: str, job: str) -> list[float]:
    metrics = observed.frame("metrics")
    mine = metrics[(metrics["metric"] == metric) & (metrics["service.name"] == job)]
    return mine.set_index("time_s")["value"].reindex([DAY_S * (n + 1) for n in range(10)]).tolist()


def test_each_run_begins_at_the_instant_at_which_what_it_needs_has_succeeded(quiet: Observed) -> None:
    of = runs(quiet)
    assert of["extract"]["hours"].tolist() == [1.0] * 10
    assert of["clean"]["time_s"].tolist() == at(of["extract"]["end_s"])
    assert of["sum-up"]["time_s"].tolist() == at(
        of["clean"]["end_s"].clip(lower=of["clean"]["day"] * DAY_S + 2 * HOUR_S)
    )


def test_a_run_of_a_longer_period_needs_the_first_of_the_shorter_ones_in_it(quiet: Observed) -> None:
    of = runs(quiet)
    assert of["plan"]["day"].tolist() == [6]  # a week of the testbed's clock, whose first day is the warm-up
    assert of["plan"]["time_s"].tolist() == at([of["sum-up"]["end_s"][6]])


def test_metrics_tell_how_late_and_how_long_runs_are(quiet: Observed) -> None:
    of = runs(quiet)
    assert daily(quiet, "job.run.duration", "clean") == pytest.approx(of["clean"]["duration_s"].tolist())
    assert daily(quiet, "job.run.delay", "clean") == pytest.approx((of["clean"]["hours"] * HOUR_S - HOUR_S).tolist())
    assert daily(quiet, "job.run.delay", "extract") == [0.0] * 10
    assert daily(quiet, "job.skipped.count", "clean") == [0.0] * 10


def test_signals_tell_it_too(tmp_path: Path) -> None:
    observed = observe(chained(tmp_path, STALL))
    series = {one.signal: one.values for one in compute_signals(observed) if one.subject == "sum-up"}
    late, took, skipped = (series[name] for name in ("job_start_delay_s", "job_duration_s", "job_skipped_ratio"))
    made = np.array([day not in (4, 5) for day in range(10)])
    of = runs(observed)["sum-up"]
    assert skipped.tolist() == (~made).astype(float).tolist()
    assert took[made] == pytest.approx(of["duration_s"].tolist())
    assert late[made] == pytest.approx((of["hours"] * HOUR_S - 2 * HOUR_S).tolist(), abs=1e-6)
    assert np.isnan(took[~made]).all()
    assert np.isnan(late[~made]).all()


def test_who_needs_a_job_that_does_not_run_is_skipped_and_says_why(tmp_path: Path) -> None:
    observed = observe(chained(tmp_path, STALL))
    of = runs(observed)
    others = [day for day in range(10) if day not in (4, 5)]
    assert of["extract"]["day"].tolist() == list(range(10))
    assert of["clean"]["day"].tolist() == of["sum-up"]["day"].tolist() == others
    why = "run skipped: clean did not succeed in its period"
    assert lines(observed, "job_skipped") == [("sum-up", day, why) for day in (4, 5)]
    assert daily(observed, "job.skipped.count", "sum-up") == [float(day in (4, 5)) for day in range(10)]


def test_what_fails_is_tried_again_after_its_backoff_and_ended_where_it_takes_too_long(tmp_path: Path) -> None:
    observed = observe(chained(tmp_path, CUT))
    tries = runs(observed)["extract"]
    cut = tries[tries["day"].isin([3, 4])]
    assert cut["day"].tolist() == [3, 3, 3, 4, 4, 4]
    assert cut["hours"].tolist() == pytest.approx([1, 3 + 1 / 6, 5 + 2 / 6] * 2, abs=0.01)
    assert (cut["status"] != "ok").all()
    assert [day for _, day, _ in lines(observed, "job_retry")] == [3, 3, 4, 4]
    assert {job for job, day, _ in lines(observed, "job_skipped") if day == 3} == {"clean", "sum-up"}
    assert daily(observed, "job.retry.count", "extract") == [2.0 * (day in (3, 4)) for day in range(10)]


def test_a_run_and_its_twin_are_made_again_to_the_byte(tmp_path: Path) -> None:
    loaded = chained(tmp_path, {**CUT, "at": "3d90m"}, {**STALL, "at": "6d2h"})
    with SimSession(loaded, 3) as session:
        follow(session, loaded)
        recorded = session.finish()
        compared(session, recorded, ["f1"], tmp_path / "whole")
    again = observe(loaded, 3)
    assert written(again, tmp_path / "again") == written(recorded.observed, tmp_path / "first")


def test_a_run_that_takes_too_long_is_ended_as_where_its_process_is_killed(tmp_path: Path) -> None:
    cut = {"type": "network-partition", "target": "clean->warehouse", "at": "3d", "for": "1d"}
    observed = observe(chained(tmp_path, cut))
    of = runs(observed)
    ended = of["clean"][of["clean"]["day"] == 3]
    assert ended["status"].tolist() == ["timeout"] * 2
    assert ended["duration_s"].tolist() == pytest.approx([1.5 * HOUR_S] * 2)
    assert np.diff(ended["hours"]) == pytest.approx(1.5 + 5 / 60)
    assert [(job, day) for job, day, _ in lines(observed, "job_timeout")] == [("clean", 3)] * 2
    assert of["clean"]["day"].tolist() == [0, 1, 2, 3, *range(3, 10)]
    assert of["sum-up"]["day"].tolist() == [0, 1, 2, *range(4, 10)]
    spans = observed.frame("spans")
    assert set(spans[spans["parent_span_id"].isna()]["trace_id"]) == set(spans["trace_id"]), "no call without its run"
    calls = spans[(spans["span.kind"] == "client") & (spans["trace_id"].isin(ended["trace_id"]))]
    assert calls["status"].tolist() == ["timeout"] * 2, "whoever is ended still tells what it waited for"
    assert (calls["time_s"] + calls["duration_s"]).tolist() == at(ended["end_s"])


@pytest.mark.parametrize(("delay", "hours", "made"), [("2h", 3.0, range(10)), ("30h", 7.0, [0, 1, 2, *range(5, 10)])])
def test_who_needs_a_job_that_is_late_waits_for_it_to_the_end_of_the_period(
    tmp_path: Path, delay: str, hours: float, made: Iterable[int]
) -> None:
    late = {"type": "feed-stall", "target": "extract", "at": "3d", "for": "2d", "with": {"delay": delay}}
    observed = observe(chained(tmp_path, late))
    of = runs(observed)
    during = of["extract"][(of["extract"]["time_s"] >= 3 * DAY_S + HOUR_S) & (of["extract"]["time_s"] < 5 * DAY_S)]
    assert during["hours"].tolist() == pytest.approx([hours] * len(during))
    assert of["clean"]["day"].tolist() == list(made)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Up to six jobs of one or two hours that need earlier ones, call what often fails, and are tried again."""
    jobs: dict[str, Any] = {}
    for n in range(draw(st.integers(1, 6))):
        hours = draw(st.sampled_from([1, 1, 2]))
        fitting = [name for name, job in jobs.items() if hours % int(job["period"][0]) == 0]
        retries = draw(st.integers(0, 2))
        jobs[f"job-{n}"] = {
            "kind": "job", "period": f"{hours}h", "starts": f"{draw(st.integers(0, 20))}m", "retries": retries,
            "needs": draw(st.lists(st.sampled_from(fitting), unique=True)) if fitting else [],
            "steps": [{"name": "work", "call": "shop", "timeout": "40m"}],
        }  # fmt: skip
        if draw(st.booleans()):
            jobs[f"job-{n}"]["timeout"] = f"{draw(st.integers(5, 35))}m"
        if retries:
            jobs[f"job-{n}"]["backoff"] = f"{draw(st.integers(0, 20))}m"
    shop = {
        "kind": "service", "workers": draw(st.integers(1, 8)), "max_wait": "30m", "background_error_ratio": 0.3,
        "service_time": {"mean": f"{draw(st.integers(1, 15))}m", "cv": 1.0},
    }  # fmt: skip
    return {
        "schema_version": 1, "name": "any", "warmup": "2h", "observe": {"scrape_interval": "1h"},
        "missing_sample_ratio": 0.0, "components": {**jobs, "shop": shop},
        "links": {f"{name}->shop": {"latency": "5ms"} for name in jobs},
    }  # fmt: skip


@given(graph=graphs(), seed=st.integers(1, 999))
@settings(max_examples=20)
def test_in_any_graph_every_run_is_made_after_what_it_needs_or_skipped(
    graph: dict[str, Any], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("graph")
    (directory / "any.system.yaml").write_text(json.dumps(graph), encoding="utf-8")
    scenario = {"schema_version": 1, "name": "any", "system": "any.system.yaml", "duration": "12h"}
    (directory / "any.scenario.yaml").write_text(json.dumps(scenario), encoding="utf-8")
    observed = observe(load_scenario(directory / "any.scenario.yaml").seen_by("rich"), seed)
    of, skipped = runs(observed), observed.frame("logs").query("`event.name` == 'job_skipped'")
    for name, job in graph["components"].items():
        if job["kind"] != "job":
            continue
        period_s = int(job["period"][0]) * HOUR_S
        mine = of.get(name, pd.DataFrame(columns=["time_s", "end_s"]))
        assert (mine["time_s"].to_numpy()[1:] >= mine["end_s"].to_numpy()[:-1] - 1e-6).all(), "one run at a time"
        whole = int(12 * HOUR_S // period_s) - 1  # the last run may not be over when the recording is
        begun = set((mine["time_s"] // period_s).tolist())
        left_out = set((skipped[skipped["service.name"] == name]["time_s"] // period_s).tolist())
        assert begun | left_out >= set(range(whole)), "no run is forgotten"
        for start_s in mine["time_s"][mine["time_s"] >= 0]:
            begins_s = start_s // period_s * period_s
            assert start_s >= begins_s + int(job["starts"][:-1]) * 60 - 1e-6
            for need in job["needs"]:
                good = of[need][of[need]["status"] == "ok"]
                assert ((good["time_s"] >= begins_s) & (good["end_s"] <= start_s + 1e-6)).any(), "it had what it needs"


def test_verdicts_tell_times_by_the_calendar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dated = f"{SYSTEM.read_text(encoding='utf-8')}calendar: {{begins: 2026-10-05, zone: Europe/Berlin, period: night}}"
    (tmp_path / "dated.system.yaml").write_text(dated, encoding="utf-8")
    path = chained(tmp_path, {**STALL, "at": "11d1h10m", "for": "5d"}, days=20).path
    path.write_text(path.read_text(encoding="utf-8").replace(str(SYSTEM), "dated.system.yaml"), encoding="utf-8")
    lab("run", path, "--engine", "naive-thresholds", "--runs-dir", tmp_path / "runs")
    told = capsys.readouterr().out
    assert "night 12, Fri 16 Oct 03:10 – night 17, Wed 21 Oct 03:10, showed at end of night 1" in told
    (run,) = find_runs(tmp_path / "runs")
    grades = json.loads((run / "grades" / "naive-thresholds.json").read_text(encoding="utf-8"))["grades"]
    of_onset = next(grade for grade in grades if grade["grader"] == "onset")
    assert re.search(r"clean: [\d.]+ nights? (early|late|off), tolerance 2 nights", of_onset["explanation"])
    lab("plan", path)
    told = capsys.readouterr().out
    assert "night 12, Fri 16 Oct 03:10" in told
    assert "every 1d, 1h into it, after extract; ended after 90m; up to 1 more attempt" in told


def test_people_see_what_a_job_needs_and_what_its_scheduler_noted(tmp_path: Path) -> None:
    observe(chained(tmp_path, CUT)).write(tmp_path / "observed")
    found = {job["name"]: job for job in jobs(View(tmp_path / "observed", Cache()), 10 * DAY_S)}
    assert (found["clean"]["needs"], found["clean"]["starts_s"]) == (["extract"], HOUR_S)
    assert [line["event"] for line in found["clean"]["notices"]] == ["job_skipped"] * 2
    assert [line["body"] for line in found["extract"]["notices"]][
        -1
    ] == "attempt failed: timeout; trying again (1 of 2)"
    assert len(found["extract"]["runs"]) == 8 + 2 * 3


def test_an_alert_is_resolved_for_the_job_that_it_fired_for(tmp_path: Path) -> None:
    observed = observe(chained(tmp_path, {**STALL, "target": "sum-up"}))
    found = [(alert["service.name"], alert["state"]) for alert in observed.alerts]
    assert found == [("sum-up", "firing"), ("sum-up", "resolved")]


@pytest.mark.parametrize("delay", [None, "30h"], ids=["not at all", "too late"])
def test_the_job_that_does_not_come_is_blamed_and_none_that_waits_for_it(tmp_path: Path, delay: str | None) -> None:
    stall = {"type": "feed-stall", "target": "extract", "at": "9d", "for": "12d"}
    observe(chained(tmp_path, stall | ({"with": {"delay": delay}} if delay else {}), days=21), 3).write(
        tmp_path / "seen"
    )
    assert [(one.kind, one.culprit) for one in diagnose(tmp_path / "seen").findings] == [("feed-stall", "extract")]


def test_what_follows_from_a_failed_call_is_logged_after_it(tmp_path: Path) -> None:
    logs = observe(chained(tmp_path, CUT)).frame("logs")
    last = logs[logs["event.name"] == "job_retry"].groupby("trace_id").tail(1)
    assert len(last) == 4
    for _, retry in last.iterrows():
        together = logs[(logs["trace_id"] == retry["trace_id"]) & (logs["time_s"] == retry["time_s"])]
        assert together["event.name"].tolist()[-2:] == ["job_run", "job_retry"]
        assert set(together["event.name"][:-2]) <= {"call_failed", "job_timeout"}
        assert logs[logs["trace_id"] == retry["trace_id"]]["time_s"].max() == retry["time_s"]
