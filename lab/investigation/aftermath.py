"""What became of an incident: how much of its effect was left over time, what actions did to it, what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.investigation.control import Control
from lab.judging.witness import twin_values
from lab.recording.costs import Amount, incurred, sums
from lab.signals import Series, SignalTable
from lab.signals.catalogue import spec_of

Array = npt.NDArray[np.float64]

MOST_SIGNALS = 8
"""Of the fault's effects, the largest, by which it is judged how much is left of it."""
MENDED = 0.25
"""Share of its effect that may be left where a fault counts as mended."""
LEAST_INTERVALS = 3
MOST_POINTS = 300
_LEAST = 1e-3
"""Of a cost, that is told."""


@dataclass(frozen=True)
class Left:
    """How much of a fault's effects there is: 1 as without any action, 0 as without the fault, by interval end."""

    times_s: Array
    share: Array

    def between(self, from_s: float, until_s: float) -> float | None:
        """The mean share over (from, until]; None where that is less than a few intervals."""
        inside = (self.times_s > from_s) & (self.times_s <= until_s) & ~np.isnan(self.share)
        return float(self.share[inside].mean()) if np.count_nonzero(inside) >= LEAST_INTERVALS else None

    def mended_s(self, since_s: float) -> float | None:
        """From when on little was left for good; None where that never was, or there is too little time to tell."""
        known = ~np.isnan(self.share) & (self.times_s > since_s)
        times_s, share = self.times_s[known], self.share[known]
        if len(share) < LEAST_INTERVALS:
            return None
        smooth = np.array([share[max(0, i - LEAST_INTERVALS + 1) : i + 1].mean() for i in range(len(share))])
        high = np.flatnonzero(smooth > MENDED)
        first = int(high[-1]) + 1 if len(high) else 0
        return float(times_s[first]) if first < len(share) - 1 else None


def left(
    signals: SignalTable,
    control: Control,
    moved: Iterable[Mapping[str, Any]],
    without: SignalTable,
    healthy: SignalTable,
) -> Left:
    """How much of the effects of one fault is in a recording, as the mean over the signals that it moved most.

    `moved`: its entries of `truth/effects.json` of the run without actions. `without` is the recording without that
    fault, `healthy` without any, both with the same actions: what lies between them is what other faults do, and is
    taken away. Held against the control is the rest, so that harm that an action does counts as left. One signal counts
    between -1 and 2.
    """
    shares, times_s = [], np.zeros(0)
    for effect in sorted(moved, key=lambda one: -one["size"])[:MOST_SIGNALS]:
        key = effect["signal"], effect["subject"]
        mine = signals.get(*key)
        if mine is None:
            continue
        count = len(mine.values)
        base = twin_values(control.signals, *key, count)
        if without is not healthy:
            base = base + np.nan_to_num(twin_values(without, *key, count) - twin_values(healthy, *key, count))
        with np.errstate(invalid="ignore"):
            share = np.clip((mine.values - base) / (effect["with"] - effect["without"]), -1, 2)
        shares.append(share)
        times_s = mine.times_s
    if not shares:
        return Left(times_s, np.full(len(times_s), np.nan))
    known = ~np.isnan(shares)
    counts = known.sum(axis=0)
    sums = np.where(known, shares, 0.0).sum(axis=0)
    return Left(times_s, np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))


def costs(
    as_it_was: Sequence[Amount], acted: Sequence[Amount], control: Control, answered_s: float | None
) -> list[dict[str, Any]]:
    """What the incident cost as it went: one definition, whose parts add up.

    `there`: what there was of it in the whole recording; `without`: in the same time without the faults. `incident` is
    what lies between, as a cost: more of what should be little, less of what should be much. It is `until_answer` and
    `after_answer` together (null without an answer). `saved`: what the run without actions cost beyond it. Costs that
    nothing moved are left out.
    """
    plain = {amount.cost.name: amount for amount in control.amounts}
    before = {amount.cost.name: incurred(amount, plain[amount.cost.name]) for amount in as_it_was}
    found = []
    for amount in acted:
        cost, without = amount.cost, plain[amount.cost.name]
        there, usual = (_rounded(one) for one in sums(amount, without))
        incident = _rounded(there - usual if cost.bad == "rises" else usual - there)
        saved = _rounded(before[cost.name] - incident)
        if abs(incident) < _LEAST and abs(saved) < _LEAST:
            continue
        early = None if answered_s is None else _rounded(incurred(amount, without, answered_s))
        found.append({
            "name": cost.name, "unit": cost.unit, "doc": cost.doc, "bad": cost.bad,
            "there": there, "without": usual, "incident": incident, "until_answer": early,
            "after_answer": None if early is None else _rounded(incident - early), "saved": saved,
        })  # fmt: skip
    return found


def _rounded(amount: float) -> float:
    return round(amount, 3) + 0.0


def courses(
    names: Sequence[tuple[str, str]], acted: SignalTable | None, as_it_was: SignalTable, control: Control | None
) -> list[dict[str, Any]]:
    """Signals over the incident: with the actions (where there were some), as it was, and without the faults."""
    found = []
    for signal, subject in names:
        series = as_it_was.get(signal, subject)
        if series is None:
            continue
        step = max(1, -(-len(series.values) // MOST_POINTS))
        entry: dict[str, Any] = {
            "signal": signal, "subject": subject, "unit": spec_of(signal).unit, "doc": spec_of(signal).doc,
            "times_s": [number(at_s) for at_s in series.times_s[step - 1 :: step]],
        }  # fmt: skip
        for key, table in (
            ("with_actions", acted),
            ("as_it_was", as_it_was),
            ("without_fault", control.signals if control else None),
        ):
            one = table.get(signal, subject) if table else None
            if one is not None and len(one.values) == len(series.values):
                entry[key] = _thinned(one, step)
        found.append(entry)
    return found


def _thinned(series: Series, step: int) -> list[float | None]:
    if step == 1:
        return [number(value) for value in series.values]
    groups = np.array_split(series.values, range(step, len(series.values), step))
    return [number(float(np.nanmean(group))) if not np.isnan(group).all() else None for group in groups][
        : len(series.values[step - 1 :: step])
    ]


def number(value: float | None) -> float | None:
    """A number for JSON, to six digits: None for NaN and infinity, and no minus before 0."""
    if value is None or not np.isfinite(value):
        return None
    return float(f"{value:.6g}") + 0.0
