"""When a trace of a fault first stood out: on what could be seen by then, without any knowledge of what came later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lab.investigation.control import Control
from lab.recording.cut import cut
from lab.recording.observed import Observed
from lab.signals import Series, SignalTable, compute_signals
from lab.signals.windows import is_before

RECENT = 3
"""Intervals whose mean is held against all before them."""
SIGMAS = 4.0
"""Standard errors by which that mean must be off to stand out."""
LEAST_BEFORE = 6
LEAST_SHARE = 0.02
"""Of the usual level, by which a mean must be off however quiet the signal is."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A signal that tells of a fault (its id), and where it goes with it: up (1) or down (-1)."""

    signal: str
    subject: str
    direction: int
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """A limit on a signal that would have paged somebody: `side` is `above` or `below`.

    It never pages in the same time without the fault. `alert_s`: when it would have paged (scenario seconds).
    """

    signal: str
    subject: str
    side: str
    limit: float
    alert_s: float


def stands_out(series: Series, direction: int, since_s: float) -> float | None:
    """The first interval after `since_s` at which the last few values stand out from all before; None for never.

    The mean of the last values is held against level and noise of those up to `since_s`; what comes later is not known.
    """
    known = ~np.isnan(series.values)
    times_s, values = series.times_s[known], series.values[known]
    earlier = values[is_before(times_s, since_s)]
    if len(earlier) < LEAST_BEFORE:
        return None
    level = float(np.median(earlier))
    least = max(SIGMAS * float(earlier.std()) / np.sqrt(RECENT), LEAST_SHARE * abs(level))
    recent = np.convolve(values, np.full(RECENT, 1 / RECENT), "valid")  # one for each interval from the RECENT-th on
    off = (direction * (recent - level) > least) & (times_s[RECENT - 1 :] > since_s)
    return float(times_s[RECENT - 1 :][off][0]) if off.any() else None


def first_visible(
    observed: Observed, signals: SignalTable, pieces: Sequence[Piece], since_s: float
) -> list[float | None]:
    """When each piece first stood out after `since_s`, None for never.

    Most signals are final when their interval ends. Those that ripen (clicks, labels) are looked for on the recording
    cut at each time, as it was seen then.
    """
    found: list[float | None] = []
    cuts = _Cuts(observed, signals, since_s)
    for piece in pieces:
        series = signals.get(piece.signal, piece.subject)
        first_s = None if series is None else stands_out(series, piece.direction, since_s)
        found.append(first_s if first_s is None or cuts.is_final(piece) else cuts.seen_from(piece, first_s))
    return found


class _Cuts:
    """Signals of a recording as they were at earlier times, each time made once."""

    def __init__(self, observed: Observed, signals: SignalTable, since_s: float) -> None:
        self._observed, self._signals, self._since_s = observed, signals, since_s
        self._made: dict[float, SignalTable] = {}
        times_s = next(iter(signals)).times_s if len(signals) else np.zeros(0)
        self._times_s = times_s[times_s > since_s]

    def is_final(self, piece: Piece) -> bool:
        """Whether the signal's values are the same when they are first seen: they do not ripen."""
        if not len(self._times_s):
            return True
        middle_s = float(self._times_s[len(self._times_s) // 2])
        then, now = (table.get(piece.signal, piece.subject) for table in (self._at(middle_s), self._signals))
        if then is None or now is None:
            return then is now
        upto = now.values[: len(then.values)]
        return bool(np.allclose(then.values, upto, rtol=1e-6, atol=1e-9, equal_nan=True))

    def seen_from(self, piece: Piece, first_s: float) -> float | None:
        """The first time from `first_s` on at which what could be seen then stood out."""
        later = self._times_s[self._times_s >= first_s]
        low, high, step = 0, 0, 1
        while high < len(later) and not self._stands_out(piece, float(later[high])):
            low, high, step = high + 1, high + step, 2 * step
        if high >= len(later):
            high = len(later) - 1
            if not self._stands_out(piece, float(later[high])):
                return None
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._stands_out(piece, float(later[middle])) else (middle + 1, high)
        return float(later[high])

    def _stands_out(self, piece: Piece, at_s: float) -> bool:
        series = self._at(at_s).get(piece.signal, piece.subject)
        return series is not None and stands_out(series, piece.direction, self._since_s) is not None

    def _at(self, at_s: float) -> SignalTable:
        if at_s not in self._made:
            self._made[at_s] = compute_signals(cut(self._observed, at_s))
        return self._made[at_s]


def missing_watches(
    signals: SignalTable, control: Control, moved: Iterable[Piece], since_s: float, margin: float = 0.1
) -> list[Watch]:
    """The limits on moved signals that would have told of a fault, the earliest first.

    The limit lies `margin` of the control's range beyond the worst that the signal does without the fault, so that it
    pages nobody then; it pages once two intervals in a row are beyond it.
    """
    found = []
    for piece in moved:
        mine, plain = signals.get(piece.signal, piece.subject), control.signals.get(piece.signal, piece.subject)
        if mine is None:
            continue
        usual = np.zeros(1) if plain is None else plain.values[~np.isnan(plain.values)]
        low, high = float(usual.min()), float(usual.max())
        room = margin * max(high - low, abs(high), abs(low))
        reached = mine.values[~np.isnan(mine.values)]
        if not room and len(reached):  # without the fault it is always 0: any limit above would do
            room = margin * float(np.abs(reached).max())
        limit = high + room if piece.direction > 0 else low - room
        beyond = (mine.values > limit) if piece.direction > 0 else (mine.values < limit)
        beyond &= ~is_before(mine.times_s, since_s)
        twice = np.flatnonzero(beyond[1:] & beyond[:-1])
        if len(twice):
            side = "above" if piece.direction > 0 else "below"
            found.append(Watch(piece.signal, piece.subject, side, limit, float(mine.times_s[twice[0] + 1])))
    return sorted(found, key=lambda watch: (watch.alert_s, watch.signal, watch.subject))
