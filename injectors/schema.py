"""A column changes under its readers: loudly (the feature code crashes) or silently (the numbers are wrong)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, NoReturn

from pydantic import Field

from lab.contracts import Boundary
from lab.errors import ParameterError, Problem, nearest
from lab.files.units import Ratio
from lab.injection.faults import decoy, fault
from lab.injection.levers import Announce, TableColumn, Testbed, table_of
from lab.systems.topology import System

Column = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Factor = Annotated[float, Field(gt=0, lt=1e6)]
TYPES = ("text", "integer")
USUAL_FACTOR = 100.0
"""Euros to cents."""


def _usual(system: System, database: str) -> dict[str, str | None]:
    return {"table": table_of(system, database)}


@fault(
    "schema-corruption",
    boundary=Boundary.DATA,
    target="database",
    witnesses=(),  # what shows it is a matter of worlds
    recovery_s=60,
    defaults=_usual,
)
def schema_corruption(
    testbed: Testbed,
    database: str,
    *,
    column: Column,
    change: Literal["rename", "retype", "rescale", "null"],
    table: Column | None = None,
    to: str = "",
    factor: Factor = USUAL_FACTOR,
    fraction: Ratio = 1.0,
    announced: bool = True,
) -> Iterator[None]:
    """A column of a feature table is renamed, retyped, rescaled to another unit, or nulled.

    `rename` (to a new name) and `retype` to `text` (numbers with a decimal comma) crash the feature code, save for
    whole numbers, which still parse; `retype` to `integer` truncates silently; `rescale` multiplies by `factor`
    silently (euros to cents: 100); `null` empties the column. `to` goes with `rename` and `retype` only, `factor`
    with `rescale` only. `fraction` is the share of the rows concerned (mild: 30%); a rename always concerns all.
    `announced` writes the migration into the change log, worded like a harmless one. `table` need not be given where
    the database has one that feature code reads.
    """
    table = _named(table)
    _check_details(change, to, factor)
    altered = TableColumn(
        change=change,
        to={"rename": to or f"{column}_v2", "retype": to or "text"}.get(change),
        factor=factor if change == "rescale" else None,
        fraction=None if change == "rename" else fraction,
    )
    if announced:
        announce_migration(testbed, database, table)
    with testbed.pull(f"{database}/{table}.{column}", altered):
        yield
    if announced:
        announce_migration(testbed, database, table)


@fault(
    "join-key-retyped",
    boundary=Boundary.DATA,
    target="database",
    witnesses=(),  # what is joined by it is a matter of worlds
    recovery_s=60,
    defaults=_usual,
)
def join_key_retyped(
    testbed: Testbed, database: str, *, column: Column, table: Column | None = None, fraction: Ratio = 1 / 3
) -> Iterator[None]:
    """A key comes as text for a share of the rows: it equals none of the other side, so a join drops them silently.

    `column` is the key, `fraction` the share of the rows (mild: 12%). The migration is announced, worded like a
    harmless one. `table` need not be given where the database has one that feature code reads.
    """
    table = _named(table)
    announce_migration(testbed, database, table)
    with testbed.pull(f"{database}/{table}.{column}", TableColumn(change="retype", to="text", fraction=fraction)):
        yield
    announce_migration(testbed, database, table)


@decoy("schema-migration", target="database", defaults=_usual)
def schema_migration(
    testbed: Testbed, database: str, *, column: Column = "updated_by", table: Column | None = None
) -> Iterator[None]:
    """A harmless migration: a column is added that no service reads."""
    table = _named(table)
    announce_migration(testbed, database, table)
    with testbed.pull(f"{database}/{table}.{column}", TableColumn(change="add", type="integer")):
        yield
    announce_migration(testbed, database, table)


def _named(table: str | None) -> str:
    """The table; ParameterError where a scenario has to name it."""
    if table is None:
        _refuse("table", "the database has several tables, or none", "no 'table'", "'table': which one is meant")
    return table


def _check_details(change: str, to: str, factor: float) -> None:
    """ParameterError for what no testbed could change the column to, and for what the change does not use."""
    if to and change not in ("rename", "retype"):
        _refuse("to", f"{change} takes no 'to'", to, "'to' beside rename or retype only")
    if factor != USUAL_FACTOR and change != "rescale":
        _refuse("factor", f"{change} takes no 'factor'", f"{factor:g}", "'factor' beside rescale only")
    if change == "retype" and to not in {"", *TYPES}:
        _refuse("to", f"retype to {to!r}", to, " or ".join(TYPES), nearest(to, TYPES))
    if change == "rename" and to and not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", to):
        _refuse("to", f"rename to {to!r}", to, "a column name in small letters, digits and underscores")


def _refuse(parameter: str, what: str, seen: str, expected: str, hint: str = "") -> NoReturn:
    raise ParameterError(parameter, Problem(what, seen=seen, expected=expected, hint=hint))


def announce_migration(testbed: Testbed, database: str, table: str) -> None:
    """One wording for harmless and harmful migrations alike."""
    testbed.act(database, Announce(kind="schema-migration", summary=f"Schema migration applied to table {table}"))
