"""The trace of an evaluation, for each cause and element; the answer and the explanation are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lab.contracts import Finding
from lab.engines.rules.tree import Cause, Condition
from lab.engines.shifts import Shift

Names = Mapping[str, str]


class State(StrEnum):
    """Whether a condition holds. Unknown: its signal is not recorded."""

    HELD = "held"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Short(StrEnum):
    """What a shift lacks of what a condition asks for."""

    BY = "by"
    TIMES = "times"
    Z = "z"
    CARRIED = "rests on one interval alone"
    COVERED = "known in too few intervals"
    ABRUPT = "not abrupt"
    HIGH = "too high"


@dataclass(frozen=True, slots=True)
class Seen:
    """One subject of a condition's signal: how it moved, and what that lacks of what the condition asks for.

    `by` is the least change that the condition asks for, or the greatest level, in the unit of the signal.
    """

    shift: Shift
    short: tuple[Short, ...] = ()
    by: float = 0.0

    @property
    def moved(self) -> bool:
        return not self.short


@dataclass(frozen=True, slots=True)
class Test:
    """One condition, tried. `seen` is empty where nothing was known of the signal in the window."""

    condition: Condition
    subjects: str
    state: State
    seen: tuple[Seen, ...] = ()
    missing: tuple[str, ...] = ()
    options: tuple[Test, ...] = ()

    @property
    def moved(self) -> tuple[Shift, ...]:
        """Shifts that speak for the condition; for `any`, those of the first option that holds."""
        if self.options:
            return next((option.moved for option in self.options if option.state is State.HELD), ())
        return tuple(seen.shift for seen in self.seen if seen.moved) if self.condition.asks_for_change else ()


@dataclass(frozen=True, slots=True)
class Trial:
    """One cause on one element, in one window. `finding` is there where the cause was named."""

    cause: Cause
    names: Names
    window: Shift | None
    when: tuple[Test, ...]
    unless: tuple[Test, ...]
    finding: Finding | None = None

    @property
    def element(self) -> str:
        """What the cause was tried on: a link, a component, a column, a dataset or a column of one."""
        if "dataset" in self.names:
            return ".".join(self.names[name] for name in ("dataset", "column") if name in self.names)
        return next(self.names[name] for name in ("link", "column", "component") if name in self.names)

    @property
    def culprit(self) -> str:
        return self.cause.culprit.format(**self.names)

    @property
    def missing(self) -> tuple[str, ...]:
        """Signals without which the cause could not be judged; empty where it was judged."""
        tests = [test for test in self.when if test.state is not State.HELD]
        vetoes = [test for test in self.unless if test.state is State.HELD]
        vetoes += [test for test in self.unless if test.state is State.UNKNOWN and test.condition.needed]
        unknown = [test for test in (*tests, *vetoes) if test.state is State.UNKNOWN]
        if len(unknown) < len(tests) + len(vetoes):
            return ()
        return tuple(sorted({signal for test in unknown for signal in test.missing}))
