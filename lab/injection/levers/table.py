"""The table of a testbed: for each lever that it has, how it reads and writes it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lab.errors import UserError
from lab.injection.levers.record import ActValue, LeverValue, Place, Record
from lab.systems.topology import System

Owner = TypeVar("Owner")
AnyLever = TypeVar("AnyLever", bound=LeverValue)
AnyAct = TypeVar("AnyAct", bound=ActValue)
Cannot = Callable[[System, Place, Any], str]
"""Why a testbed cannot do this with this value, in words; empty where it can."""


def _can(system: System, place: Place, value: Record) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Control(Generic[Owner]):
    """How one lever is read and written. Its types were checked when it was entered into the table."""

    record: type[LeverValue]
    read: Callable[[Owner, Place], Any]
    write: Callable[[Owner, Place, Any], None]
    cannot: Cannot = _can


class LeverTable(Generic[Owner]):
    """The levers and acts of one testbed; `Owner` is the class whose methods read and write them."""

    def __init__(self, testbed: str) -> None:
        self._testbed = testbed
        self._controls: dict[str, Control[Owner]] = {}
        self._acts: dict[str, Callable[[Owner, Place, Any], None]] = {}

    def lever(
        self,
        record: type[AnyLever],
        read: Callable[[Owner, Place], AnyLever | None],
        write: Callable[[Owner, Place, AnyLever | None], None],
        cannot: Callable[[System, Place, AnyLever], str] = _can,
    ) -> None:
        """Enters a lever. `cannot` says which of its places and values the testbed cannot do, and why."""
        self._controls[record.name] = Control(record, read, write, cannot)

    def act(self, record: type[AnyAct], do: Callable[[Owner, Place, AnyAct], None]) -> None:
        """Enters an act."""
        self._acts[record.name] = do

    def limits(self, record: type[Record]) -> str:
        """What the testbed cannot do with a lever it has, in words for people: the docstring of its `cannot`."""
        control = self._controls.get(record.name)
        return inspect.cleandoc(control.cannot.__doc__ or "") if control else ""

    def __contains__(self, record: object) -> bool:
        """Whether it has a lever or act, by its record or its name."""
        name = record if isinstance(record, str) else getattr(record, "name", None)
        return name in self._controls or name in self._acts

    def __len__(self) -> int:
        return len(self._controls) + len(self._acts)

    def __iter__(self) -> Iterator[str]:
        """The names of all levers and acts."""
        yield from self._controls
        yield from self._acts

    def cannot(self, system: System, element: str, value: LeverValue | ActValue) -> str:
        """Why this cannot be pulled or done here, in words; empty where it can. Element and value are checked."""
        if type(value) not in self:
            return f"the testbed {self._testbed} has no {value.word} {value.name}"
        control = self._controls.get(value.name)
        return control.cannot(system, Place.parse(element), value) if control else ""

    def read(self, owner: Owner, lever: type[AnyLever], element: str) -> AnyLever | None:
        """The lever's present value."""
        value: AnyLever | None = self._control(lever).read(owner, Place.parse(element))
        return value

    def write(self, owner: Owner, lever: type[AnyLever], element: str, value: AnyLever | None) -> None:
        """Sets the lever; None is neutral."""
        self._control(lever).write(owner, Place.parse(element), value)

    def do(self, owner: Owner, element: str, act: ActValue) -> None:
        """Does what has no undo."""
        if act.name not in self._acts:
            raise self._lacks(type(act))
        self._acts[act.name](owner, Place.parse(element), act)

    def _control(self, lever: type[LeverValue]) -> Control[Owner]:
        if lever.name not in self._controls:
            raise self._lacks(lever)
        return self._controls[lever.name]

    def _lacks(self, record: type[Record]) -> UserError:
        return UserError(f"the testbed {self._testbed} has no {record.word} {record.name}")
