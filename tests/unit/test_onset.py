"""Onsets that tie, repeat and collide: the worst order counts, each fault is met once, and order of listing never."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.onset import distance_s, matched, onset
from lab.contracts import Finding, Outcome, TrueFault
from tests.grading_cases import LINK, case, fault, finding, graded, says


def at(time_s: float, number: int = 1, **changes: object) -> TrueFault:
    """A fault that shows in the moment in which it begins."""
    return fault(id=f"f{number}", injected_s=time_s, witnessed_s=time_s, **changes)


def value(findings: list[Finding], *faults: TrueFault) -> float | None:
    return graded(onset(case(says(*findings), *faults))).value


HITS = st.tuples(st.one_of(st.none(), st.integers(0, 2)), st.sampled_from([0.3, 0.6, 0.9]))


@given(st.integers(1, 3), st.lists(HITS, max_size=6))
def test_of_all_orders_of_equally_confident_findings_none_is_worth_less(
    n: int, claims: list[tuple[int | None, float]]
) -> None:
    faults = [at(1000.0 * number, number, culprit=f"guilty-{number}") for number in range(1, n + 1)]
    # Each claim is on an element of its own; it meets one of the faults or none.
    claims = [(None if hit is None or hit >= n else hit, confidence) for hit, confidence in claims]
    findings = [
        finding(f"element-{i}", confidence, onset_s=100_000.0 if hit is None else faults[hit].injected_s)
        for i, (hit, confidence) in enumerate(claims)
    ]
    met = []
    for order in permutations(claims):
        if [c for _, c in order] == sorted((c for _, c in claims), reverse=True):
            met.append(len({hit for hit, _ in order[:n] if hit is not None}))
    confidences = sorted((confidence for _, confidence in claims), reverse=True)
    found = value(findings, *faults)
    assert found is not None
    assert found <= min(met) / n + 1e-12
    if len(claims) <= n or confidences[n - 1] > confidences[n] or len(set(confidences)) == 1:
        assert found == pytest.approx(min(met) / n)


@pytest.mark.parametrize(
    ("hits", "n", "least"),
    [((0, 0, 1, 2), 3, 2), ((0, 1, 2, None, None), 4, 2)],
    ids=["two meet one fault", "two meet none"],
)
def test_in_the_worst_order_first_come_those_that_miss_then_those_that_meet_one_and_the_same_fault(
    hits: tuple[int | None, ...], n: int, least: int
) -> None:
    faults = [at(1000.0 * number, number, culprit=f"guilty-{number}") for number in range(1, n + 1)]
    findings = [
        finding(f"element-{i}", 0.5, onset_s=100_000.0 if hit is None else faults[hit].injected_s)
        for i, hit in enumerate(hits)
    ]
    assert value(findings, *faults) == pytest.approx(least / n)


def test_a_finding_behind_the_first_n_changes_nothing() -> None:
    first = [finding("model", 0.9, onset_s=9000.0), finding("cache", 0.6, onset_s=2000.0)]
    faults = at(1000.0, 1), at(2000.0, 2)
    assert value(first, *faults) == 0.5
    assert value([*first, finding("db", 0.3, onset_s=500.0)], *faults) == 0.5


def test_only_as_many_findings_as_there_are_faults_are_looked_at() -> None:
    wrong, right = finding("model", 0.9, onset_s=900.0), finding("cache", 0.5, onset_s=240.0)
    last = finding("db", 0.3, onset_s=240.0)
    assert value([wrong, right, last], at(240.0)) == 0.0
    assert value([right, last, finding("model", 0.1, onset_s=900.0)], at(240.0)) == 1.0


def test_as_many_findings_as_faults_leave_no_order_to_chance() -> None:
    # Alone, the second onset is nearer to the first fault; beside the first onset it is held against the second one.
    both = [finding(onset_s=240.0), finding(onset_s=295.0)]
    assert value(both, at(240.0, 1), at(355.0, 2)) == 1.0
    explanation = graded(onset(case(says(*both), at(240.0, 1), at(355.0, 2)))).explanation
    assert "0.0 s off" in explanation
    assert "60.0 s early" in explanation


def test_a_finding_said_twice_counts_with_its_higher_confidence() -> None:
    twice = [finding(onset_s=240.0, confidence=0.9), finding(onset_s=240.0, confidence=0.3)]
    assert value([*twice, finding("db", 0.5, onset_s=900.0)], at(240.0)) == 1.0


def test_the_surer_of_two_findings_is_held_against_the_nearer_fault() -> None:
    faults = at(240.0, 1), at(300.0, 2)
    sure, less_sure = finding(onset_s=250.0, confidence=0.9), finding(onset_s=230.0, confidence=0.5)
    assert value([sure, less_sure], *faults) == 0.5, "the second one is 70 s early"
    assert value([finding(onset_s=250.0), finding(onset_s=230.0)], *faults) == 1.0, "of equally sure ones the earlier"


@pytest.mark.parametrize("faults", [1, 2, 3])
def test_the_order_of_listing_changes_nothing(faults: int) -> None:
    findings = [
        finding(onset_s=230.0),
        finding(onset_s=250.0),
        finding(onset_s=None),
        finding(kind="network-latency", onset_s=None),
        finding("db", onset_s=250.0),
    ]
    truth = [at(240.0 + 60 * number, number) for number in range(faults)]
    grades = {graded(onset(case(says(*order), *truth))) for order in permutations(findings)}
    assert len(grades) == 1


def test_a_claim_is_held_against_its_kind_on_its_element_then_its_element_then_any_fault() -> None:
    cut, slow = at(240.0, 1), at(500.0, 2, kind="network-latency")
    other = at(240.0, 3, culprit="cache", kind="network-latency")
    claim = (LINK, "network-latency", 240.0)
    assert matched([claim], [cut, slow, other]) == {claim: slow}
    assert matched([claim], [cut, other]) == {claim: cut}
    assert matched([claim], [other]) == {claim: other}
    assert matched([claim], []) == {}


def test_what_is_left_over_is_held_against_nothing() -> None:
    near, far = (LINK, "network-partition", 241.0), (LINK, "network-partition", 260.0)
    assert matched([far, near], [at(240.0)]) == {near: at(240.0)}


@pytest.mark.parametrize(("onset_s", "says_so"), [(244.9, "0.0 s off"), (245.5, "0.5 s late"), (239.5, "0.5 s early")])
def test_half_a_second_is_early_or_late_already(onset_s: float, says_so: str) -> None:
    assert says_so in graded(onset(case(says(finding(onset_s=onset_s)), fault()))).explanation


def test_a_missing_onset_hides_no_other_one() -> None:
    result = graded(onset(case(says(finding("cache", onset_s=None), finding("db", onset_s=300.0)), fault())))
    assert (result.outcome, result.answer) == (Outcome.FAIL, "none, 300 s")
    assert result.explanation == "wrong; cache: no onset given; db: 55.0 s late, tolerance 60 s"


def test_nothing_is_near_a_fault_that_never_showed() -> None:
    assert distance_s(240.0, fault(witnessed_s=None)) == float("inf")
    assert distance_s(None, fault()) == float("inf")


NIGHTS = replace(case(says()).options, onset_within_s=2 * 86_400.0, period="night", period_s=86_400.0)


@pytest.mark.parametrize(
    ("onset_day", "outcome", "told"),
    [
        (12.0, Outcome.PASS, f"{LINK}: 0 nights off, tolerance 2 nights"),
        (15.0, Outcome.PASS, f"{LINK}: 2 nights late, tolerance 2 nights"),
        (16.5, Outcome.FAIL, f"{LINK}: 3.5 nights late, tolerance 2 nights"),
        (7.0, Outcome.FAIL, f"{LINK}: 4 nights early, tolerance 2 nights"),
    ],
)
def test_where_people_count_in_nights_so_do_its_words(onset_day: float, outcome: Outcome, told: str) -> None:
    injured = fault(injected_s=11 * 86_400.0, witnessed_s=13 * 86_400.0)
    judged = replace(case(says(finding(onset_s=onset_day * 86_400.0)), injured), options=NIGHTS)
    grade = graded(onset(judged))
    assert grade.outcome is outcome
    assert told in grade.explanation
    assert grade.expected == "11d (night 12) to 13d (night 13)"
    assert grade.answer.endswith(f"(night {int(onset_day) + 1})")
