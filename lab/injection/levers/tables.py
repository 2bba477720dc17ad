"""Levers of a database's tables. Rows written while a change lasts are changed too, and are kept after it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lab.errors import ParameterError, Problem, nearest
from lab.injection.levers.record import Factor, LeverValue, Place, Seconds, Share
from lab.systems.topology import System
from lab.systems.worlds import world_of

__all__ = ["PartitionDelay", "TableColumn", "TableLock", "TableSlow", "table_of"]

Change = Literal["rename", "retype", "rescale", "null", "add"]
_DETAIL = {"rename": "to", "retype": "to", "rescale": "factor", "add": "type"}
"""What a change cannot do without."""
_NAME = r"^[a-z][a-z0-9_]{0,62}$"


def table_of(system: System, database: str) -> str | None:
    """The table of a database that is meant where none is named.

    That is the one that feature code reads, or its only one; None where there are several.
    """
    world, component = world_of(system), system.components.get(database)
    tables = component.tables if component else ()
    read = [table for table in tables if world and table in world.tables]
    found = read or tables
    return found[0] if len(found) == 1 else None


class TableColumn(LeverValue, lever="table.column", on={"database"}, part="column", content=True, kept="journalled"):
    """Renames, retypes, rescales or nulls a column for its readers, or adds one.

    `to` is the new name or type (`text`: numbers with a decimal comma; `integer`: truncated), `factor` what a rescale
    multiplies by, `type` that of an added column, `fraction` the share of the rows concerned; a rename concerns all.
    """

    change: Annotated[Change, Field(examples=["null"])]
    to: Annotated[str | None, Field(pattern=_NAME)] = None
    factor: Factor | None = None
    type: Annotated[str | None, Field(pattern=_NAME)] = None
    fraction: Share | None = None

    @property
    def share(self) -> float:
        """The share of the rows concerned."""
        return 1.0 if self.fraction is None else self.fraction

    @model_validator(mode="after")
    def _details(self) -> Self:
        needed = _DETAIL.get(self.change)
        given = {name for name in ("to", "factor", "type") if getattr(self, name) is not None}
        if given != ({needed} if needed else set()):
            expected = f"{needed!r} beside it, and no other" if needed else "no 'to', 'factor' or 'type' beside it"
            raise ValueError(f"change {self.change!r}: expected {expected}")
        if self.change == "retype" and self.to not in ("text", "integer"):
            raise ValueError("a retype is to 'text' or 'integer'")
        return self

    def check(self, system: System, place: Place) -> None:
        """Only columns of feature tables can be altered, and only columns that are not there can be added."""
        world, column = world_of(system), place.column
        features = tuple(world.tables) if world else ()
        columns = world.columns(place.table) if world else ()
        if features and place.table not in features:
            if self.change != "add":
                what = f"columns of table {place.table!r} cannot be altered"
                expected = f"{' or '.join(features)}, where the features are"
                raise ParameterError("table", Problem(what, seen=place.table, expected=expected))
        elif self.change == "add":
            if column in columns:
                what = f"column {column!r} cannot be added: {place.table!r} has it"
                raise ParameterError("column", Problem(what, seen=column, expected="a name that no column has"))
        elif columns and column not in columns:
            what = f"table {place.table!r} has no column {column!r}"
            raise ParameterError("column", Problem(what, hint=nearest(column, columns)))
        elif self.change == "rename" and self.to in columns:
            what = f"rename to {self.to!r}, which is another column of the table"
            raise ParameterError("to", Problem(what, seen=self.to, expected="a name that no column has"))


class TableSlow(LeverValue, lever="table.slow", on={"database"}, part="table", kept="journalled"):
    """Adds time to every statement on the table."""

    seconds: Annotated[Seconds, Field(examples=[0.05])]


class TableLock(LeverValue, lever="table.lock", on={"database"}, part="table", kept="leased"):
    """Blocks every statement on the table until it is unlocked."""


class PartitionDelay(
    LeverValue, lever="partition.delay", on={"database"}, part="table", content=True, kept="journalled"
):
    """Lets a share of the rows of each new partition of a table land later than they do otherwise.

    Who reads the partition before that misses them; nothing tells them so.
    """

    seconds: Annotated[Seconds, Field(examples=[7200.0])]
    fraction: Share = 1.0
