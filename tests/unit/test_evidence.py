"""The evidence axis: a cited signal lies on the culprit or on the way to the symptom, and moved beyond its noise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from graders.evidence import evidence
from graders.paths import elements_between
from lab.contracts import Evidence, Finding, Outcome
from lab.signals.windows import change_and_error, standardised_change
from tests.grading_cases import LINK, FakeSeries, FakeTable, case, fault, finding, graded, says, use_signals

TIMES_S = np.arange(5.0, 601.0, 5.0)
DURING = (TIMES_S > 240) & (TIMES_S <= 420)
RNG = np.random.default_rng(7)
MOVED = 0.1 + 0.5 * DURING + RNG.normal(0, 0.01, len(TIMES_S))
NOISE = 0.1 + RNG.normal(0, 0.05, len(TIMES_S))
ONCE = np.where(TIMES_S == 300, 0.5, 0.0)
WANDERS = 0.3 + 0.1 * np.sin(TIMES_S / 60)

SUBJECTS = (
    "shoppers->features", "features", "features.default_features", LINK, "db", "model", "features->model", "cache",
    "features->cache", "age_years",
)  # fmt: skip
HOST = "host.cpu"


def signal_of(subject: str) -> str:
    """A signal of the catalogue that has such a subject."""
    return {"age_years": "feature_drift_psi", HOST: "cpu_steal_ratio"}.get(subject, "client_error_ratio")


SERIES: Mapping[tuple[str, str], FakeSeries] = {
    (signal_of(subject), subject): FakeSeries(TIMES_S, MOVED) for subject in (*SUBJECTS, HOST)
} | {
    ("noise", LINK): FakeSeries(TIMES_S, NOISE),
    ("once", LINK): FakeSeries(TIMES_S, ONCE),
    ("wanders", LINK): FakeSeries(TIMES_S, WANDERS),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _signals(monkeypatch: pytest.MonkeyPatch) -> None:
    use_signals(monkeypatch, FakeTable(SERIES))


def citing(subject: str, culprit: str = LINK, signal: str = "", low: float = 0.1, high: float = 0.6) -> Finding:
    return finding(culprit, onset_s=240.0, evidence=(Evidence(signal or signal_of(subject), subject, low, high),))


@pytest.mark.parametrize(
    ("culprit", "elsewhere"),
    [
        (LINK, {"model", "features->model", "cache", "features->cache"}),
        ("db", {"model", "features->model", "cache", "features->cache"}),
        ("model", {LINK, "db", "cache", "features->cache", "age_years"}),
        ("cache", {LINK, "db", "model", "features->model"}),
        ("features", {LINK, "db", "model", "features->model", "cache", "features->cache", "age_years"}),
        ("shoppers", {LINK, "db", "model", "features->model", "cache", "features->cache"}),
    ],
)
def test_what_is_cited_lies_on_the_culprit_or_on_the_way_to_the_symptom(culprit: str, elsewhere: set[str]) -> None:
    for cited in SUBJECTS:
        result = graded(evidence(case(says(citing(cited, culprit)), fault())))
        assert (result.outcome is Outcome.PASS) is (cited not in elsewhere), cited
        if cited in elsewhere:
            assert f"lies neither on {culprit} nor on the way from it to shoppers->features" in result.explanation


def test_the_host_under_all_components_is_evidence_against_none_of_them() -> None:
    result = graded(evidence(case(says(citing(HOST, "db")), fault())))
    assert "lies neither on db" in result.explanation


def test_a_culprit_that_is_no_element_has_no_way_to_the_symptom() -> None:
    result = graded(evidence(case(says(citing("features", "gremlins")), fault())))
    assert "gremlins is no element of the system" in result.explanation
    assert elements_between("gremlins", case(says(finding()), fault())) == frozenset()


@pytest.mark.parametrize(("signal", "says_so"), [("noise", "noise"), ("once", "noise"), ("wanders", "noise")])
def test_what_only_trembles_is_no_evidence(signal: str, says_so: str) -> None:
    values = SERIES[signal, LINK].values
    before, during = float(values[TIMES_S <= 240].mean()), float(values[DURING].mean())
    result = graded(evidence(case(says(citing(LINK, signal=signal, low=before, high=during)), fault())))
    assert result.outcome is Outcome.FAIL
    assert f"did not move beyond its {says_so}" in result.explanation


def test_what_moved_the_other_way_is_no_evidence() -> None:
    result = graded(evidence(case(says(citing(LINK, low=0.6, high=0.1)), fault())))
    assert result.outcome is Outcome.FAIL
    assert "not from 0.6 to 0.1" in result.explanation


@pytest.mark.parametrize(("share", "holds"), [(0.8, True), (1.2, False), (9.0, False)])
def test_a_claimed_level_may_lie_a_twentieth_of_the_range_outside_of_it_and_no_further(
    share: float, holds: bool
) -> None:
    room = float(MOVED.max() - MOVED.min()) * 0.05
    for low, high in ((0.1, MOVED.max() + share * room), (MOVED.min() - share * room, 0.6)):
        result = graded(evidence(case(says(citing(LINK, low=float(low), high=float(high))), fault())))
        assert (result.outcome is Outcome.PASS) is holds
        assert holds or "never was" in result.explanation


def test_the_edge_of_that_room_is_within_it(monkeypatch: pytest.MonkeyPatch) -> None:
    step = FakeSeries(TIMES_S, np.where(DURING, 1.0, 0.0))
    use_signals(monkeypatch, FakeTable({(signal_of(LINK), LINK): step}))
    for low, high in ((-0.05, 1.0), (0.0, 1.05)):
        assert graded(evidence(case(says(citing(LINK, low=low, high=high)), fault()))).outcome is Outcome.PASS


@pytest.mark.parametrize(("errors", "outcome"), [(2.99, Outcome.FAIL), (3.01, Outcome.PASS)])
def test_evidence_moved_from_three_standard_errors_on(
    errors: float, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = (240.0, 420.0)
    found = change_and_error(TIMES_S, NOISE, window)
    assert found is not None
    change, error = found
    moved = NOISE + (errors * error - change) * DURING
    use_signals(monkeypatch, FakeTable({(signal_of(LINK), LINK): FakeSeries(TIMES_S, moved)}))
    claimed = citing(LINK, low=float(moved[TIMES_S <= 240].mean()), high=float(moved[DURING].mean()))
    assert graded(evidence(case(says(claimed), fault()))).outcome is outcome


def test_a_level_that_is_what_it_was_before_went_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    spikes = np.where((TIMES_S % 60) == 0, 1.0, 0.0)
    use_signals(monkeypatch, FakeTable({(signal_of(LINK), LINK): FakeSeries(TIMES_S, spikes)}))
    result = graded(evidence(case(says(citing(LINK, low=0.0, high=1.0)), fault())))
    assert result.explanation.endswith("went from 0.0833333 to 0.0833333, not from 0 to 1")


@pytest.mark.parametrize("sign", [1, -1])
def test_a_change_is_measured_in_standard_errors_with_its_sign(sign: int) -> None:
    window = (240.0, 420.0)
    assert sign * standardised_change(TIMES_S, sign * MOVED, window) > 50
    constant = np.where(DURING, 2.0, 1.0)
    assert standardised_change(TIMES_S, sign * constant, window) == sign * np.inf
    assert standardised_change(TIMES_S, np.ones(len(TIMES_S)), window) == 0.0


def test_chance_rarely_passes_for_a_change_even_where_neighbours_resemble_each_other() -> None:
    passed = 0
    for seed in range(300):
        white = np.random.default_rng(seed).normal(0, 1, len(TIMES_S) + 5)
        rolling = np.convolve(white, np.ones(6) / 6, mode="valid")
        passed += abs(standardised_change(TIMES_S, rolling, (240.0, 420.0))) >= 3
    assert passed / 300 < 0.06
