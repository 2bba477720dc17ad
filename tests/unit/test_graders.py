"""What each axis asks of an answer, by example."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graders.boundary import boundary
from graders.culprit import culprit
from graders.culprit_top_k import culprit_top_k
from graders.decoy_blamed import decoy_blamed
from graders.evidence import evidence
from graders.false_alarm import false_alarm
from graders.kind import kind
from graders.onset import onset
from lab.contracts import Evidence, Outcome, Verdict
from lab.errors import ExitCode, UserError
from lab.judging.grading import GraderError, grade, registered_graders
from lab.recording.grades import DECIDING, grades_from_json, grades_to_json, verdict
from tests.grading_cases import (
    CITED,
    CRASH,
    DECOY,
    ELEMENTS,
    HEALTHY,
    LINK,
    case,
    cut_link_table,
    fault,
    finding,
    graded,
    says,
    use_signals,
)

FAULT_AXES = [culprit, culprit_top_k, boundary, kind, onset, evidence]


@pytest.fixture(autouse=True)
def _signals(monkeypatch):
    use_signals(monkeypatch, cut_link_table())


@pytest.mark.parametrize("axis", FAULT_AXES)
def test_a_right_answer_passes(axis):
    result = graded(axis(case(says(finding()), fault())))
    assert (result.outcome, result.value) == (Outcome.PASS, 1.0)


@pytest.mark.parametrize("axis", FAULT_AXES)
def test_controls_have_no_fault_to_find(axis):
    assert axis(case(says(finding()))) is None


@pytest.mark.parametrize("axis", FAULT_AXES)
@pytest.mark.parametrize("answer", [HEALTHY, says(finding(), verdict=Verdict.UNSURE), CRASH])
def test_healthy_unsure_and_failed_engines_fail_where_a_fault_showed(axis, answer):
    result = graded(axis(case(answer, fault())))
    assert (result.outcome, result.value) == (Outcome.FAIL, 0.0)


@pytest.mark.parametrize("axis", FAULT_AXES)
def test_an_invisible_fault_is_inconclusive_for_right_and_wrong_answers_alike(axis):
    unseen = fault(witnessed_s=None)
    for answer in (HEALTHY, says(finding()), says(finding("model")), says(verdict=Verdict.UNSURE)):
        result = graded(axis(case(answer, unseen)))
        assert (result.outcome, result.value) == (Outcome.INCONCLUSIVE, None)


def test_an_end_of_the_guilty_link_is_near_and_no_hit():
    result = graded(culprit(case(says(finding("db")), fault())))
    assert result.outcome is Outcome.FAIL
    assert result.value == 0.0
    assert "near: db touches the guilty features->db" in result.explanation


def test_a_link_of_the_guilty_component_is_near_and_a_stranger_is_not():
    guilty = fault(culprit="cache")
    assert "near" in graded(culprit(case(says(finding("features->cache")), guilty))).explanation
    assert "near" not in graded(culprit(case(says(finding("model")), guilty))).explanation


def test_top_k_finds_what_top_1_misses():
    answer = says(finding("model", 0.9), finding("cache", 0.8), finding(LINK, 0.7))
    assert graded(culprit(case(answer, fault()))).value == 0.0
    assert graded(culprit_top_k(case(answer, fault()))).outcome is Outcome.PASS
    assert graded(culprit_top_k(case(answer, fault(), top_k=2))).outcome is Outcome.FAIL


def test_a_tie_is_worth_its_expected_value_and_passes_only_at_one():
    tie = says(finding("model", 0.9), finding(LINK, 0.9))
    result = graded(culprit(case(tie, fault())))
    assert (result.outcome, result.value) == (Outcome.FAIL, 0.5)
    assert graded(boundary(case(tie, fault()))).outcome is Outcome.PASS


def test_naming_an_element_twice_earns_nothing():
    once = says(finding("model", 0.9), finding(LINK, 0.9))
    twice = says(finding("model", 0.9), finding(LINK, 0.9), finding(LINK, 0.9), finding(LINK, 0.5))
    assert culprit(case(twice, fault())) == culprit(case(once, fault()))


def test_two_faults_need_both_culprits_in_the_first_two_places():
    both = (fault(), fault(id="f2", culprit="cache", kind="stale-cache", boundary="data"))
    half = says(finding(LINK, 0.9), finding("model", 0.8), finding("cache", 0.7))
    assert graded(culprit(case(half, *both))).value == 0.5
    assert graded(culprit_top_k(case(half, *both))).outcome is Outcome.PASS
    right = says(finding(LINK, 0.9), finding("cache", 0.8, kind="stale-cache", boundary="data"))
    assert graded(culprit(case(right, *both))).outcome is Outcome.PASS
    assert graded(kind(case(right, *both))).outcome is Outcome.PASS


def test_an_unwitnessed_fault_beside_a_witnessed_one_neither_earns_nor_costs():
    both = (fault(), fault(id="f2", culprit="cache", witnessed_s=None))
    answer = says(finding("cache", 0.9), finding(LINK, 0.8))
    assert graded(culprit(case(answer, *both))).outcome is Outcome.PASS
    assert graded(culprit(case(says(finding("cache")), *both))).value == 0.0


def test_axes_are_independent_a_wrong_culprit_may_have_the_right_boundary_and_kind():
    answer = says(finding("features->cache"))
    assert graded(culprit(case(answer, fault()))).outcome is Outcome.FAIL
    assert graded(boundary(case(answer, fault()))).outcome is Outcome.PASS
    assert graded(kind(case(answer, fault()))).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("onset_s", "passes", "says_so"),
    [
        (180.0, True, "60.0 s early"),
        (179.0, False, "61.0 s early"),
        (243.0, True, "0.0 s off"),
        (305.0, True, "60.0 s late"),
        (306.0, False, "61.0 s late"),
        (None, False, "no onset given"),
    ],
)
def test_onset_is_measured_from_the_interval_between_injection_and_first_effect(onset_s, passes, says_so):
    result = graded(onset(case(says(finding(onset_s=onset_s)), fault())))
    assert (result.outcome is Outcome.PASS) == passes
    assert says_so in result.explanation


def test_one_onset_cannot_meet_two_faults():
    both = (fault(), fault(id="f2", culprit="cache", injected_s=450.0, witnessed_s=455.0))
    same = says(finding(LINK, 0.9), finding("model", 0.8))
    assert graded(onset(case(same, *both))).value == 0.5
    each = says(finding(LINK, 0.9), finding("model", 0.8, onset_s=452.0))
    assert graded(onset(case(each, *both))).outcome is Outcome.PASS


CUT = fault(id="f1", kind="network-partition", injected_s=240.0, witnessed_s=245.0)
SLOW = fault(id="f2", kind="network-latency", injected_s=450.0, witnessed_s=455.0)


def test_two_faults_on_one_element_are_told_apart_by_kind_and_both_can_be_met():
    both = says(finding(onset_s=243.0), finding(onset_s=452.0, confidence=0.7, kind="network-latency"))
    assert graded(onset(case(both, CUT, SLOW))).outcome is Outcome.PASS
    swapped = says(finding(onset_s=452.0), finding(onset_s=243.0, confidence=0.7, kind="network-latency"))
    assert graded(onset(case(swapped, CUT, SLOW))).value == 0.0
    once = says(finding(onset_s=243.0), finding("model", 0.7, onset_s=100.0))
    assert graded(onset(case(once, CUT, SLOW))).value == 0.5


def test_two_faults_of_one_kind_on_one_element_are_told_apart_by_time():
    again = replace(SLOW, kind=CUT.kind)
    both = says(finding(onset_s=452.0), finding(onset_s=243.0, confidence=0.7))
    assert graded(onset(case(both, CUT, again))).outcome is Outcome.PASS
    twice_the_first = says(finding(onset_s=240.0), finding(onset_s=243.0, confidence=0.7))
    assert graded(onset(case(twice_the_first, CUT, again))).value == 0.5


def test_a_fault_named_twice_with_different_kinds_leaves_room_for_the_other_one():
    other = fault(id="f2", culprit="cache", kind="stale-cache", injected_s=450.0, witnessed_s=455.0)
    answer = says(
        finding(),
        finding(kind="network-latency", confidence=0.79),
        finding("cache", 0.7, kind="stale-cache", onset_s=452),
    )
    assert graded(onset(case(answer, CUT, other))).outcome is Outcome.PASS


@pytest.mark.parametrize("kinds", [["network-partition"] * 24, [f"kind-{i}" for i in range(24)]], ids=["one", "many"])
@pytest.mark.parametrize("faults", [(CUT,), (CUT, SLOW)], ids=["one fault", "two faults"])
def test_naming_every_onset_at_once_earns_nothing(faults, kinds):
    everywhere = says(*(finding(onset_s=25.0 * i, kind=of) for i, of in enumerate(kinds)))
    assert graded(onset(case(everywhere, *faults))).value == 0.0


def test_naming_every_onset_on_other_elements_too_earns_nothing():
    elements = says(*(finding(element, onset_s=75.0 * i) for i, element in enumerate(ELEMENTS)))
    assert graded(onset(case(elements, CUT))).value == 0.0
    agreed = says(finding(onset_s=243.0), finding("db", onset_s=250.0))
    assert graded(onset(case(agreed, CUT))).outcome is Outcome.PASS, "undecided where, and right when in either case"


def test_citing_a_different_flaw_in_every_finding_does_not_make_them_one():
    flawed = [finding(evidence=(replace(CITED, observed=5.0 + i),)) for i in range(23)]
    assert graded(evidence(case(says(finding(), *flawed), fault()))).value == pytest.approx(1 / 24)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (HEALTHY, Outcome.PASS),
        (says(finding()), Outcome.FAIL),
        (says(verdict=Verdict.UNSURE), Outcome.FAIL),
        (CRASH, Outcome.FAIL),
    ],
)
def test_on_a_control_only_healthy_passes(answer, outcome):
    assert graded(false_alarm(case(answer))).outcome is outcome
    assert false_alarm(case(answer, fault())) is None


def test_on_a_control_the_leading_finding_is_what_was_blamed():
    answer = says(finding("a", 0.9), finding("b", 0.3))
    assert graded(false_alarm(case(answer))).explanation == "blamed a where nothing was injected"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(HEALTHY, Outcome.INCONCLUSIVE), (says(finding("model")), Outcome.INCONCLUSIVE), (CRASH, Outcome.FAIL)],
)
@pytest.mark.parametrize("axis", [false_alarm, decoy_blamed])
def test_a_control_with_next_to_no_requests_judges_nobody_but_an_engine_that_failed(axis, answer, outcome):
    empty = graded(axis(replace(case(answer, decoys=(DECOY,)), requests=99)))
    assert empty.outcome is outcome
    if outcome is Outcome.INCONCLUSIVE:
        assert empty.explanation.startswith("only 99 requests were observed, expected at least 100")
    enough = graded(axis(replace(case(answer, decoys=(DECOY,)), requests=100)))
    assert enough.outcome is not Outcome.INCONCLUSIVE


def test_a_control_with_next_to_no_runs_of_jobs_judges_nobody_either():
    few = graded(false_alarm(replace(case(HEALTHY), runs=9)))
    assert few.outcome is Outcome.INCONCLUSIVE
    assert few.explanation.startswith("only 9 runs of jobs were observed, expected at least 10")
    assert graded(false_alarm(replace(case(HEALTHY), runs=10))).outcome is Outcome.PASS


def test_blaming_the_decoy_fails_even_in_a_tie_and_on_controls():
    for faults in ((fault(),), ()):
        assert graded(decoy_blamed(case(says(finding("model")), *faults, decoys=(DECOY,)))).value == 0.0
    tie = graded(decoy_blamed(case(says(finding("model"), finding(LINK)), fault(), decoys=(DECOY,))))
    assert (tie.outcome, tie.value) == (Outcome.FAIL, 0.5)
    assert "deploy of model at 225 s" in tie.explanation


def test_a_decoy_named_after_the_culprit_is_not_blamed():
    answer = says(finding(LINK, 0.9), finding("model", 0.4))
    assert graded(decoy_blamed(case(answer, fault(), decoys=(DECOY,)))).outcome is Outcome.PASS
    assert graded(decoy_blamed(case(HEALTHY, fault(), decoys=(DECOY,)))).outcome is Outcome.PASS


def test_with_two_guilty_a_decoy_among_the_first_two_is_blamed_and_a_third_is_not():
    both = (fault(), fault(id="f2", culprit="cache", kind="stale-cache", boundary="data"))
    second = says(finding(LINK, 0.9), finding("model", 0.8), finding("cache", 0.7))
    assert graded(decoy_blamed(case(second, *both, decoys=(DECOY,)))).outcome is Outcome.FAIL
    third = says(finding(LINK, 0.9), finding("cache", 0.8), finding("model", 0.7))
    assert graded(decoy_blamed(case(third, *both, decoys=(DECOY,)))).outcome is Outcome.PASS


def test_the_decoy_axis_needs_a_decoy_that_is_not_itself_guilty():
    guilty = fault(culprit="model", kind="model-regression", boundary="model")
    assert decoy_blamed(case(says(finding()), fault())) is None
    assert decoy_blamed(case(says(finding("model")), guilty, decoys=(DECOY,))) is None


def test_unsure_failed_and_invisible_are_settled_alike_on_the_decoy_axis():
    unsure, unseen = says(finding(), verdict=Verdict.UNSURE), fault(witnessed_s=None)
    assert graded(decoy_blamed(case(unsure, fault(), decoys=(DECOY,)))).outcome is Outcome.FAIL
    assert graded(decoy_blamed(case(CRASH, unseen, decoys=(DECOY,)))).outcome is Outcome.FAIL
    assert graded(decoy_blamed(case(says(finding("model")), unseen, decoys=(DECOY,)))).value is None


@pytest.mark.parametrize(
    ("cited", "flaw"),
    [
        (replace(CITED, signal="mood"), "mood is not a signal of the catalogue"),
        (replace(CITED, subject="db"), "client_error_ratio of db is not in the recording"),
        (replace(CITED, observed=0.0), "cited as unchanged"),
        (replace(CITED, observed=5.0), "never was 5"),
        (replace(CITED, observed=float("inf")), "never was inf"),
        (Evidence("client_error_ratio", LINK, 0.97, 0.0), "went from 0 to 0.97, not from 0.97 to 0"),
    ],
)
def test_evidence_must_exist_and_have_moved_as_claimed(cited, flaw):
    result = graded(evidence(case(says(finding(onset_s=240.0, evidence=(CITED, cited))), fault())))
    assert (result.outcome, result.value) == (Outcome.FAIL, 0.0)
    assert flaw in result.explanation


def test_citing_nothing_fails_and_an_onset_after_the_revert_leaves_nothing_to_compare():
    assert "no evidence cited" in graded(evidence(case(says(finding(evidence=())), fault()))).explanation
    late = graded(evidence(case(says(finding(onset_s=500.0)), fault())))
    assert "no values after 500 s" in late.explanation


def test_evidence_without_an_onset_is_held_against_the_injection():
    assert graded(evidence(case(says(finding(onset_s=None)), fault()))).outcome is Outcome.PASS


def test_all_graders_of_the_project_are_registered_under_the_names_their_grades_bear():
    with_decoy = grade(case(says(finding()), fault(), decoys=(DECOY,)))
    on_control = grade(case(HEALTHY))
    assert [g.grader for g in with_decoy] == [
        "boundary",
        "culprit",
        "culprit-top-k",
        "decoy-blamed",
        "evidence",
        "kind",
        "onset",
    ]
    assert [g.grader for g in on_control] == ["false-alarm"]
    assert set(registered_graders()) >= DECIDING


def test_a_case_is_decided_by_culprit_false_alarm_and_decoy_and_by_the_worst_of_them():
    sloppy = says(finding(kind="network-latency", onset_s=None, evidence=()))
    assert verdict(grade(case(sloppy, fault(), decoys=(DECOY,)))) is Outcome.PASS
    assert verdict(grade(case(says(finding("model")), fault()))) is Outcome.FAIL
    assert verdict(grade(case(says(finding()), fault(witnessed_s=None)))) is Outcome.INCONCLUSIVE
    assert verdict([]) is Outcome.INCONCLUSIVE


def test_a_grader_that_raises_is_an_internal_error_under_its_name():
    def broken(_):
        raise ZeroDivisionError("no cases")

    with pytest.raises(GraderError, match="grader 'broken' failed: ZeroDivisionError: no cases") as caught:
        grade(case(HEALTHY), {"broken": broken})
    assert caught.value.exit_code == ExitCode.INTERNAL


@pytest.mark.parametrize(
    "changes",
    [{"grader": "culprit"}, {"value": None}, {"value": 1.2}, {"outcome": Outcome.INCONCLUSIVE}],
)
def test_a_grade_that_breaks_the_contract_is_an_internal_error(changes):
    sound = graded(false_alarm(case(HEALTHY)))
    with pytest.raises(GraderError, match="grader 'false-alarm' returned"):
        grade(case(HEALTHY), {"false-alarm": lambda _: replace(sound, **changes)})


def test_grades_survive_their_json_and_anything_else_is_refused():
    grades = grade(case(says(finding("db")), fault(), decoys=(DECOY,)))
    written = grades_to_json(grades)
    assert written["schema_version"] == 1
    assert written["verdict"] == "fail"
    assert grades_from_json(written) == grades
    for broken in ([], {}, {"schema_version": 9, "grades": []}, {"schema_version": 1, "grades": [{"outcome": "won"}]}):
        with pytest.raises(UserError):
            grades_from_json(broken)
    for name, value in (("answer", None), ("grader", 3), ("explanation", []), ("value", "1"), ("value", True)):
        with pytest.raises(UserError, match=f"{name} is"):
            grades_from_json({**written, "grades": [{**written["grades"][0], name: value}]})
