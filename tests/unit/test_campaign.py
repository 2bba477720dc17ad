"""What a campaign's results are worth: metrics with their denominators, thresholds, and the exit code."""

from __future__ import annotations

import resource
from dataclasses import replace
from pathlib import Path

import pytest

from lab.contracts import Case, Diagnosis, EngineFailure, Outcome, TrueDecoy, TrueFault
from lab.engines.host import EngineHost
from lab.errors import ExitCode, RunAbortedError
from lab.judging.assess import Assessment
from lab.judging.grading import grade, registered_graders
from lab.recording.rundir import RunDirectory
from lab.runs import campaign, runner
from lab.runs.campaign import Job, JobResult, conclude, metrics, run_job, tally, verdicts
from lab.runs.suite import METRICS, parse_threshold
from lab.scenario import load_scenario
from tests import simulated
from tests.grading_cases import CRASH, HEALTHY, case, fault, finding, says

UNSEEN = {"witnessed_s": None}


# Evidence needs a recording; every other axis judges the answer alone.
GRADERS = {name: grader for name, grader in registered_graders().items() if name != "evidence"}


def assessed(
    answer: Diagnosis | EngineFailure,
    *faults: TrueFault,
    scenario: str = "cut",
    seed: int = 1,
    engine: str = "rules",
    decoys: tuple[TrueDecoy, ...] = (),
) -> Assessment:
    """One graded case; without faults a control."""
    judged: Case = case(answer, *faults, decoys=decoys)
    return Assessment(scenario, seed, engine, answer, judged.truth, tuple(grade(judged, GRADERS)), "")


RIGHT = assessed(says(finding()), fault())
WRONG = assessed(says(finding("cache")), fault(), seed=2)
CRASHED = assessed(CRASH, fault(), seed=3)
UNSEEN_FAULT = assessed(HEALTHY, fault(**UNSEEN), seed=4)
QUIET = assessed(HEALTHY, scenario="quiet")
ALARM = assessed(says(finding()), scenario="quiet", seed=2)


def result(*cases: Assessment) -> JobResult:
    return JobResult(cases[0].scenario, cases[0].seed, "", cases)


def value(cases: list[Assessment], metric: str, engine: str = "rules") -> tuple[float | None, int, int]:
    summary = metrics(cases)[engine][metric]
    return summary.value, summary.n, summary.inconclusive


def test_every_metric_of_the_suite_file_is_measured() -> None:
    assert tuple(metrics([RIGHT])["rules"]) == METRICS


def test_culprit_top1_is_the_mean_over_faults_that_showed_with_crashes_as_zero() -> None:
    assert value([RIGHT, WRONG, CRASHED, UNSEEN_FAULT, QUIET], "culprit_top1") == (pytest.approx(1 / 3), 3, 1)


def test_false_alarms_are_counted_on_controls_only() -> None:
    assert value([QUIET, ALARM, WRONG], "false_alarm_ratio") == (0.5, 2, 0)


def test_an_engine_that_crashes_on_a_control_stays_in_the_denominator_and_raises_no_alarm() -> None:
    crashed = assessed(CRASH, scenario="quiet", seed=3)
    assert crashed.outcome is Outcome.FAIL
    assert value([ALARM, crashed], "false_alarm_ratio") == (0.5, 2, 0)
    assert value([ALARM, crashed], "unanswered_ratio") == (0.5, 2, 0)


def test_decoy_blamed_ratio_is_the_share_that_fell_for_it() -> None:
    deploy = (TrueDecoy("d1", "deploy", "model", 225.0),)
    fooled = assessed(says(finding("model")), fault(), decoys=deploy)
    wise = assessed(says(finding()), fault(), decoys=deploy, seed=2)
    assert value([fooled, wise, WRONG], "decoy_blamed_ratio") == (0.5, 2, 0)


def test_inconclusive_ratio_counts_runs_not_engines_and_leaves_controls_out() -> None:
    again = assessed(HEALTHY, fault(**UNSEEN), seed=4, engine="chance")
    cases = [RIGHT, UNSEEN_FAULT, again, QUIET]
    assert value(cases, "inconclusive_ratio") == (0.5, 2, 0)
    assert value(cases, "inconclusive_ratio", "chance") == (1.0, 1, 0)


def test_a_metric_without_any_case_has_no_value() -> None:
    assert value([QUIET], "culprit_top1") == (None, 0, 0)


def test_verdicts_are_counted_by_scenario_and_engine() -> None:
    counts = tally([RIGHT, WRONG, UNSEEN_FAULT, QUIET])
    assert counts["cut"]["rules"] == {Outcome.PASS: 1, Outcome.INCONCLUSIVE: 1, Outcome.FAIL: 1}
    assert counts["quiet"]["rules"][Outcome.PASS] == 1


def test_an_inconclusive_case_is_neither_passed_nor_failed_in_comparisons() -> None:
    assert verdicts([RIGHT, WRONG, UNSEEN_FAULT], "rules") == {("cut", 1): True, ("cut", 2): False, ("cut", 4): None}


@pytest.mark.parametrize(
    ("cases", "code"),
    [
        ([RIGHT, QUIET], ExitCode.OK),
        ([RIGHT, WRONG], ExitCode.FAILED),
        ([RIGHT, CRASHED], ExitCode.FAILED),
        ([UNSEEN_FAULT], ExitCode.INCONCLUSIVE),
        ([RIGHT, UNSEEN_FAULT], ExitCode.INCONCLUSIVE),
        ([WRONG, UNSEEN_FAULT], ExitCode.FAILED),
    ],
)
def test_without_thresholds_the_cases_decide(cases: list[Assessment], code: ExitCode) -> None:
    assert conclude([result(one) for one in cases]).exit_code == code


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("culprit_top1 >= 50%", ExitCode.OK),
        ("culprit_top1 >= 0.85", ExitCode.FAILED),
        ("rules.culprit_top1 > 0.5", ExitCode.FAILED),
        ("false_alarm_ratio <= 5%", ExitCode.INCONCLUSIVE),
        ("other.culprit_top1 >= 0.1", ExitCode.INCONCLUSIVE),
    ],
)
def test_with_thresholds_they_decide_and_unknown_is_not_met(limit: str, code: ExitCode) -> None:
    assert conclude([result(RIGHT), result(WRONG)], [parse_threshold(limit)], ["rules"]).exit_code == code


def test_a_threshold_without_engine_is_held_against_each_engine() -> None:
    worse = assessed(says(finding("cache")), fault(), engine="chance")
    concluded = conclude([result(RIGHT, worse)], [parse_threshold("culprit_top1 >= 0.5")], ["rules", "chance"])
    held = [(t.engine, t.holds) for t in concluded.thresholds if t.threshold.metric == "culprit_top1"]
    assert held == [("rules", True), ("chance", False)]


def test_an_aborted_run_outranks_thresholds_that_hold() -> None:
    aborted = JobResult("quiet", 1, problem="steady state does not hold", code=ExitCode.INTERNAL)
    concluded = conclude([result(RIGHT), aborted], [parse_threshold("culprit_top1 >= 0.5")], ["rules"])
    assert concluded.exit_code == ExitCode.INTERNAL


QUIETLY = load_scenario(Path(__file__).parents[1] / "scenarios" / "quiet.scenario.yaml")
JOB = Job(replace(QUIETLY, scenario=QUIETLY.scenario.model_copy(update={"name": "cut"})), 7, ("rules",), fresh=True)


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (RunAbortedError("a decoy breaks the SLO"), "a decoy breaks the SLO", ExitCode.INTERNAL),
        (OSError(5, "Input/output error"), "OSError: [Errno 5] Input/output error", ExitCode.INTERNAL),
        (ZeroDivisionError("oh"), "internal error: ZeroDivisionError: oh", ExitCode.INTERNAL),
    ],
)
def test_a_job_that_goes_wrong_says_why_and_stops_no_other(
    error: Exception, message: str, code: ExitCode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def aborts(*_: object) -> None:
        raise error

    monkeypatch.setattr(runner, "run_scenario", aborts)
    done = run_job(JOB, tmp_path, None)  # type: ignore[arg-type]
    assert (done.scenario, done.seed, done.problem, done.code) == ("cut", 7, message, code)
    assert type(error).__name__ in done.trace


@pytest.mark.parametrize("keep", [True, False])
def test_where_there_is_no_room_for_a_recording_the_place_and_the_remedy_are_named(keep: bool, tmp_path: Path) -> None:
    loaded = simulated.scenario(tmp_path, faults=[], duration_s=60)
    runs = tmp_path / "runs"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # as on a full disk: writing fails half-way
    try:
        done = run_job(Job(loaded, 7, ("rules",), fresh=True), runs, None, keep=keep)  # type: ignore[arg-type]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert done.code is ExitCode.INTERNAL
    assert done.problem.startswith(f"no room to write below {runs}: ")
    assert done.problem.endswith("free space there, or " + ("choose another --runs-dir" if keep else "set TMPDIR"))


@pytest.mark.parametrize("keep", [True, False])
def test_a_run_that_stopped_itself_is_not_graded_and_is_deleted_only_if_asked(
    keep: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = RunDirectory(tmp_path / "cut" / "7-abc", {"status": "stopped: error_ratio above 50%"})
    run.path.mkdir(parents=True)
    monkeypatch.setattr(runner, "run_scenario", lambda *_: run)
    monkeypatch.setattr(campaign, "assess", lambda *_: pytest.fail("graded"))
    done = run_job(JOB, tmp_path, None, keep=keep)  # type: ignore[arg-type]
    assert "stopped: error_ratio above 50%" in done.problem
    assert done.code == ExitCode.INTERNAL
    assert run.path.exists() is keep


def test_engines_share_one_run_and_one_twin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = runner.judge

    def judged(loaded, recorded, *more):  # type: ignore[no-untyped-def]
        def twin(*words: object) -> object:
            made.append("twin")
            return recorded.twin(*words)

        made.append("run")
        return real(loaded, replace(recorded, twin=twin), *more)

    monkeypatch.setattr(runner, "judge", judged)
    loaded = load_scenario("cut.scenario.yaml")
    with EngineHost() as host:
        done = run_job(Job(loaded, 7, ("constant", "chance", "loudest-anomaly")), folder / "runs", host)
    assert len(done.assessments) == 3
    assert made == ["run", "twin"]
