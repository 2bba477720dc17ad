"""Did a fault show? Its true effect by the counterfactual twin, and a test on what was observed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.injection.faults import Witness
from lab.judging.ranksum import rank_sum_p
from lab.recording.entries import Course, Effect
from lab.signals import Series, SignalTable
from lab.signals.windows import Window, is_before, is_during, split

Array = npt.NDArray[Any]

SIGNIFICANCE = 0.01
"""Family-wise level of the before/during test, shared by the signals tested (Bonferroni)."""
BEFORE_MIN_INTERVALS = 6
"""Scrape intervals before a fault with which a rank test can tell before from during."""
BLAST_SIGMAS = 4.0
"""Standard errors of its own noise by which an effect must differ from none."""
LEAST_NOISE_SHARE = 0.01
"""Noise that is assumed at least, as a share of the larger level: a signal may be constant, but is not known better."""


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


def judge_witnesses(
    witnesses: Iterable[Witness], signals: SignalTable, twin: SignalTable, at_s: float, until_s: float
) -> list[Witnessed]:
    """What each declared signal says. `*` as subject asks every subject of the signal.

    An effect is shown when it is large enough and the before/during test rejects. Where the run differed from its twin
    in no more than half of the window, the test may be of that part: a fault may do nothing until something else
    happens, or from then on. With fewer than `BEFORE_MIN_INTERVALS` before there is no such test: the twin then decides
    alone, if the effect exceeds the signal's own noise as well.
    """
    return _judge_witnesses(witnesses, signals, twin, (at_s, until_s), counterfactual=True)


def judge_witnesses_alone(
    witnesses: Iterable[Witness], signals: SignalTable, at_s: float, until_s: float
) -> list[Witnessed]:
    """The same without a twin, as on a real stack: what was before the fault stands in for what would have been.

    With too little before, nothing can stand in for it, and nothing is shown.
    """
    usual = SignalTable([_before(series, at_s) for series in signals])
    return _judge_witnesses(witnesses, signals, usual, (at_s, until_s), counterfactual=False)


def _judge_witnesses(
    witnesses: Iterable[Witness], signals: SignalTable, twin: SignalTable, window: Window, *, counterfactual: bool
) -> list[Witnessed]:
    questions = [
        (witness, series, twin_values(twin, witness.signal, subject, len(series.values)))
        for witness in witnesses
        for subject in (signals.subjects(witness.signal) if witness.subject == "*" else [witness.subject])
        if (series := signals.get(witness.signal, subject)) is not None
    ]
    level = SIGNIFICANCE / max(1, sum(_can_show(series, other, window) for _, series, other in questions))
    return [_judge_one(*question, window, level, counterfactual) for question in questions]


def _can_show(series: Series, other: Array, window: Window) -> bool:
    """Whether a signal differs from its twin's at all while a fault lasts: where it does not, there is no test."""
    difference = np.nan_to_num(series.values - other)
    return bool((difference[is_during(series.times_s, window)] != 0).any())


def _before(series: Series, at_s: float) -> Series:
    """A series that stays at the mean that this one has before the fault; at 0 where there is nothing before it."""
    known, _ = split(series.times_s, series.values, (at_s, at_s))
    level = float(known.mean()) if len(known) else 0.0
    return Series(series.signal, series.subject, series.times_s, np.full(len(series.values), level))


def _judge_one(
    witness: Witness, series: Series, other: Array, window: Window, level: float, counterfactual: bool
) -> Witnessed:
    difference = series.values - other
    during = is_during(series.times_s, window) & ~np.isnan(difference)
    effect = float(difference[during].mean()) if during.any() else 0.0
    p_value = before_during_p(series.times_s, series.values, *window)
    beyond = during & (np.abs(difference) >= witness.at_least) & (np.sign(difference) == np.sign(effect))
    if counterfactual and p_value >= level and beyond.any():
        p_value = min(p_value, _felt_p(series, window, beyond))
    is_distinct = p_value < level
    if counterfactual and len(split(series.times_s, series.values, window)[0]) < BEFORE_MIN_INTERVALS:
        is_distinct = abs(effect) > BLAST_SIGMAS * _noise_sd(other, difference, during) / np.sqrt(max(1, during.sum()))
    shown = bool(abs(effect) >= witness.at_least and is_distinct)
    first_s = float(series.times_s[beyond][0]) if shown and beyond.any() else None
    return Witnessed(witness.signal, series.subject, effect, witness.at_least, p_value, first_s, shown)


def _felt_p(series: Series, window: Window, beyond: Array) -> float:
    """As `before_during_p` of the part of a window from the first to the last interval of a mask; 1 for most of it."""
    felt_s = series.times_s[beyond]
    is_felt = (series.times_s >= felt_s[0]) & (series.times_s <= felt_s[-1])
    if 2 * is_felt.sum() > is_during(series.times_s, window).sum():
        return 1.0
    before, _ = split(series.times_s, series.values, window)
    felt = series.values[is_felt]
    return rank_sum_p(before, felt[~np.isnan(felt)]) if len(before) else 1.0


def first_shown_s(said: Iterable[Witnessed]) -> float | None:
    """When the first of the witnesses showed an effect, in scenario seconds; None where none did."""
    return min((one.first_s for one in said if one.first_s is not None), default=None)


def _noise_sd(twin: Array, difference: Array, during: Array) -> float:
    """What an effect varies by, per interval: as the signal does without the fault, or as the effect itself does.

    The latter is for signals that are constant without the fault: one odd interval is not an effect that lasts.
    """
    return max(_known_sd(twin), float(difference[during].std()) if during.any() else 0.0)


def _known_sd(values: Array) -> float:
    """Standard deviation of the known values, 0 where there are none: `np.nanstd`, which takes three times as long."""
    known = ~np.isnan(values)
    count = np.count_nonzero(known)
    if not count:
        return 0.0
    off = np.where(known, values - np.where(known, values, 0.0).sum() / count, 0.0)
    return float(np.sqrt((off * off).sum() / count))


def twin_values(twin: SignalTable, signal: str, subject: str, size: int) -> Array:
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
    before, during = split(times_s, values, (at_s, until_s))
    if not len(before) or not len(during) or (np.ptp(np.concatenate([before, during])) == 0):
        return 1.0
    return rank_sum_p(before, during)


def effects(signals: SignalTable, twin: SignalTable, at_s: float, until_s: float) -> list[Effect]:
    """The fault's true effect on every signal it moved, the largest first: mean level with and without it.

    A signal counts as moved beyond `BLAST_SIGMAS` standard errors of its noise. `size` is the effect in standard
    deviations of that noise, by which signals of different units are compared. The subjects are the blast radius.
    """
    moved: list[Effect] = []
    for series in signals:
        other = twin_values(twin, series.signal, series.subject, len(series.values))
        difference = series.values - other
        during = is_during(series.times_s, (at_s, until_s)) & ~np.isnan(difference)
        if not during.any():
            continue
        level, effect = float(other[during].mean()), float(difference[during].mean())
        quiet = difference[is_before(series.times_s, at_s) & ~np.isnan(difference)]
        least = LEAST_NOISE_SHARE * max(abs(level), abs(level + effect), 1e-9)
        noise = max(_noise_sd(other, difference, during), float(quiet.std()) if len(quiet) else 0.0, least)
        if abs(effect) > BLAST_SIGMAS * noise / np.sqrt(during.sum()):
            moved.append(
                {
                    "signal": series.signal,
                    "subject": series.subject,
                    "without": round(level, 9),
                    "with": round(level + effect, 9),
                    "size": round(abs(effect) / noise, 9),
                }
            )
    return sorted(moved, key=lambda e: (-e["size"], e["signal"], e["subject"]))


def courses(signals: SignalTable, twin: SignalTable, names: Iterable[str]) -> list[Course]:
    """What these signals would have been without the fault, interval by interval: their series of the twin."""
    found: list[Course] = []
    for name in names:
        for subject in signals.subjects(name):
            series = signals.get(name, subject)
            assert series is not None
            values = twin_values(twin, name, subject, len(series.values)).tolist()
            plain = [None if isnan(value) else round(value, 9) for value in values]
            found.append({"signal": name, "subject": subject, "without": plain})
    return found
