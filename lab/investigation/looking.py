"""What was looked at in sessions, and when first."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from lab.investigation.refusals import RefusedError
from lab.investigation.session import Session
from lab.investigation.store import Store

MOST_LOOKS = 1_000
"""Of one session that are noted."""


class Looking:
    """The looks of a training's sessions. `wall`: monotonic seconds."""

    def __init__(self, store: Store, wall: Callable[[], float]) -> None:
        self._store = store
        self._wall = wall

    def note(self, one: Session, kind: str, reference: str) -> None:
        """Notes that something was looked at."""
        look = kind, reference[:300]
        if one.is_open and look not in one.looks and len(one.looks) < MOST_LOOKS:
            one.looks.add(look)
            with suppress(sqlite3.Error):  # where it cannot be kept, one can look all the same
                self._store.add_look(one.id, *look, one.clock.as_of(self._wall()))

    def refuse_unseen(self, one: Session, reference: Mapping[str, Any]) -> None:
        """RefusedError for a reference to a signal or column that was not shown to this session.

        What is pinned counts in the debrief as looked at, so nothing may be pinned that was not. After the answer
        nothing counts, and anything may be pinned.
        """
        look = look_of(reference)
        if look is None or not one.is_open or look in one.looks or len(one.looks) >= MOST_LOOKS:
            return
        if look not in {known[:2] for known in self._store.looks(one.id)}:  # those before the server began, too
            kind = {"signal": "signal", "table": "column"}[look[0]]
            hint = f"look at it first, at a time at which it has values; then pin what you saw of the {kind}"
            raise RefusedError(f"this {kind} was not shown to this session", seen=look[1], hint=hint)


def look_of(reference: Mapping[str, Any]) -> tuple[str, str] | None:
    """The look (kind, reference) that something pinned stands for; None for what no evidence in a debrief is about."""
    if reference.get("is_raw"):
        return None  # the chart of a raw metric
    if "signal" in reference and "subject" in reference:
        return "signal", f"{reference['signal']}:{reference['subject']}"[:300]
    if "table" in reference and "column" in reference:
        return "table", f"{reference['table']}.{reference['column']}"[:300]
    return None
