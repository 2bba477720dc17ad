"""What a topology may say of a world: operations of calls, and numbers that configure it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Setting:
    """A number in a configuration: what it means, its unit (`s`; empty for a count) and its limits.

    With a `default` it may be left out.
    """

    doc: str
    unit: str = ""
    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    is_whole: bool = False
    default: float | None = None

    def fits(self, value: object) -> bool:
        """Whether a value is such a number."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        if self.is_whole and not float(value).is_integer():
            return False
        return (
            (self.above is None or value > self.above)
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )

    @property
    def limits(self) -> str:
        """The limits in words, as `more than 0 and at most 10`."""
        words = (("more than", self.above), ("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{word} {limit:.10g}" for word, limit in words if limit is not None)

    @property
    def expected(self) -> str:
        """What a value may be, in words."""
        kind = "seconds" if self.unit == "s" else "a whole number" if self.is_whole else "a number"
        return ", ".join(part for part in (kind, self.limits) if part)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a call may do: the kind of component that does it, and what that component must have for it.

    `caller_settings` are those of the component that calls for it, as of a job that writes into a database. Without a
    `needed` operation, and its answer, the world cannot run. `after`: operations that whoever calls for it has called
    for in earlier steps, since it uses what they took. `doc` says what it does, where the name does not.
    `checks`: datasets that it looks at, and it fails where they are not as they should be.
    """

    kind: str
    needed: bool = False
    settings: Mapping[str, Setting] = field(default_factory=dict)
    caller_settings: Mapping[str, Setting] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    doc: str = ""
    checks: tuple[str, ...] = ()
