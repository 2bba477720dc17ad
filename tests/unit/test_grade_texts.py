"""What a grade tells its reader: what was answered, what was expected, and why it is worth what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from graders.boundary import boundary
from graders.culprit import culprit
from graders.culprit_top_k import culprit_top_k
from graders.decoy_blamed import decoy_blamed
from graders.evidence import evidence
from graders.false_alarm import false_alarm
from graders.kind import kind
from graders.onset import onset
from lab.contracts import Case, Evidence, Grade, Grader, Outcome, TrueDecoy, TrueDegradation, Verdict
from tests.grading_cases import (
    CITED,
    CRASH,
    DECOY,
    ELEMENTS,
    HEALTHY,
    LINK,
    FakeSeries,
    FakeTable,
    case,
    cut_link_table,
    fault,
    finding,
    graded,
    says,
    use_signals,
)

EXPECTED: Mapping[Grader, tuple[str, str]] = {
    boundary: ("boundary", "network"),
    culprit: ("culprit", LINK),
    culprit_top_k: ("culprit-top-k", LINK),
    evidence: ("evidence", "evidence that holds"),
    kind: ("kind", "network-partition"),
    onset: ("onset", "240–245 s"),
}
"""Name of each axis of a fault, and what it expects for the cut link."""
STALE = fault(id="f2", culprit="cache", kind="stale-cache", boundary="data", injected_s=300.0, witnessed_s=320.0)
UNSURE = says(finding(), verdict=Verdict.UNSURE)
every_axis = pytest.mark.parametrize("axis", EXPECTED, ids=[name for name, _ in EXPECTED.values()])


@pytest.fixture(autouse=True)
def _signals(monkeypatch: pytest.MonkeyPatch) -> None:
    use_signals(monkeypatch, cut_link_table())


def texts(grade: Grade | None) -> tuple[str, str]:
    """Answer and explanation of a grade."""
    return graded(grade).answer, graded(grade).explanation


@every_axis
def test_a_case_that_needs_no_look_at_the_findings_says_why(axis: Grader) -> None:
    name, expected = EXPECTED[axis]
    unseen = fault(witnessed_s=None)
    invisible = "no injected fault had a witnessed effect; nobody is judged by what could not be seen"
    told = {
        "failed": (axis(case(CRASH, fault())), Outcome.FAIL, 0.0, "no answer",
                   "the engine failed: exited with status 3: out of tokens"),
        "unsure": (axis(case(UNSURE, fault())), Outcome.FAIL, 0.0, "unsure",
                   "an unsure answer never passes, whatever its findings say"),
        "healthy": (axis(case(HEALTHY, fault())), Outcome.FAIL, 0.0, "healthy",
                    "the engine saw no fault where one had a witnessed effect"),
        "invisible": (axis(case(HEALTHY, unseen)), Outcome.INCONCLUSIVE, None, "healthy", invisible),
        "invisible, unsure": (axis(case(UNSURE, unseen)), Outcome.INCONCLUSIVE, None, "unsure", invisible),
    }  # fmt: skip
    for grade, outcome, value, answer, explanation in told.values():
        mine = "no witnessed onset" if axis is onset and outcome is Outcome.INCONCLUSIVE else expected
        assert grade == Grade(name, outcome, value, answer, mine, explanation)


@pytest.mark.parametrize(
    ("axis", "answer", "explanation"),
    [
        (boundary, "network", "right"),
        (culprit, "features->db (0.80)", "right"),
        (culprit_top_k, "features->db (0.80)", "right"),
        (evidence, "client_error_ratio of features->db 0 → 0.97", "right"),
        (kind, "network-partition", "right"),
        (onset, "243 s", "right; features->db: 0.0 s off, tolerance 60 s"),
    ],
)
def test_a_right_answer_is_called_right(axis: Grader, answer: str, explanation: str) -> None:
    name, expected = EXPECTED[axis]
    assert axis(case(says(finding()), fault())) == Grade(name, Outcome.PASS, 1.0, answer, expected, explanation)


@pytest.mark.parametrize(
    ("axis", "answer", "explanation"),
    [
        (boundary, "model", "wrong"),
        (culprit, "features (0.80)", "wrong; near: features touches the guilty features->db"),
        (culprit_top_k, "features (0.80)", "wrong; near: features touches the guilty features->db"),
        (evidence, "none", "wrong; features: no evidence cited"),
        (kind, "model-regression", "wrong"),
        (onset, "none", "wrong; features: no onset given"),
    ],
)
def test_a_wrong_answer_is_called_wrong(axis: Grader, answer: str, explanation: str) -> None:
    name, expected = EXPECTED[axis]
    wrong = finding("features", boundary="model", kind="model-regression", onset_s=None, evidence=())
    assert axis(case(says(wrong), fault())) == Grade(name, Outcome.FAIL, 0.0, answer, expected, explanation)


@every_axis
def test_an_answer_without_findings_names_nothing_and_is_wrong(axis: Grader) -> None:
    assert texts(axis(case(says(), fault()))) == ("nothing", "wrong")


def test_a_tie_is_told_with_its_expected_value() -> None:
    tie = says(finding("model", 0.9), finding(LINK, 0.9), finding("cache", 0.9), finding("db", 0.2))
    why = "expected value 0.333 over the orders of equally confident findings"
    answer = "cache (0.90), features->db (0.90), model (0.90)"
    assert texts(culprit(case(tie, fault()))) == (answer, why)
    assert graded(culprit(case(tie, fault()))).value == pytest.approx(1 / 3)


def test_of_several_faults_the_share_that_was_found_is_told() -> None:
    half = says(finding(LINK, 0.9), finding("model", 0.8, kind="model-regression", boundary="model", onset_s=500.0))
    assert texts(culprit(case(half, fault(), STALE))) == ("features->db (0.90), model (0.80)", "0.50 of 2")
    found = graded(onset(case(half, fault(), STALE)))
    assert (found.value, found.answer, found.expected) == (0.5, "243 s, 500 s", "240–245 s, 300–320 s")
    assert found.explanation == (
        "0.50 of 2; features->db: 0.0 s off, tolerance 60 s; model: 180.0 s late, tolerance 60 s"
    )


@pytest.mark.parametrize(
    ("axis", "expected"),
    [(boundary, "data, network"), (culprit, "cache, features->db"), (kind, "network-partition, stale-cache")],
)
def test_what_several_faults_ask_for_is_listed_in_one_order(axis: Grader, expected: str) -> None:
    for faults in ((fault(), STALE), (STALE, fault())):
        assert graded(axis(case(HEALTHY, *faults))).expected == expected


def test_more_than_four_equally_confident_elements_are_counted_and_not_listed() -> None:
    five, four = ELEMENTS[:5], ELEMENTS[:4]
    answer, _ = texts(culprit(case(says(*(finding(element, 0.5) for element in five)), fault())))
    assert answer == "cache (0.50), db (0.50), features (0.50), model (0.50) and 1 more"
    answer, _ = texts(culprit(case(says(*(finding(element, 0.5) for element in four)), fault())))
    assert answer == "cache (0.50), db (0.50), features (0.50), model (0.50)"


def test_equally_confident_findings_of_one_element_are_told_by_onset_those_without_first() -> None:
    findings = [finding(onset_s=onset_s) for onset_s in (300.0, None, 0.5, 200.0)]
    for order in (findings, findings[::-1]):
        assert graded(onset(case(says(*order), fault()))).answer == "none, 0.5 s, 200 s, 300 s"


def test_every_guilty_element_that_an_answer_touches_is_told() -> None:
    both = (fault(), fault(id="f2", culprit="features->cache"))
    _, explanation = texts(culprit(case(says(finding("features", 0.9), finding("model", 0.8)), *both)))
    assert explanation == "wrong; near: features touches the guilty features->cache, features->db"


def test_two_near_misses_are_told_apart() -> None:
    _, explanation = texts(culprit(case(says(finding("features", 0.9), finding("db", 0.9)), fault())))
    assert explanation == (
        "wrong; near: db touches the guilty features->db; near: features touches the guilty features->db"
    )


def test_a_guilty_element_is_right_and_not_near_to_another_one() -> None:
    both = (fault(), fault(id="f2", culprit="db"))
    answer = says(finding(LINK, 0.9), finding("db", 0.8))
    assert texts(culprit(case(answer, *both)))[1] == "right"


def test_evidence_that_does_not_hold_is_told_cited_and_finding_by_finding() -> None:
    still = replace(CITED, observed=0.0)
    both = says(finding(evidence=(CITED, still)), finding("db", 0.8, evidence=()))
    answer, explanation = texts(evidence(case(both, fault())))
    cited = "client_error_ratio of features->db 0 → 0.97; client_error_ratio of features->db 0 → 0"
    assert answer == f"none, {cited}"
    assert explanation == ("wrong; db: no evidence cited; client_error_ratio of features->db is cited as unchanged")


# Controls.


def test_a_control_says_what_was_blamed() -> None:
    assert false_alarm(case(HEALTHY)) == Grade("false-alarm", Outcome.PASS, 1.0, "healthy", "healthy", "right")
    blamed = says(finding("model", 0.9), finding("db", 0.9), finding("cache", 0.4))
    assert false_alarm(case(blamed)) == Grade(
        "false-alarm", Outcome.FAIL, 0.0, "fault: db, model", "healthy", "blamed db, model where nothing was injected"
    )


@pytest.mark.parametrize(
    ("answer", "named"), [(HEALTHY, "healthy"), (says(finding("model")), "fault"), (UNSURE, "unsure")]
)
def test_a_control_with_next_to_no_requests_says_how_few(answer: object, named: str) -> None:
    empty = replace(case(answer), requests=99)  # type: ignore[arg-type]
    why = "only 99 requests were observed, expected at least 100; nothing could show"
    assert false_alarm(empty) == Grade("false-alarm", Outcome.INCONCLUSIVE, None, named, "healthy", why)


def test_few_requests_excuse_nobody_where_a_fault_showed() -> None:
    assert graded(culprit(replace(case(HEALTHY, fault()), requests=5))).outcome is Outcome.FAIL


def test_an_alert_by_chance_is_named() -> None:
    rang = replace(case(UNSURE), alerts=("latency", "click-through"))
    why = "an alert fired by chance (latency, click-through); whoever is unsure of its cause is not judged"
    assert false_alarm(rang) == Grade("false-alarm", Outcome.INCONCLUSIVE, None, "unsure", "healthy", why)
    assert graded(culprit(replace(case(UNSURE, fault()), alerts=("latency",)))).outcome is Outcome.FAIL


SATURATED = finding("features", 0.8, boundary="resource", kind="overload")
ANSWERS = "unsure, or features or shoppers (external or resource)"
BROKE = "the load saturates features and broke latency, availability"


def degraded(answer: object) -> Case:
    control = case(answer)  # type: ignore[arg-type]
    truth = replace(control.truth, degraded=TrueDegradation("features", "shoppers", ("latency", "availability")))
    return replace(control, truth=truth)


@pytest.mark.parametrize(
    ("answer", "outcome", "value", "named"),
    [
        (HEALTHY, Outcome.FAIL, 0.0, "healthy"),
        (says(verdict=Verdict.UNSURE), Outcome.PASS, 1.0, "unsure"),
        (says(SATURATED), Outcome.PASS, 1.0, "fault: features (resource)"),
        (says(SATURATED, SATURATED, finding("model", 0.8)), Outcome.FAIL, 0.5,
         "fault: features (resource), model (network)"),
        (says(SATURATED, replace(SATURATED, confidence=0.1), finding("model", 0.5)), Outcome.PASS, 1.0,
         "fault: features (resource)"),
        (says(), Outcome.FAIL, 0.0, "fault: "),
    ],
)  # fmt: skip
def test_a_degraded_control_says_what_its_load_broke(
    answer: object, outcome: Outcome, value: float, named: str
) -> None:
    assert false_alarm(degraded(answer)) == Grade("false-alarm", outcome, value, named, ANSWERS, BROKE)


def test_a_control_that_its_users_degrade_wants_them_named() -> None:
    control = case(says(SATURATED))
    truth = replace(control.truth, degraded=TrueDegradation("shoppers", "shoppers", ("latency",)))
    assert false_alarm(replace(control, truth=truth)) == Grade(
        "false-alarm", Outcome.FAIL, 0.0, "fault: features (resource)", "unsure, or shoppers (external or resource)",
        "shoppers do other things than usual and broke latency",
    )  # fmt: skip


# Decoys.


def test_a_blamed_decoy_is_told_with_its_event_and_its_probability() -> None:
    later = TrueDecoy("d2", "traffic-surge", "shoppers", 300.0)
    tie = says(finding("model", 0.9), finding(LINK, 0.9), finding("cache", 0.3))
    assert decoy_blamed(case(tie, fault(), decoys=(DECOY, later))) == Grade(
        "decoy-blamed", Outcome.FAIL, 0.5, "features->db, model", "not model, shoppers",
        "blamed for a benign event: deploy of model at 225 s; probability 0.500 over tie orders",
    )  # fmt: skip


def test_where_no_decoy_is_blamed_that_is_said() -> None:
    passed = ("decoy-blamed", Outcome.PASS, 1.0)
    right = says(finding(LINK, 0.9), finding("model", 0.4))
    assert decoy_blamed(case(right, fault(), decoys=(DECOY,))) == Grade(
        *passed, "features->db", "not model", "no decoy among the leading findings"
    )
    assert decoy_blamed(case(HEALTHY, fault(), decoys=(DECOY,))) == Grade(
        *passed, "healthy", "not model", "nothing was blamed"
    )
    assert decoy_blamed(case(says(), fault(), decoys=(DECOY,))) == Grade(
        *passed, "nothing", "not model", "no decoy among the leading findings"
    )


def test_the_decoy_axis_says_why_it_judges_nobody() -> None:
    for answer, named in ((CRASH, "no answer"), (UNSURE, "unsure")):
        grade = graded(decoy_blamed(case(answer, fault(), decoys=(DECOY,))))
        assert (grade.grader, grade.answer, grade.expected) == ("decoy-blamed", named, "not model")


# Evidence, flaw by flaw.


def flaw_of(cited: Evidence, onset_s: float | None = 240.0, culprit: str = LINK) -> str:
    return texts(evidence(case(says(finding(culprit, onset_s=onset_s, evidence=(cited,))), fault())))[1]


@pytest.mark.parametrize(
    ("cited", "onset_s", "flaw"),
    [
        (replace(CITED, signal="mood"), 240.0, "mood is not a signal of the catalogue"),
        (replace(CITED, subject="db"), 240.0, "client_error_ratio of db is not in the recording"),
        (replace(CITED, observed=0.0), 240.0, "client_error_ratio of features->db is cited as unchanged"),
        (replace(CITED, observed=5.0), 240.0,
         "client_error_ratio of features->db never was 5: it lies within 0 and 0.97"),
        (replace(CITED, baseline=-5.0), 240.0,
         "client_error_ratio of features->db never was -5: it lies within 0 and 0.97"),
        (Evidence("client_error_ratio", LINK, 0.97, 0.0), 240.0,
         "client_error_ratio of features->db went from 0 to 0.97, not from 0.97 to 0"),
        (CITED, -5.0, "client_error_ratio of features->db has no values before -5 s"),
        (CITED, 500.0, "client_error_ratio of features->db has no values after 500 s"),
    ],
)  # fmt: skip
def test_evidence_that_does_not_hold_says_why(cited: Evidence, onset_s: float, flaw: str) -> None:
    assert flaw_of(cited, onset_s) == f"wrong; {flaw}"


def test_evidence_is_looked_for_in_the_recording_of_the_case_and_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    table = cut_link_table()
    monkeypatch.setattr("lab.signals.load_signals", lambda observed: (read.append(observed), table)[1])
    answer = says(finding(), finding("db", 0.8, evidence=(CITED, replace(CITED, observed=5.0))))
    evidence(case(answer, fault(), observed=Path("runs/x/observed")))
    assert read == [Path("runs/x/observed")]


def test_evidence_beside_the_way_says_where_it_should_lie() -> None:
    assert flaw_of(replace(CITED, subject="cache"), culprit="db") == (
        "wrong; client_error_ratio of cache lies neither on db nor on the way from it to shoppers->features"
    )
    assert flaw_of(CITED, culprit="gremlins") == "wrong; gremlins is no element of the system"


def test_a_change_within_the_noise_is_told_in_standard_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    series = cut_link_table().get("client_error_ratio", LINK)
    assert series is not None
    alternating = series.values.copy()
    alternating[::2] += 4.0
    table = FakeTable({("client_error_ratio", LINK): FakeSeries(series.times_s, alternating)})
    use_signals(monkeypatch, table)
    said = flaw_of(replace(CITED, baseline=2.0, observed=3.0), onset_s=300.0)
    assert said.startswith("wrong; client_error_ratio of features->db did not move beyond its noise: +")
    assert said.endswith(" standard errors")
