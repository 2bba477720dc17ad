"""A testbed as faults see it: levers that are pulled and go back, and acts that have no undo.

Pulling a lever reads its value (the undo), journals it, then writes; reverting writes the value before back. That is
idempotent, so it also works in another process, later. A person who sets a lever (`settle`) takes it out of the hands
of whoever pulled it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Literal, TypedDict, TypeVar

from lab.injection.levers.holds import Hold, Holds, Undo
from lab.injection.levers.record import ActValue, Json, LeverValue, Place, lever_type
from lab.systems.topology import System

Event = Literal["intent", "applied", "reverted"]
AnyLever = TypeVar("AnyLever", bound=LeverValue)


class JournalEntry(TypedDict):
    """One event of a lever, as journals have it. `value` is what the lever has then; None where it is neutral."""

    time_s: float
    event: Event
    lever: str
    element: str
    value: Json | None
    previous: Json | None


class Testbed(ABC):
    """What a fault sees of a testbed. Subclasses provide `system` and the abstract methods.

    An element is written as its lever's record has it: `features->db`, `db/users.age_years`,
    `features/steps.db_get.timeout_s`.
    """

    system: System
    __test__ = False

    @cached_property
    def holds(self) -> Holds:
        """Which levers are held, and by whom."""
        return Holds()

    @abstractmethod
    def read(self, lever: type[AnyLever], element: str) -> AnyLever | None:
        """The lever's present value; None where it is neutral."""

    @abstractmethod
    def write(self, lever: type[AnyLever], element: str, value: AnyLever | None) -> None:
        """Sets the lever; None is neutral."""

    @abstractmethod
    def perform(self, element: str, act: ActValue) -> None:
        """Does what has no undo. Element and act are checked."""

    @abstractmethod
    def journal(self, event: Event, undo: Undo, value: Json | None) -> None:
        """Records an event of a lever and the value it has then; durable before it returns where that matters."""

    @contextmanager
    def pull(self, element: str, value: LeverValue) -> Iterator[None]:
        """Gives a lever this value for the duration of the context, and puts the previous one back.

        Where somebody set the lever by `settle` meanwhile, it is theirs, and leaving the context does nothing.
        UserError before anything is changed where the system has no such element or the value does not go with it.
        """
        lever = type(value)
        value.check(self.system, lever.place(self.system, element))
        new = value.to_json()
        undo = Undo(lever.name, element, _json(self.read(lever, element)))
        hold = self.holds.begin(undo)
        try:  # the intent within: an interrupt right after it must not leave it open
            self.journal("intent", undo, new)
            self.write(lever, element, value)
            self.journal("applied", undo, new)
            yield
        finally:
            if self.holds.end(hold):
                self.revert(undo)

    def settle(self, element: str, lever: type[AnyLever], value: AnyLever | None = None) -> None:
        """A person sets a lever, to its neutral value unless one is given, and keeps it so.

        Whoever held the lever at this place holds it no more: their revert will do nothing. What others hold at the
        same element stays as it is, also where this would end it, as a restart does: what made it so is outside of the
        process. `put_back_settled` undoes all of it. UserError before anything is changed, as for `pull`.
        """
        place = lever.place(self.system, element)
        if value is not None:
            value.check(self.system, place)
        new = value if value is not None else lever.neutral(self.system, place)
        held, before = self.holds.at(lever.name, element), self.read(lever, element)
        if not held and before == new:
            return
        undo = Undo(lever.name, element, held[0].undo.previous if held else _json(before))
        others = self._held_beside(place, lever)
        mine = self.holds.begin(undo, by_person=True)
        self.journal("intent", undo, _json(new))
        if before != new:
            self.write(lever, element, new)
        self.journal("applied", undo, _json(new))
        for hold in reversed(held):
            self.holds.end(hold)
            self.journal("reverted", hold.undo, _json(new))
        if _json(new) == undo.previous:  # it is as it was before anybody touched it
            self.holds.end(mine)
            self.journal("reverted", undo, undo.previous)
        for hold, was in others:
            kind = lever_type(hold.undo.lever)
            if self.read(kind, hold.undo.element) != was:
                self.write(kind, hold.undo.element, was)

    def put_back_settled(self) -> None:
        """Undoes what persons have set, the last first; each is tried, even if another one fails."""
        with ExitStack() as undone:
            for hold in self.holds.of_persons():
                self.holds.end(hold)
                undone.callback(self.revert, hold.undo)

    def _held_beside(self, place: Place, lever: type[LeverValue]) -> list[tuple[Hold, LeverValue | None]]:
        """What else is held at an element, and how it reads."""
        beside = [
            hold
            for hold in self.holds
            if Place.parse(hold.undo.element).element == place.element and not hold.is_on(lever.name, str(place))
        ]
        return [(hold, self.read(lever_type(hold.undo.lever), hold.undo.element)) for hold in beside]

    def revert(self, undo: Undo) -> None:
        """Puts one lever back; safe to repeat."""
        self.put_back(undo)
        self.journal("reverted", undo, undo.previous)

    def put_back(self, undo: Undo) -> None:
        """Writes the value before the pull."""
        lever = lever_type(undo.lever)
        self.write(lever, undo.element, lever.from_json(undo.previous) if undo.previous is not None else None)

    def act(self, element: str, act: ActValue) -> None:
        """Does what has no undo: a flush, an announcement. UserError where the system has no such element."""
        act.check(self.system, type(act).place(self.system, element))
        self.perform(element, act)


def _json(value: LeverValue | None) -> Json | None:
    return value.to_json() if value is not None else None
