"""What every registered grader keeps to, ours and a stranger's."""

from __future__ import annotations

from itertools import permutations

import pytest

from lab.contracts import Diagnosis, Grade, Outcome, Verdict
from lab.judging.grading import registered_graders
from tests.grading_cases import CRASH, DECOY, HEALTHY, LINK, case, cut_link_table, fault, finding, says, use_signals

FINDINGS = (
    finding(LINK, 0.8),
    finding("db", 0.8, boundary="data", kind="schema-corruption", onset_s=100.0, evidence=()),
    finding("model", 0.8, boundary="model", kind="model-regression", onset_s=None),
    finding(LINK, 0.3, boundary="service", kind="cpu-throttle", onset_s=400.0),
)
ANSWERS = {
    "right": says(finding()),
    "wrong": says(finding("model", boundary="model", kind="model-regression", onset_s=10.0, evidence=())),
    "tie": says(*FINDINGS),
    "nothing named": says(),
    "healthy": HEALTHY,
    "unsure": says(finding(), verdict=Verdict.UNSURE),
    "crash": CRASH,
}
SECOND = fault(id="f2", culprit="cache", kind="stale-cache", boundary="data", injected_s=300.0, witnessed_s=320.0)
TRUTHS = {
    "control": (),
    "one": (fault(),),
    "two": (fault(), SECOND),
    "invisible": (fault(witnessed_s=None),),
    "partly invisible": (fault(), fault(id="f3", culprit="db", witnessed_s=None)),
}

every_grader = pytest.mark.parametrize("grader", registered_graders().values(), ids=list(registered_graders()))
every_truth = pytest.mark.parametrize("faults", TRUTHS.values(), ids=list(TRUTHS))
with_and_without_decoy = pytest.mark.parametrize("decoys", [(), (DECOY,)], ids=["plain", "decoy"])


@pytest.fixture(autouse=True)
def _signals(monkeypatch):
    use_signals(monkeypatch, cut_link_table())


def test_the_suite_has_graders_to_run_against():
    assert len(registered_graders()) >= 8


@every_grader
@every_truth
@with_and_without_decoy
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=list(ANSWERS))
def test_it_returns_a_sound_grade_or_none_and_the_same_twice(grader, faults, decoys, answer):
    subject = case(answer, *faults, decoys=decoys)
    result = grader(subject)
    assert grader(subject) == result
    if result is None:
        return
    assert isinstance(result, Grade)
    if result.outcome is Outcome.INCONCLUSIVE:
        assert result.value is None
    else:
        assert result.value is not None
        assert 0 <= result.value <= 1
        assert (result.outcome is Outcome.PASS) == (result.value == 1)
    assert result.expected
    assert result.answer
    assert result.explanation


@every_grader
@every_truth
@with_and_without_decoy
def test_whether_it_applies_depends_on_the_truth_and_not_on_the_answer(grader, faults, decoys):
    applies = {grader(case(answer, *faults, decoys=decoys)) is not None for answer in ANSWERS.values()}
    assert len(applies) == 1


@every_grader
@every_truth
@with_and_without_decoy
def test_a_failed_engine_fails_with_its_reason(grader, faults, decoys):
    result = grader(case(CRASH, *faults, decoys=decoys))
    if result is not None:
        assert (result.outcome, result.value) == (Outcome.FAIL, 0.0)
        assert CRASH.reason in result.explanation


@every_grader
@every_truth
@with_and_without_decoy
def test_unsure_never_passes(grader, faults, decoys):
    result = grader(case(ANSWERS["unsure"], *faults, decoys=decoys))
    assert result is None or result.outcome is not Outcome.PASS


@every_grader
@with_and_without_decoy
def test_an_invisible_fault_is_inconclusive_whatever_was_answered(grader, decoys):
    for name, answer in ANSWERS.items():
        result = grader(case(answer, *TRUTHS["invisible"], decoys=decoys))
        if result is not None and name != "crash":
            assert result.outcome is Outcome.INCONCLUSIVE


@every_grader
@every_truth
def test_the_order_findings_are_listed_in_does_not_matter(grader, faults):
    results = [
        grader(case(Diagnosis(Verdict.FAULT, order), *faults, decoys=(DECOY,))) for order in permutations(FINDINGS)
    ]
    assert all(result == results[0] for result in results)
