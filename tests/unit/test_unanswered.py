"""Engines that do not answer: in every denominator as not passed, on a line of their own, and with nothing to gain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.contracts import Diagnosis, EngineFailure, Outcome, TrueFault, Verdict
from lab.errors import ExitCode
from lab.judging.assess import Assessment
from lab.judging.grading import METRIC_GRADERS, grade, registered_graders
from lab.judging.statistics import compare
from lab.runs.campaign import JobResult, Metrics, conclude, metrics, verdicts
from lab.runs.suite import METRICS, parse_threshold
from tests.grading_cases import CRASH, DECOY, HEALTHY, case, fault, finding, says

Answer = Diagnosis | EngineFailure
UNSURE = says(finding(), verdict=Verdict.UNSURE)
GRADERS = {name: grader for name, grader in registered_graders().items() if name != "evidence"}
CASES: tuple[tuple[TrueFault, ...], ...] = ((fault(),), (fault(),), (), ())
"""Two fault cases and two controls, each with a decoy."""
GOOD: tuple[Answer, ...] = (says(finding()), says(finding()), HEALTHY, HEALTHY)
BAD: tuple[Answer, ...] = (says(finding("cache")), says(finding()), says(finding("cache")), HEALTHY)
LOWER_IS_BETTER = {name for name, (_, complement) in METRIC_GRADERS.items() if complement} | set(METRICS[-3:])


def assessed(answers: tuple[Answer, ...]) -> list[Assessment]:
    found = []
    for seed, (answer, faults) in enumerate(zip(answers, CASES, strict=True)):
        judged = case(answer, *faults, decoys=(DECOY,))
        name = "cut" if faults else "quiet"
        found.append(Assessment(name, seed, "x", answer, judged.truth, tuple(grade(judged, GRADERS)), ""))
    return found


def measured(answers: tuple[Answer, ...]) -> dict[str, float | None]:
    found: Metrics = metrics(assessed(answers))
    return {name: summary.value for name, summary in found["x"].items()}


def exit_code(answers: tuple[Answer, ...], *limits: str) -> ExitCode:
    cases = assessed(answers)
    results = [JobResult(one.scenario, one.seed, "", (one,)) for one in cases]
    return conclude(results, [parse_threshold(limit) for limit in limits], ["x"]).exit_code


@pytest.mark.parametrize("silence", [UNSURE, CRASH], ids=["unsure", "crash"])
def test_no_answer_is_neither_an_alarm_nor_a_blamed_decoy_and_passes_nothing(silence: Answer) -> None:
    cases = assessed((silence,) * 4)
    assert {one.outcome for one in cases} == {Outcome.FAIL}
    assert all(one.unanswered for one in cases)
    values = metrics(cases)["x"]
    assert (values["false_alarm_ratio"].value, values["false_alarm_ratio"].n) == (0.0, 2)
    assert (values["decoy_blamed_ratio"].value, values["decoy_blamed_ratio"].n) == (0.0, 4)
    assert (values["culprit_top1"].value, values["culprit_top1"].n) == (0.0, 2)
    assert (values["unanswered_ratio"].value, values["unanswered_ratio"].n) == (1.0, 4)


def test_an_answered_case_is_answered_however_wrong() -> None:
    assert measured(BAD)["unanswered_ratio"] == 0.0
    assert measured((HEALTHY,) * 4)["unanswered_ratio"] == 0.0


@pytest.mark.parametrize("silence", [UNSURE, CRASH], ids=["unsure", "crash"])
@pytest.mark.parametrize("silent", [(0,), (2,), (0, 1), (2, 3), (0, 1, 2, 3)])
def test_falling_silent_betters_no_metric_of_a_right_answer(silence: Answer, silent: tuple[int, ...]) -> None:
    before = measured(GOOD)
    after = measured(tuple(silence if i in silent else answer for i, answer in enumerate(GOOD)))
    for metric, value in before.items():
        now = after[metric]
        if value is None or now is None:
            assert value == now, "no case leaves a denominator"
        else:
            assert now >= value if metric in LOWER_IS_BETTER else now <= value, metric


@pytest.mark.parametrize("silence", [UNSURE, CRASH], ids=["unsure", "crash"])
def test_falling_silent_where_one_would_be_wrong_wins_no_case_and_fails_a_suite_that_does_not_allow_it(
    silence: Answer,
) -> None:
    hedged = tuple(silence if i in (0, 2) else answer for i, answer in enumerate(BAD))
    held = compare(verdicts(assessed(hedged), "x"), verdicts(assessed(BAD), "x"))
    assert (held.better, held.worse, held.unpaired) == (0, 0, 0)
    assert exit_code(hedged, "false_alarm_ratio <= 0") == ExitCode.FAILED
    assert exit_code(hedged) == ExitCode.FAILED, "without thresholds the cases decide"
    assert exit_code(hedged, "false_alarm_ratio <= 0", "unanswered_ratio <= 50%") == ExitCode.OK, "a suite may allow it"
    assert exit_code(hedged, "x.unanswered_ratio <= 49%") == ExitCode.FAILED


def test_a_suite_with_thresholds_and_everything_answered_is_unharmed() -> None:
    assert exit_code(GOOD, "culprit_top1 >= 1") == ExitCode.OK


def test_where_nothing_could_be_seen_unsure_counts_as_an_answer_and_a_crash_does_not() -> None:
    unseen = replace(fault(), witnessed_s=None)
    for answer, unanswered in ((UNSURE, False), (CRASH, True)):
        judged = case(answer, unseen)
        one = Assessment("cut", 1, "x", answer, judged.truth, tuple(grade(judged, GRADERS)), "")
        assert one.unanswered is unanswered
