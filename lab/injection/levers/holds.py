"""Who holds which lever: what a fault or a decoy has pulled, and what a person has set.

A hold ends when whoever pulled the lever puts it back, or when a person sets that lever at that place. In the second
case there is nothing left to put back: the lever is where the person wants it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab.injection.levers.record import Json


@dataclass(frozen=True, slots=True)
class Undo:
    """What is needed to put one lever back, as JSON; idempotent to apply. `previous` is None for a neutral lever."""

    lever: str
    element: str
    previous: Json | None


@dataclass(frozen=True, slots=True, eq=False)
class Hold:
    """A lever in somebody's hands, with what puts it back. Each pull is a hold of its own."""

    undo: Undo
    by_person: bool = False

    def is_on(self, lever: str, element: str) -> bool:
        """Whether it is of this lever at this place."""
        return (self.undo.lever, self.undo.element) == (lever, element)


@dataclass(slots=True)
class Holds:
    """The holds of one testbed, the first one first."""

    _live: list[Hold] = field(default_factory=list)
    _claims: list[list[Hold]] = field(default_factory=list)

    def begin(self, undo: Undo, *, by_person: bool = False) -> Hold:
        """A new hold; of the fault or decoy that is being injected, where one is."""
        hold = Hold(undo, by_person)
        self._live.append(hold)
        for claim in self._claims[-1:]:
            claim.append(hold)
        return hold

    def end(self, hold: Hold) -> bool:
        """Ends a hold; False where it had ended before."""
        if hold not in self._live:
            return False
        self._live.remove(hold)
        return True

    def at(self, lever: str, element: str) -> list[Hold]:
        """The holds of a lever at a place."""
        return [hold for hold in self._live if hold.is_on(lever, element)]

    def of_persons(self) -> list[Hold]:
        """What persons have set and what is to be put back at the end, the first one first."""
        return [hold for hold in self._live if hold.by_person]

    def __iter__(self) -> Iterator[Hold]:
        return iter(tuple(self._live))

    @contextmanager
    def claimed(self) -> Iterator[Claim]:
        """The holds that begin within belong to one fault or decoy."""
        mine: list[Hold] = []
        self._claims.append(mine)
        try:
            yield Claim(self, mine)
        finally:
            self._claims.pop()

    def copy(self) -> Holds:
        """The same holds for a copy of the testbed. Who began them here cannot end them there."""
        return Holds(list(self._live))


@dataclass(frozen=True, slots=True)
class Claim:
    """What one fault or decoy holds."""

    _holds: Holds
    _mine: list[Hold]

    @property
    def is_over(self) -> bool:
        """Whether it held something, and others have set all of it."""
        return bool(self._mine) and not any(hold in self._mine for hold in self._holds)
