"""Did a fault show? Its true effect by the counterfactual twin, and a test on what was observed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.faults import Witness
from lab.signals import Series, SignalTable
from lab.windows import is_before, is_during, split

Array = npt.NDArray[Any]

SIGNIFICANCE = 0.01
"""Family-wise level of the before/during test, shared by the signals tested (Bonferroni)."""
BLAST_SIGMAS = 4.0


@dataclass(frozen=True, slots=True)
class Witnessed:
    """One declared signal's testimony. `difference` is the mean over the window, fault run minus twin."""

    signal: str
    subject: str
    difference: float
    at_least: float
    p_value: float
    first_s: float | None
    shown: bool


def testify(
    witnesses: Iterable[Witness], signals: SignalTable, twin: SignalTable, at_s: float, until_s: float
) -> list[Witnessed]:
    """What each declared signal says. `*` as subject asks every subject of the signal."""
    asked = [
        (witness, subject)
        for witness in witnesses
        for subject in (signals.subjects(witness.signal) if witness.subject == "*" else [witness.subject])
        if signals.get(witness.signal, subject) is not None
    ]
    return [_ask(w, subject, signals, twin, at_s, until_s, SIGNIFICANCE / len(asked)) for w, subject in asked]


def testify_alone(witnesses: Iterable[Witness], signals: SignalTable, at_s: float, until_s: float) -> list[Witnessed]:
    """The same without a twin, as on a real stack: what was before the fault stands in for what would have been."""
    usual = SignalTable([_before(series, at_s) for series in signals])
    return testify(witnesses, signals, usual, at_s, until_s)


def _before(series: Series, at_s: float) -> Series:
    """A series that stays at its mean before the fault, and is the observed one until then."""
    known, _ = split(series.times_s, series.values, (at_s, at_s))
    level = float(known.mean()) if len(known) else 0.0
    values = np.where(is_before(series.times_s, at_s), series.values, level)
    return Series(series.signal, series.subject, series.times_s, values)


def _ask(
    witness: Witness, subject: str, signals: SignalTable, twin: SignalTable, at_s: float, until_s: float, level: float
) -> Witnessed:
    series = signals.get(witness.signal, subject)
    assert series is not None
    difference = series.values - _twin_values(twin, witness.signal, subject, len(series.values))
    during = is_during(series.times_s, (at_s, until_s)) & ~np.isnan(difference)
    effect = float(difference[during].mean()) if during.any() else 0.0
    p_value = before_during_p(series.times_s, series.values, at_s, until_s)
    beyond = during & (np.abs(difference) >= witness.at_least) & (np.sign(difference) == np.sign(effect))
    shown = abs(effect) >= witness.at_least and p_value < level
    first_s = float(series.times_s[beyond][0]) if shown and beyond.any() else None
    return Witnessed(witness.signal, subject, effect, witness.at_least, p_value, first_s, shown)


def _twin_values(twin: SignalTable, signal: str, subject: str, size: int) -> Array:
    """The twin's series, as long as the run; a signal that only the fault brought into being was zero without it.

    Where one of the two was stopped by the scenario's own conditions, the rest of the other has no counterpart.
    """
    found = twin.get(signal, subject)
    if found is None:
        return np.zeros(size)
    values = np.full(size, np.nan)
    values[: len(found.values)] = found.values[:size]
    return values


def before_during_p(times_s: Array, values: Array, at_s: float, until_s: float) -> float:
    """Two-sided Mann-Whitney p-value of the intervals before against those during; 1 where either is empty.

    A signal that never occurred before (all missing) is taken as zero then.
    """
    from scipy.stats import mannwhitneyu

    before, during = split(times_s, values, (at_s, until_s))
    if not len(before) or not len(during) or (np.ptp(np.concatenate([before, during])) == 0):
        return 1.0
    return float(mannwhitneyu(before, during, alternative="two-sided", method="asymptotic").pvalue)


def effects(signals: SignalTable, twin: SignalTable, at_s: float, until_s: float) -> list[dict[str, Any]]:
    """The fault's true effect on every signal it moved: mean level with and without it while it lasted.

    A signal counts as moved beyond `BLAST_SIGMAS` standard errors of the difference before the fault (and beyond
    rounding). The subjects listed are the blast radius.
    """
    moved = []
    for series in signals:
        other = _twin_values(twin, series.signal, series.subject, len(series.values))
        difference = series.values - other
        during = is_during(series.times_s, (at_s, until_s)) & ~np.isnan(difference)
        if not during.any():
            continue
        level = float(other[during].mean())
        mean = float(difference[during].mean())
        quiet = difference[is_before(series.times_s, at_s) & ~np.isnan(difference)]
        error = float(quiet.std()) / np.sqrt(during.sum()) if len(quiet) else 0.0
        spread = float(np.nanstd(other)) / np.sqrt(during.sum())
        if abs(mean) > max(BLAST_SIGMAS * error, BLAST_SIGMAS * spread, 1e-9):
            entry = {"signal": series.signal, "subject": series.subject, "without": level, "with": level + mean}
            moved.append({k: round(v, 9) if isinstance(v, float) else v for k, v in entry.items()})
    return sorted(moved, key=lambda e: (e["signal"], e["subject"]))
