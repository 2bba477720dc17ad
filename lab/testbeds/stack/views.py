"""The views that feature code reads: each over its relation, with the column changes that are in force.

A changed column is changed for its readers only, rows written meanwhile included; undoing it loses no write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lab.content.stack import View

LOCK_TIMEOUT = "500ms"
"""Whoever waits for a lock holds up others: it is given up after this long, and tried again."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_SHARES = 10_000


def view_sql(name: str, view: View, changes: Mapping[str, Mapping[str, Any]], slow_s: float = 0.0) -> str:
    """Statements that put a view into the state these changes describe ({}: the contract), to be sent as one.

    `changes`: by column, in the form of the `table.column` lever. `slow_s`: what a statement on the view takes longer.
    Sent as one simple query they are one transaction. It gives up after LOCK_TIMEOUT, for those that wait for it hold
    up readers: try again. ValueError for names that are none.
    """
    columns = [view.key, *(_column(column, view.key, changes.get(column)) for column in view.columns)]
    for column, change in changes.items():
        if change["change"] == "add":
            columns.append(f"NULL::{_name(change['type'])} AS {_name(column)}")
        elif column not in view.columns:
            raise ValueError(f"no column {column!r} to change")
    # Materialized: once a statement, however many rows it reads.
    slow = f"WITH slow AS MATERIALIZED (SELECT pg_sleep({float(slow_s)})) " if slow_s else ""
    source = f"{view.base}, slow" if slow_s else view.base
    return (
        f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; DROP VIEW IF EXISTS {name}; "
        f"CREATE VIEW {name} AS {slow}SELECT {', '.join(columns)}, updated_at FROM {source}; "
        f"GRANT SELECT ON {name} TO {', '.join(view.readers)}"
    )


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no column or type name")
    return text


def _column(name: str, key: str, change: Mapping[str, Any] | None) -> str:
    """One column of the view's select list."""
    if change is None:
        return name
    match change["change"]:
        case "rename":
            return f"{name} AS {_name(change['to'])}"
        case "null":
            changed, plain = "NULL", name
        case "rescale":
            changed, plain = f"{name} * {float(change['factor'])}", name
        case "retype" if change["to"] == "text":
            changed, plain = f"replace({name}::text, '.', ',')", f"{name}::text"
        case "retype" if change["to"] == "integer":
            changed, plain = f"trunc({name})::integer", f"{name}"
        case _:
            raise ValueError(f"unknown change {dict(change)!r}")
    fraction = float(change.get("fraction", 1.0))
    if fraction >= 1.0:
        # NULL alone would have no type.
        return f"{changed}{'::double precision' if changed == 'NULL' else ''} AS {name}"
    chosen = f"mod(abs(hashint4({key})::bigint), {_SHARES}) < {round(fraction * _SHARES)}"
    return f"CASE WHEN {chosen} THEN {changed} ELSE {plain} END AS {name}"
