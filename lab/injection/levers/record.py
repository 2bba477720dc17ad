"""The record of a lever: a pydantic model of its value, from which everything else derives.

Names, elements, checks, the dry run, `docs/levers.md`, the support of each testbed and the contract tests come from
these records. A lever is pulled with an instance of its record; journals hold the instance as JSON.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from lab.errors import ParameterError, Problem, UserError, nearest
from lab.files.units import MAX_DURATION_S
from lab.plugins import claimed_twice
from lab.systems.topology import System
from lab.systems.worlds import world_of

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A share of one, 0 to 1."""
Seconds = Annotated[float, Field(ge=0, le=MAX_DURATION_S, allow_inf_nan=False)]
Factor = Annotated[float, Field(ge=1e-6, le=1e6, allow_inf_nan=False)]
"""What something is multiplied by: a millionth to a million."""

Json: TypeAlias = Mapping[str, JsonValue]
Part = Literal["", "table", "column", "feature", "key"]
"""What of an element is changed; empty for the element as a whole."""
Kept = Literal["leased", "journalled"]
"""`leased`: where changes can end by themselves, this one does unless it is renewed. `journalled`: only a revert
ends it."""

PROCESSES = frozenset({"service", "database", "cache", "model", "job"})
"""Kinds of elements that are processes."""
FORMS: Mapping[Part, str] = {
    "": "ELEMENT",
    "table": "COMPONENT/TABLE",
    "column": "COMPONENT/TABLE.COLUMN",
    "feature": "COMPONENT/FEATURE",
    "key": "COMPONENT/KEY",
}
"""How the place of a lever is written."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lever is pulled: an element of the system, and the part of it that is changed."""

    element: str
    part: str = ""

    @classmethod
    def parse(cls, text: str) -> Place:
        """From `features->db`, `db/users.age_years` or `features/steps.db_get.timeout_s`."""
        element, _, part = text.partition("/")
        return cls(element, part)

    @property
    def table(self) -> str:
        return self.part.partition(".")[0]

    @property
    def column(self) -> str:
        return self.part.partition(".")[2]

    def __str__(self) -> str:
        return f"{self.element}/{self.part}" if self.part else self.element


class Record(BaseModel):
    """What levers and acts have in common: a name, the elements they are for, a typed value."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: ClassVar[str] = ""
    on: ClassVar[frozenset[str]] = frozenset()
    """Kinds of elements."""
    part: ClassVar[Part] = ""
    is_content: ClassVar[bool] = False
    """Changes what a world keeps; a system without a world has nothing to change."""
    word: ClassVar[str] = ""

    def __init__(self, **values: Any) -> None:
        """ParameterError, which names the field, where a value does not fit."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _refused(type(self), error) from None

    @classmethod
    def doc(cls) -> str:
        """The docstring's text: one line for lists, what to know of it after that."""
        return inspect.cleandoc(cls.__doc__ or "")

    @classmethod
    def headline(cls) -> str:
        """What it does, in one line."""
        return cls.doc().partition("\n")[0]

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """The inverse of `to_json`; UserError for anything else."""
        return cls(**value)

    def to_json(self) -> dict[str, JsonValue]:
        """What a journal holds: the value without what is not given."""
        return self.model_dump(mode="json", exclude_none=True)

    @classmethod
    def place(cls, system: System, text: str) -> Place:
        """The place of this name; UserError with the nearest one where the system has no such element or part."""
        place, kinds = Place.parse(text), system.elements()
        where = f"{cls.name} on {text!r}"
        if place.element not in kinds:
            hint = nearest(place.element, kinds)
            raise UserError(Problem(f"{where}: {system.name!r} has no {place.element!r}", hint=hint))
        if kinds[place.element] not in cls.on:
            fitting = " or ".join(sorted(cls.on))
            raise UserError(f"{where}: {place.element!r} is of kind {kinds[place.element]}, not {fitting}")
        if bool(place.part) != bool(cls.part):
            hint = f"for {cls.name} the place is written {FORMS[cls.part]}"
            raise UserError(Problem(f"{where}: not the place of this {cls.word}", seen=text, hint=hint))
        if cls.part in ("table", "column"):
            tables = system.components[place.element].tables
            if place.table not in tables:
                hint = nearest(place.table, tables) or "it has no tables"
                raise ParameterError("table", Problem(f"{place.element!r} has no table {place.table!r}", hint=hint))
        if cls.is_content and system.world is None:
            raise UserError(f"{where} acts on content, and system {system.name!r} has no world")
        cls.check_part(system, place)
        return place

    @classmethod
    def check_part(cls, system: System, place: Place) -> None:
        """ParameterError where the element has no such part. Elements, tables and content are checked already."""

    def check(self, system: System, place: Place) -> None:
        """ParameterError where this value does not go with this place, on no testbed."""

    @classmethod
    def parts(cls, system: System, element: str) -> Iterable[str]:
        """Every part of an element that can be named; one empty text where it is taken as a whole."""
        tables = system.components[element].tables if element in system.components else ()
        world = world_of(system)
        match cls.part:
            case "table":
                return tables
            case "column":
                return [f"{table}.{column}" for table in tables for column in (world.columns(table) if world else ())]
            case "feature":
                return world.people_features if world else ()
        return ("",)

    @classmethod
    def places(cls, system: System) -> Iterator[str]:
        """Every place in a system where this can be done."""
        for element, kind in system.elements().items():
            if kind in cls.on and (system.world is not None or not cls.is_content):
                for part in cls.parts(system, element):
                    try:
                        yield str(cls.place(system, str(Place(element, part))))
                    except UserError:
                        continue

    @classmethod
    def example(cls, system: System, place: Place) -> Self:
        """A value that changes something there: each field's first example, else its default."""
        fields = cls.model_fields.items()
        return cls(**{name: field.examples[0] for name, field in fields if field.examples})


AnyRecord = TypeVar("AnyRecord", bound=Record)


class LeverValue(Record):
    """A lever, and a value it is pulled with. Subclasses declare `lever=` (name), `on=` (kinds of elements) and more.

    The name is `family.verb`. The first paragraph of the docstring is the line of documentation.
    """

    word: ClassVar[str] = "lever"
    kept: ClassVar[Kept] = "journalled"

    def __init_subclass__(
        cls, lever: str, on: Iterable[str], kept: Kept, part: Part = "", content: bool = False
    ) -> None:  # fmt: skip
        cls.name, cls.on, cls.kept, cls.part, cls.is_content = lever, frozenset(on), kept, part, content
        _register(_levers, cls)

    @classmethod
    def neutral(cls, system: System, place: Place) -> Self | None:
        """How the lever reads where nothing was ever changed; None: it is not pulled."""
        return None


class ActValue(Record):
    """Something a testbed does that has no undo. Subclasses declare `act=` (its name) and `on=` (kinds of elements)."""

    word: ClassVar[str] = "act"

    def __init_subclass__(cls, act: str, on: Iterable[str], content: bool = False) -> None:
        cls.name, cls.on, cls.is_content = act, frozenset(on), content
        _register(_acts, cls)


_levers: dict[str, type[LeverValue]] = {}
_acts: dict[str, type[ActValue]] = {}


def _register(known: dict[str, type[AnyRecord]], record: type[AnyRecord]) -> None:
    """UserError where another class has the name."""
    other = known.get(record.name)
    if other is not None and (other.__module__, other.__qualname__) != (record.__module__, record.__qualname__):
        raise UserError(claimed_twice(record.word, record.name, other.__module__, record.__module__))
    known[record.name] = record


def lever_types() -> dict[str, type[LeverValue]]:
    """All levers by name, in the order in which they are defined."""
    return dict(_levers)


def act_types() -> dict[str, type[ActValue]]:
    """All acts by name."""
    return dict(_acts)


def lever_type(name: str) -> type[LeverValue]:
    """A lever by its name; UserError with the nearest one."""
    if name not in _levers:
        raise UserError(Problem(f"unknown lever {name!r}", hint=nearest(name, _levers)))
    return _levers[name]


def _refused(record: type[Record], error: ValidationError) -> ParameterError:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    what = f"bad value for {name!r} of {record.name}" if name else f"bad values for {record.name}"
    expected = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if first["type"] == "missing":
        what, expected = f"{record.name} needs {name!r}", ""
    elif first["type"] == "extra_forbidden":
        hint = nearest(name, record.model_fields) or "it takes no values"
        return ParameterError(name, Problem(f"{record.name} has no {name!r}", hint=hint))
    seen = "" if first["type"] == "missing" else repr(first["input"])
    return ParameterError(name, Problem(what, seen=seen, expected=expected))
