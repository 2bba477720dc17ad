"""One definition of before and during: which intervals count, and that everybody who compares levels uses it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from graders.evidence import flaw
from lab.contracts import Evidence, Outcome
from lab.engines.rules import diagnose
from lab.engines.rules.shipped import shipped_tree
from lab.engines.rules.words import humanised
from lab.injection.faults import Witness
from lab.judging import witness
from lab.judging.assess import assess
from lab.report.format import quantity
from lab.report.matrix import Entry
from lab.report.model import view
from lab.report.panels import series_levels
from lab.runs.runner import run_scenario
from lab.runs.signature import measured
from lab.signals import Series, SignalTable, load_signals
from lab.signals.catalogue import spec_of
from lab.signals.windows import is_before, is_during, levels, split
from tests.simulated import scenario

TIMES_S = np.arange(1, 41) * 5.0
WINDOW = (100.0, 150.0)
SIGNAL, SUBJECT = "client_error_ratio", "a->b"


def test_an_interval_counts_by_its_end_before_up_to_the_injection_and_during_up_to_the_revert() -> None:
    assert TIMES_S[is_before(TIMES_S, 100.0)].tolist() == TIMES_S[:20].tolist()
    assert TIMES_S[is_during(TIMES_S, WINDOW)].tolist() == [105, 110, 115, 120, 125, 130, 135, 140, 145, 150]
    assert TIMES_S[is_before(TIMES_S, 101.0)][-1] == 100.0, "an interval that the injection falls into is during"
    assert TIMES_S[is_during(TIMES_S, (101.0, 149.0))][[0, -1]].tolist() == [105.0, 145.0]


def test_of_several_windows_before_is_before_the_first_and_during_is_during_any() -> None:
    before, during = split(TIMES_S, TIMES_S, (100.0, 110.0), (50.0, 55.0))
    assert before.tolist() == TIMES_S[:10].tolist()
    assert during.tolist() == [55, 105, 110]


def test_missing_values_are_left_out_and_a_signal_never_seen_before_was_zero() -> None:
    values = np.where(TIMES_S > 100, 3.0, np.nan)
    assert levels(TIMES_S, values, WINDOW) == (0.0, 3.0)
    values[0] = 2.0
    assert levels(TIMES_S, values, WINDOW) == (2.0, 3.0)


@pytest.mark.parametrize("window", [(0.0, 50.0), (200.0, 250.0), (100.0, 102.0)])
def test_without_an_interval_on_both_sides_there_are_no_levels(window: tuple[float, float]) -> None:
    assert levels(TIMES_S, TIMES_S, window) is None


def test_witness_parity_report_and_evidence_see_the_same_two_levels() -> None:
    # Squares: taking one interval more or less at either edge changes a mean.
    series = Series(SIGNAL, SUBJECT, TIMES_S, TIMES_S**2)
    table, nothing = SignalTable([series]), SignalTable([Series(SIGNAL, SUBJECT, TIMES_S, np.zeros(len(TIMES_S)))])
    pair = levels(series.times_s, series.values, WINDOW)
    assert pair == ((TIMES_S[:20] ** 2).mean(), (TIMES_S[20:30] ** 2).mean())

    assert series_levels(series, [WINDOW]) == pair
    effect = measured(series, WINDOW, 0.0, 0.05)
    assert effect is not None
    assert (effect.change, effect.sign) == (pair.change, 1)
    assert witness.judge_witnesses([Witness(SIGNAL, SUBJECT, 0.1)], table, nothing, *WINDOW)[
        0
    ].difference == pytest.approx(pair.during)
    assert witness.judge_witnesses_alone([Witness(SIGNAL, SUBJECT, 0.1)], table, *WINDOW)[
        0
    ].difference == pytest.approx(pair.change)
    contradicted = flaw(Evidence(SIGNAL, SUBJECT, pair.during, pair.before), table, *WINDOW)
    assert [float(n) for n in re.findall(r"[\d.]+", contradicted)[:2]] == pytest.approx(list(pair), rel=1e-4)


def test_one_signal_of_one_run_is_reported_with_one_pair_of_numbers(tmp_path: Path) -> None:
    """Evidence, the why-chain and the report's panel of a real run, and the axis that recomputes the evidence."""
    slow = {"type": "network-latency", "target": "desk->db", "at": "60s", "for": "50s"}
    run = run_scenario(scenario(tmp_path, duration_s=150, rate_per_s=30, faults=[slow]), 3, tmp_path / "runs")
    answer = diagnose(run.observed)
    finding = answer.findings[0]
    assert (finding.culprit, finding.kind) == ("desk->db", "network-latency")
    run.write_diagnosis("rules", answer)
    grades = [g for g in assess(run, "rules").grades if g.grader == "evidence"]
    assert [g.outcome for g in grades] == [Outcome.PASS]

    panels = {
        (p.signal, p.subject): (p.before, p.during) for p in view(Entry(run, run.grades(), "x"), ["rules"]).panels
    }
    signals, told_in_why = load_signals(run.observed), 0
    tree = shipped_tree(None)
    for fact in finding.evidence:
        unit = spec_of(fact.signal).unit
        assert panels[fact.signal, fact.subject] == (quantity(fact.baseline, unit), quantity(fact.observed, unit))
        series = signals.get(fact.signal, fact.subject)
        assert series is not None
        assert finding.onset_s is not None
        # The window that rules found ends somewhere in the fault or with it: its level before is settled by its onset.
        before, _ = split(series.times_s, series.values, (finding.onset_s, 150.0))
        assert fact.baseline == pytest.approx(before.mean(), abs=1e-6)
        if any(because.moved == fact.signal for cause in tree.causes for because in cause.because):
            pair = [humanised(fact.signal, level) for level in (fact.baseline, fact.observed)]
            told_in_why += any(all(number in why for number in pair) for why in finding.why)
    assert told_in_why, "the why-chain speaks of none of the cited signals, so this shows nothing"
