"""The shop's view, changed as the lab's levers change it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.testbeds.stack.views import view_sql
from lab.worlds.shop.stack import STACK


def users_view_sql(changes: Mapping[str, Mapping[str, Any]], slow_s: float = 0.0) -> str:
    """Statements that put `users` into the state these changes describe."""
    return view_sql("users", STACK.views["users"], changes, slow_s)
