"""Recordings of the plane in real time: whole, and of a machine that let it work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lab.recording.observed import Observed
from lab.signals import compute_signals
from tests.services.plane.bench import Stack

BEGIN_S = 1.0
"""Parents of what ran before this scenario second may have begun before the recording."""
FLUSHES = 10
TRIES = 3
BUSY = 0.1
"""Share of calls that time out without any fault: where it is as high in every interval, the machine is too busy."""


def share_of_known_parents(observed: Observed) -> float:
    """Of spans that have a parent."""
    spans = observed.frame("spans")
    below = spans[spans["parent_span_id"].notna() & (spans["time_s"] > BEGIN_S)]
    return float(below["parent_span_id"].isin(set(spans["span_id"])).mean())


def whole(stack: Stack, assembled: Callable[[Path], Observed]) -> Observed:
    """What is assembled of the raw files once spans have their parents: on a busy machine telemetry takes its time."""
    found = assembled(stack.flush())
    for _ in range(FLUSHES):
        if share_of_known_parents(found) > 0.99:
            break
        found = assembled(stack.flush())
    return found


class Levels:
    """Signals of a recording, in windows of scenario time: after `first_s`, up to `last_s`."""

    def __init__(self, observed: Observed) -> None:
        self._signals = compute_signals(observed)

    def _intervals(self, signal: str, subject: str, first_s: float, last_s: float) -> np.ndarray:
        series = self._signals.get(signal, subject)
        assert series is not None, (signal, subject)
        return series.values[(series.times_s > first_s) & (series.times_s <= last_s)]

    def mean(self, signal: str, subject: str, first_s: float, last_s: float) -> float:
        return float(np.nanmean(self._intervals(signal, subject, first_s, last_s)))

    def least(self, signal: str, subject: str, first_s: float, last_s: float) -> float:
        """A busy machine lets calls time out without any fault, in some intervals; a cut does in all."""
        return float(np.nanmin(self._intervals(signal, subject, first_s, last_s)))


def undisturbed(
    record: Callable[[], Observed], link: str, before: tuple[float, float], after: tuple[float, float]
) -> Observed:
    """The first recording in which calls over a link go well in some interval before the fault, and in one after it.

    Else the last one: that it did not heal is for the tests to say. Where calls fail without any fault there is nothing
    to say, and the tests are skipped.
    """

    def goes_well(found: Observed, *windows: tuple[float, float]) -> bool:
        levels = Levels(found)
        return all(levels.least("client_timeout_ratio", link, *window) < BUSY for window in windows)

    found = record()
    for _ in range(TRIES - 1):
        if goes_well(found, before, after):
            return found
        found = record()
    if not goes_well(found, before):
        pytest.skip(f"the machine is too busy: without any fault calls over {link} time out in every interval")
    return found
