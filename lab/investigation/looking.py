"""What was looked at in sessions, and when: from when on it was shown, and up to when it was shown again and again."""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from lab.investigation.refusals import RefusedError
from lab.investigation.session import Session
from lab.investigation.store import Store

MOST_LOOKS = 4_000
"""Of one session that are noted."""
GAP_TICKS = 3
"""A page asks again at each tick. What was not shown for longer was looked away from."""
EVERY_S = 5.0
"""Wall time after which it is kept how long something was looked at."""
Look: TypeAlias = tuple[str, str]
"""The kind of what was looked at, and which: `signal` and `SIGNAL:SUBJECT`, `table` and `TABLE.COLUMN`, …"""


@dataclass(slots=True)
class Stretch:
    """Something was shown from `at_s` to `until_s`, by what could be seen then."""

    at_s: float
    until_s: float
    is_kept: bool = True


@dataclass(slots=True)
class Looks:
    """What was looked at in a session since the server began: of each look the last stretch; how many there were."""

    last: dict[Look, Stretch] = field(default_factory=dict)
    count: int = 0
    kept_at: float = 0.0


class Looking:
    """The looks of a training's sessions. `wall`: monotonic seconds."""

    def __init__(self, store: Store, wall: Callable[[], float]) -> None:
        self._store = store
        self._wall = wall
        self._lock = threading.Lock()
        self._of: dict[str, Looks] = defaultdict(Looks)

    def note(self, one: Session, kind: str, reference: str, at_s: float) -> None:
        """Notes that something was shown as it could be seen at a time."""
        self.note_all(one, kind, (reference,), at_s)

    def note_all(self, one: Session, kind: str, references: Iterable[str], at_s: float) -> None:
        """Notes that all of these were shown at once."""
        if not one.is_open:
            return
        with self._lock, suppress(sqlite3.Error):  # where it cannot be kept, one can look all the same
            looks, new = self._of[one.id], list[Look]()
            for look in dict.fromkeys((kind, reference[:300]) for reference in references):
                last = looks.last.get(look)
                if last is None or at_s - last.until_s > GAP_TICKS * one.clock.tick_s:
                    new.append(look)
                elif at_s > last.until_s:
                    last.until_s, last.is_kept = at_s, False
            new = new[: max(0, MOST_LOOKS - looks.count)]
            if new or self._wall() - looks.kept_at >= EVERY_S:
                self._keep(one, looks)  # those that ended some time ago, too
            if new:
                looks.count += len(new)
                looks.last |= {look: Stretch(at_s, at_s) for look in new}
                self._store.add_looks([(one.id, *look, at_s) for look in new])

    def kept(self, one: Session) -> list[dict[str, Any]]:
        """All looks of a session, in the order in which they began: kind, reference, at_s, until_s."""
        with self._lock:
            with suppress(sqlite3.Error):
                self._keep(one, self._of[one.id])
            fields = ("kind", "reference", "at_s", "until_s")
            return [dict(zip(fields, look, strict=True)) for look in self._store.looks(one.id)]

    def _keep(self, one: Session, looks: Looks) -> None:
        """Keeps for how long things were looked at."""
        looks.kept_at = self._wall()
        longer = [(look, stretch) for look, stretch in looks.last.items() if not stretch.is_kept]
        if longer:
            self._store.lengthen_looks([(one.id, *look, stretch.at_s, stretch.until_s) for look, stretch in longer])
            for _, stretch in longer:
                stretch.is_kept = True

    def refuse_unseen(self, one: Session, reference: Mapping[str, Any]) -> None:
        """RefusedError for a reference to a signal or column that was not shown to this session.

        What is pinned counts in the debrief as looked at, so nothing may be pinned that was not. After the answer
        nothing counts, and anything may be pinned.
        """
        look, looks = look_of(reference), self._of[one.id]
        if look is None or not one.is_open or look in looks.last or looks.count >= MOST_LOOKS:
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
