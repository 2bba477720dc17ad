"""The view that the feature code reads: `users` over `users_base`, with the column changes that are in force.

A changed column is changed for its readers only, rows written meanwhile included; undoing it loses no write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lab.worlds.shop.features import USER_FEATURES

LOCK_TIMEOUT = "500ms"
"""Whoever waits for a lock holds up others: it is given up after this long, and tried again."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_SHARES = 10_000


def users_view_sql(changes: Mapping[str, Mapping[str, Any]], slow_s: float = 0.0) -> str:
    """Statements that put the view into the state these changes describe ({}: the contract), to be sent as one.

    `changes`: by column, in the form of the `table.column` lever. `slow_s`: what a statement on the view takes longer.
    Sent as one simple query they are one transaction. It gives up after LOCK_TIMEOUT, for those that wait for it hold
    up readers: try again. ValueError for names that are none.
    """
    columns = ["user_id", *(_column(spec.name, changes.get(spec.name)) for spec in USER_FEATURES)]
    for name, change in changes.items():
        if change["change"] == "add":
            columns.append(f"NULL::{_name(change['type'])} AS {_name(name)}")
        elif name not in {spec.name for spec in USER_FEATURES}:
            raise ValueError(f"no column {name!r} to change")
    # Materialized: once a statement, however many rows it reads.
    slow = f"WITH slow AS MATERIALIZED (SELECT pg_sleep({float(slow_s)})) " if slow_s else ""
    source = "users_base, slow" if slow_s else "users_base"
    return (
        f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; DROP VIEW IF EXISTS users; "
        f"CREATE VIEW users AS {slow}SELECT {', '.join(columns)}, updated_at FROM {source}; "
        "GRANT SELECT ON users TO features, feed"
    )


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no column or type name")
    return text


def _column(name: str, change: Mapping[str, Any] | None) -> str:
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
    chosen = f"mod(abs(hashint4(user_id)::bigint), {_SHARES}) < {round(fraction * _SHARES)}"
    return f"CASE WHEN {chosen} THEN {changed} ELSE {plain} END AS {name}"
