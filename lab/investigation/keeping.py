"""Sessions are kept as they change: what cannot be kept has not happened."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from lab.investigation.session import Session
from lab.investigation.store import Store

EVERY_S = 5.0
"""Wall time after which a running clock is kept again."""


class Keeping:
    """Keeps the sessions of a training in its store. `wall`: monotonic seconds."""

    def __init__(self, store: Store, wall: Callable[[], float]) -> None:
        self._store = store
        self._wall = wall

    def keep(self, one: Session) -> None:
        """Keeps a session as it is now."""
        with one.lock:
            wall_s = self._wall()
            one.stored_at = wall_s
            self._store.keep(one.id, one.clock.at(wall_s), one.clock.speed, one.state())

    @contextmanager
    def changing(self, one: Session) -> Iterator[None]:
        """What changes a session inside; it is kept then. What cannot be kept is put back."""
        with one.lock:
            before = one.as_it_is()
            try:
                yield
                self.keep(one)
            except BaseException:
                one.put_back(before)
                raise

    def keep_later(self, one: Session) -> None:
        """Keeps what a worker found out; if that is not possible now, with the next change."""
        try:
            self.keep(one)
        except sqlite3.Error as error:
            sys.stderr.write(f"a session cannot be kept: {error}\n")

    def keep_running(self, sessions: Iterable[Session]) -> None:
        """Keeps the clocks that run, those that were not kept for a while; pauses those that came to the end."""
        wall_s, due = self._wall(), []
        for one in sessions:
            with one.lock:
                if one.clock.is_paused:
                    continue
                if one.clock.is_over(wall_s):
                    one.clock = one.clock.paused(wall_s)
                elif wall_s - one.stored_at < EVERY_S:
                    continue
                one.stored_at = wall_s
                due.append((one.id, one.clock.at(wall_s)))
        if due:
            self._store.keep_clocks(due)

    def pause(self, sessions: Iterable[Session]) -> None:
        """Pauses all clocks where they are, and keeps those that were kept before."""
        stopped = []
        for one in sessions:
            with one.lock:
                one.clock = one.clock.paused(self._wall())
                stopped += [(one.id, one.clock.now_s)] if one.stored_at else []
        try:
            self._store.keep_clocks(stopped)
        except sqlite3.Error as error:
            sys.stderr.write(f"the clocks of sessions are as they were some seconds ago: {error}\n")
