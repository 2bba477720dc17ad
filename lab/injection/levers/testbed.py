"""A testbed as faults see it: levers that are pulled and go back, and acts that have no undo.

Pulling a lever reads its value (the undo), journals it, then writes; reverting writes the value before back. That is
idempotent, so it also works in another process, later.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypedDict, TypeVar

from lab.injection.levers.record import ActValue, Json, LeverValue, lever_type
from lab.systems.topology import System

Event = Literal["intent", "applied", "reverted"]
AnyLever = TypeVar("AnyLever", bound=LeverValue)


@dataclass(frozen=True, slots=True)
class Undo:
    """What is needed to put one lever back, as JSON; idempotent to apply. `previous` is None for a neutral lever."""

    lever: str
    element: str
    previous: Json | None


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

        UserError before anything is changed where the system has no such element or the value does not go with it.
        """
        lever = type(value)
        value.check(self.system, lever.place(self.system, element))
        before, new = self.read(lever, element), value.to_json()
        undo = Undo(lever.name, element, before.to_json() if before is not None else None)
        try:  # the intent within: an interrupt right after it must not leave it open
            self.journal("intent", undo, new)
            self.write(lever, element, value)
            self.journal("applied", undo, new)
            yield
        finally:
            self.revert(undo)

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
