"""A column changes under its readers: loudly (the feature code crashes) or silently (the numbers are wrong)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from lab.contracts import Boundary
from lab.errors import UserError
from lab.faults import Witness, decoy, fault
from lab.levers import Testbed
from lab.units import Ratio

Column = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


@fault(
    "schema-corruption",
    boundary=Boundary.DATA,
    target="database",
    witnesses=(
        Witness("feature_violation_ratio", "{column}", 0.01),
        Witness("feature_drift_psi", "{column}", 0.1),
        Witness("feature_out_of_range_ratio", "{column}", 0.03),
        Witness("feature_null_ratio", "{column}", 0.02),
    ),
    recovery_s=60,
)
def schema_corruption(
    testbed: Testbed,
    database: str,
    *,
    column: Column,
    change: Literal["rename", "retype", "rescale", "null"],
    table: Column = "users",
    to: str = "",
    factor: Annotated[float, Field(gt=0, lt=1e6)] = 100.0,
    fraction: Ratio = 1.0,
    announced: bool = True,
) -> Iterator[None]:
    """A column of a feature table is renamed, retyped, rescaled to another unit, or nulled.

    `rename` (to a new name) and `retype` to `text` (numbers with a decimal comma) crash the feature code, save for
    whole numbers, which still parse; `retype` to `integer` truncates silently; `rescale` multiplies by `factor`
    (euros to cents: 100) silently; `null` empties the column. `fraction` is the share of the rows concerned (mild:
    30%); a rename always concerns all. `announced` writes the migration into the change log, worded like a harmless
    one.
    """
    _check_destination(change, to)
    details: dict[str, object] = {"fraction": fraction}
    if change == "rename":
        details = {"to": to or f"{column}_v2"}
    elif change == "retype":
        details["to"] = to or "text"
    elif change == "rescale":
        details["factor"] = factor
    if announced:
        announce_migration(testbed, database, table)
    with testbed.table(database, table).change_column(column, change, **details):
        yield
    if announced:
        announce_migration(testbed, database, table)


@decoy("schema-migration", target="database")
def schema_migration(
    testbed: Testbed, database: str, *, column: Column = "loyalty_tier", table: Column = "users"
) -> Iterator[None]:
    """A harmless migration: a column is added that nobody reads."""
    announce_migration(testbed, database, table)
    with testbed.table(database, table).change_column(column, "add", type="integer"):
        yield
    announce_migration(testbed, database, table)


def _check_destination(change: str, to: str) -> None:
    """UserError for a type or a name that no testbed could change the column to."""
    if change == "retype" and to not in {"", "text", "integer"}:
        raise UserError(f"retype to {to!r}; expected text or integer")
    if change == "rename" and to and not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", to):
        raise UserError(f"rename to {to!r}; expected a column name in small letters, digits and underscores")


def announce_migration(testbed: Testbed, database: str, table: str) -> None:
    """One wording for harmless and harmful migrations alike."""
    testbed.changes().announce(database, "schema-migration", f"Schema migration applied to table {table}")
