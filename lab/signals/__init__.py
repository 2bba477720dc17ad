"""Signals: documented time series computed from `observed/` alone. Engines cite them, graders recompute them.

`lab.signals.catalogue` lists every signal; each module computes those of one kind of telemetry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lab.errors import Problem, UserError

if TYPE_CHECKING:
    from lab.recording.observed import Observed
    from lab.signals.columns import Grid, Metrics

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Series:
    """One signal of one subject. `times_s` are interval ends, `values` has NaN where nothing was observed."""

    signal: str
    subject: str
    times_s: Floats
    values: Floats


class SignalTable:
    """All signals of one recording, by (signal, subject)."""

    def __init__(self, series: list[Series]) -> None:
        self._series = {(s.signal, s.subject): s for s in series}

    def get(self, signal: str, subject: str) -> Series | None:
        """One series, None where the recording has no such signal or subject."""
        return self._series.get((signal, subject))

    def names(self) -> set[str]:
        """Signal names present."""
        return {signal for signal, _ in self._series}

    def subjects(self, signal: str) -> list[str]:
        """Subjects of a signal, sorted."""
        return sorted(subject for name, subject in self._series if name == signal)

    def __iter__(self) -> Iterator[Series]:
        return iter(self._series.values())

    def __len__(self) -> int:
        return len(self._series)


def compute_signals(observed: Observed) -> SignalTable:
    """Every signal that the recording's telemetry allows; UserError where its world is not installed."""
    from lab.registration.world import recorded_world
    from lab.signals import datasets, pools, spans, telemetry
    from lab.signals.catalogue import catalogue_of
    from lab.signals.columns import Grid, Metrics

    grid = Grid(observed)
    metrics = Metrics(observed.metrics, grid)
    series = [
        *telemetry.series(observed, metrics, grid),
        *pools.series(observed, metrics, grid),
        *spans.series(observed, metrics, grid),
        *datasets.series(observed, grid),
    ]
    world = observed.system.get("world")
    for own in recorded_world(world).signals if world else ():
        series += _fitting(world, _called(world, own.of, (observed, metrics, grid)), grid.count)
    unknown = {one.signal for one in series} - catalogue_of(world).keys()
    if unknown:
        what = f"world {world!r} computed signals that it has not registered"
        raise UserError(Problem(what, seen=", ".join(sorted(unknown)), expected="names in its catalogue of signals"))
    return SignalTable([s for s in series if not np.isnan(s.values).all()])


def _called(world: Any, reference: str, given: tuple[Observed, Metrics, Grid]) -> Iterable[Any]:
    """What a world's function gives; UserError where it cannot be called so."""
    from lab.registration.failures import failed_world
    from lab.registration.world import loaded

    try:
        found: Iterable[Any] = loaded(reference)(*given)
    except TypeError as error:
        if failed_world(error):
            raise
        what, expected = f"world {world!r} computes no signals by {reference}", "a function of recording, metrics, grid"
        raise UserError(Problem(what, seen=str(error), expected=expected)) from error
    return found


def _fitting(world: Any, given: Iterable[Any], count: int) -> Iterator[Series]:
    """What a world computed; UserError where it is no series of one finite number, or NaN, for each interval."""
    for one in given:
        seen = _unfit(one, count)
        if seen:
            expected = f"lab.signals.Series of {count} floats, one for each scrape interval, NaN where nothing was seen"
            raise UserError(Problem(f"world {world!r} computed what is no signal", seen=seen, expected=expected))
        yield one


def _unfit(one: Any, count: int) -> str:
    """What a thing is that is no series of so many values; empty where it is one."""
    if not isinstance(one, Series):
        return f"{type(one).__name__} {one!r}"[:80]
    for of in (one.times_s, one.values):
        if not isinstance(of, np.ndarray) or of.shape != (count,) or of.dtype.kind != "f":
            return f"{one.signal} of {one.subject} with {np.asarray(of).dtype} of shape {np.shape(of)}"
    if np.isnan(one.values).all():
        return ""  # it is left out
    if {type(text) for text in (one.signal, one.subject)} != {str}:
        return f"signal {one.signal!r} of {one.subject!r}"
    return f"{one.signal} of {one.subject} with an infinite value" if np.isinf(one.values).any() else ""


def load_signals(directory: Path) -> SignalTable:
    """Signals of an `observed/` directory: those kept beside it where they are its own, else computed from its tables.

    UserError where it is not one. This is the one way to them for engines, graders and reports.
    """
    return load_recorded(directory)[1]


def load_recorded(directory: Path) -> tuple[Observed, SignalTable]:
    """An `observed/` directory with its signals; UserError where it is not one.

    The last one is remembered while its files stay as they are: graders and the report ask for it one after the other.
    """
    from lab.recording.observed import load_observed
    from lab.signals.kept import load_kept

    found = _remembered.get(_state(directory))
    if found is None:
        forget_recorded()  # first: two recordings at once take twice the memory
        observed = load_observed(directory)
        found = observed, load_kept(directory) or compute_signals(observed)
        remember_recorded(directory, *found)
    return found


def remember_recorded(directory: Path, observed: Observed, signals: SignalTable) -> None:
    """Keeps what was just written to, or read from, an `observed/` directory, instead of any other."""
    forget_recorded()
    for series in signals:
        series.values.flags.writeable = series.times_s.flags.writeable = False
    _remembered[_state(directory)] = observed, signals


def forget_recorded() -> None:
    """Gives the memory of the last recording back."""
    _remembered.clear()


_remembered: dict[tuple[object, ...], tuple[Observed, SignalTable]] = {}


def _state(directory: Path) -> tuple[object, ...]:
    """What changes when a recording does: its place, and each file's size and time of change."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return (directory.resolve(), *((str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files))
