"""The views that feature code reads, changed as the lab's levers change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.testbeds.stack.views import view_sql
from lab.worlds.decisions.stack import STACK as DECISIONS
from lab.worlds.shop.stack import STACK as SHOP

VIEWS = {**SHOP.views, **DECISIONS.views}


def view_sql_of(table: str, changes: Mapping[str, Mapping[str, Any]], slow_s: float = 0.0) -> str:
    """Statements that put a table's view into the state these changes describe."""
    return view_sql(table, VIEWS[table], changes, slow_s)


def users_view_sql(changes: Mapping[str, Mapping[str, Any]], slow_s: float = 0.0) -> str:
    """Those of the shop's `users`."""
    return view_sql_of("users", changes, slow_s)
