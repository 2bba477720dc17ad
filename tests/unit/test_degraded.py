"""Controls that are not well: saturated by their own load, or with an alert that fired by chance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from graders.decoy_blamed import decoy_blamed
from graders.false_alarm import false_alarm
from lab.cli import main
from lab.contracts import Case, Diagnosis, EngineFailure, Outcome, TrueDecoy, TrueDegradation, Verdict
from lab.errors import ExitCode
from lab.judging.assess import Assessment
from lab.judging.grading import grade, registered_graders
from lab.recording.grades import verdict
from lab.runs.campaign import metrics
from tests.grading_cases import CRASH, DECOY, HEALTHY, case, finding, graded, says
from tests.simulated import scenario

UNSURE = says(verdict=Verdict.UNSURE)
SATURATED = finding("features", boundary="resource", kind="overload")
GRADERS = {name: grader for name, grader in registered_graders().items() if name != "evidence"}


def degraded(answer: Diagnosis | EngineFailure, *decoys: TrueDecoy) -> Case:
    control = case(answer, decoys=decoys)
    return replace(
        control, truth=replace(control.truth, degraded=TrueDegradation("features", "shoppers", ("latency",)))
    )


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        (UNSURE, True),
        (says(finding("model"), verdict=Verdict.UNSURE), True),
        (says(SATURATED), True),
        (says(finding("shoppers", boundary="external", kind="traffic-surge")), True),
        (says(SATURATED, finding("model", 0.5)), True),
        (says(finding("features", boundary="service")), False),
        (says(finding("model", boundary="resource")), False),
        (says(finding("model", 0.9), SATURATED), False),
        (HEALTHY, False),
        (CRASH, False),
    ],
)
def test_a_degraded_control_wants_unsure_or_the_saturated_element_or_the_users(
    answer: Diagnosis | EngineFailure, passes: bool
) -> None:
    result = graded(false_alarm(degraded(answer)))
    assert (result.outcome is Outcome.PASS) is passes
    assert result.expected == "unsure, or features or shoppers (external or resource)"
    assert verdict(grade(degraded(answer), GRADERS)) is result.outcome


def test_a_tie_of_a_right_and_a_wrong_place_is_half_right_and_fails() -> None:
    result = graded(false_alarm(degraded(says(SATURATED, finding("model", SATURATED.confidence)))))
    assert (result.outcome, result.value) == (Outcome.FAIL, 0.5)


def test_a_decoy_is_not_blamed_by_unsure_and_the_saturated_element_is_no_decoy() -> None:
    assert graded(decoy_blamed(degraded(UNSURE, DECOY))).outcome is Outcome.PASS
    assert graded(decoy_blamed(degraded(says(finding("model")), DECOY))).outcome is Outcome.FAIL
    assert decoy_blamed(degraded(UNSURE, TrueDecoy("d1", "traffic-surge", "shoppers", 40.0))) is None


def test_the_metrics_distinguish_a_missed_degradation_a_false_alarm_and_no_answer() -> None:
    answers = [UNSURE, says(SATURATED), HEALTHY, says(finding("model")), CRASH]
    cases = []
    for seed, answer in enumerate(answers):
        judged = degraded(answer)
        cases.append(Assessment("sale", seed, "x", answer, judged.truth, tuple(grade(judged, GRADERS)), ""))
    measured = metrics(cases)["x"]
    found = {m: (measured[m].value, measured[m].n) for m in ("false_alarm_ratio", "degraded_missed_ratio")}
    assert found == {"false_alarm_ratio": (0.2, 5), "degraded_missed_ratio": (0.2, 5)}
    assert (measured["unanswered_ratio"].value, measured["unanswered_ratio"].n) == (0.2, 5)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(UNSURE, Outcome.INCONCLUSIVE), (HEALTHY, Outcome.PASS), (says(finding()), Outcome.FAIL), (CRASH, Outcome.FAIL)],
)
def test_where_an_alert_fired_by_chance_unsure_is_not_judged_and_everything_else_is(
    answer: Diagnosis | EngineFailure, outcome: Outcome
) -> None:
    rang = replace(case(answer), alerts=("click-through",))
    assert graded(false_alarm(rang)).outcome is outcome
    assert graded(false_alarm(replace(rang, alerts=()))).outcome is (
        Outcome.FAIL if outcome is Outcome.INCONCLUSIVE else outcome
    )


def test_the_dry_run_says_which_answers_would_be_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sale = scenario(tmp_path, degraded={"element": "model"})
    assert main(["plan", str(sale.path)]) == ExitCode.OK
    output = capsys.readouterr().out
    assert "the load saturates model, and an SLO is to break" in output
    assert "right answers are 'unsure', and model or people (resource or external)" in output
