"""Everybody's sessions on one server: begun, prepared, kept. What is done in them is in modules beside it."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from lab.investigation import work
from lab.investigation.blind import drawn
from lab.investigation.board import Board
from lab.investigation.boards import Boards
from lab.investigation.clocks import Clocks
from lab.investigation.concluding import Answered, Concluding
from lab.investigation.drafts import Drafts
from lab.investigation.exercises import Course, Exercise
from lab.investigation.keeping import Keeping
from lab.investigation.looking import Looking
from lab.investigation.past import Past
from lab.investigation.playing import Playing
from lab.investigation.queries.asking import UnknownError
from lab.investigation.refusals import RefusedError
from lab.investigation.session import Session, Taken, fingerprint, new_clock
from lab.investigation.store import Participant, SessionRow, Store
from lab.investigation.view import Cache, View
from lab.investigation.workers import Failure, Workers

MOST_SESSIONS = 500
"""Of one participant."""


@dataclass(frozen=True)
class Offered:
    """An exercise as somebody sees it in the list: with their last session on it, if any."""

    exercise: Exercise
    session: Session | None


class Training:
    """The sessions of one server. Safe to use from several threads.

    `is_group`: debriefs are shown when the instructor releases them, not at once. `wall`: monotonic seconds.
    """

    def __init__(
        self,
        courses: Sequence[Course],
        directory: Path,
        *,
        is_group: bool = False,
        workers: Workers | None = None,
        wall: Callable[[], float] = time.monotonic,
    ) -> None:
        self.courses = tuple(courses)
        self.is_group = is_group
        self.store = Store(directory)
        self.wall = wall
        self.cache = Cache()
        self.directory = directory
        self.workers = workers or Workers(1)
        self.playing = Playing(self)
        self.concluding = Concluding(self)
        self.drafts = Drafts(self.store, self.concluding)
        self.boards = Boards(self.store)
        self.keeping = Keeping(self.store, wall)
        self.clocks = Clocks(self.keeping, wall)
        self.looking = Looking(self.store, wall)
        self._exercises = {one.id: one for course in courses for one in course.exercises}
        self._sessions: dict[str, Session] = {}
        self._lock = threading.RLock()
        self._incidents: dict[str, Path] = {}  # of exercises that were prepared, by fingerprint
        self._released = self.store.released()
        self.past = Past(self)
        for row in self.store.sessions():
            exercise = self._exercises.get(row.exercise)
            if exercise is not None and fingerprint(exercise) == row.fingerprint:
                one = Session.kept(row.id, row.participant, exercise, row.now_s, row.speed, row.state)
                one.board = Board(self.store.items(row.id))
                one.created_at = row.created_at
                one.status = "ready" if one.is_open else self._shown(one) if one.is_judged else "answered"
                self._sessions[row.id] = one
            else:
                self.past.add(row)

    def close(self) -> None:
        """Pauses all clocks where they are, ends the workers and closes the store."""
        self.workers.close()
        self.keeping.pause(self._sessions.values())
        self.store.close()

    # What there is.

    def exercises(self, who: Participant) -> list[Offered]:
        """Every exercise, with somebody's last session on it. A blind session tells nothing before its debrief."""
        mine = [one for one in self.sessions(who) if not one.is_blind or one.status == "released"]
        last = {one.exercise.id: one for one in mine}
        return [Offered(exercise, last.get(exercise.id)) for exercise in self._exercises.values()]

    @property
    def released(self) -> frozenset[str]:
        """Exercises whose debrief everybody sees who answered; in a group."""
        return self._released

    def sessions(self, who: Participant) -> list[Session]:
        """Somebody's sessions, in the order in which they were begun."""
        return [one for one in list(self._sessions.values()) if one.participant == who.id]

    def everybody(self) -> Iterator[tuple[Participant, list[Session]]]:
        """All participants with their sessions; not the instructor."""
        for one in self.store.participants():
            if one.role != "instructor":
                yield one, self.sessions(one)

    def session(self, who: Participant, name: str) -> Session:
        """Somebody's own session; UnknownError for any other name. What it needs is prepared if it is not there."""
        one = self._sessions.get(name)
        if one is None or one.participant != who.id:
            raise UnknownError("unknown session", expected="the id of a session of yours")
        if one.view is not None and not one.view.directory.is_dir():
            with one.lock:  # somebody tidied up: what is seen follows from the seed, and can be made again
                one.view = None
                self._incidents.pop(fingerprint(one.exercise), None)
        if one.view is None and one.job is None and one.failure is None:
            self._prepare(one)
        return one

    @property
    def needed(self) -> frozenset[str]:
        """Names of the recordings with actions that somebody sees who has not answered yet."""
        return frozenset(one.played for one in self._sessions.values() if one.is_open and one.played)

    def offers(self, exercise: str) -> bool:
        """Whether there is an exercise of this id now."""
        return exercise in self._exercises

    def answered(self, who: Participant, name: str) -> Answered:
        """Somebody's own session, also where its exercise is not offered any more; UnknownError for any other name."""
        return self.past.find(who, name) or self.session(who, name)

    # Sessions begin.

    def begin(self, who: Participant, exercise: str) -> Session:
        """A new session on an exercise."""
        if exercise not in self._exercises:
            raise UnknownError("unknown exercise", expected="an id from the list of exercises")
        return self._begin(who, self._exercises[exercise], is_blind=False)

    def begin_blind(self, who: Participant, seed: int) -> Session:
        """A new session on an exercise that is drawn by a seed; which one it is is told in the debrief."""
        return self._begin(who, drawn(list(self._exercises.values()), seed), is_blind=True)

    def _begin(self, who: Participant, exercise: Exercise, is_blind: bool) -> Session:
        if len(self.sessions(who)) >= MOST_SESSIONS:
            raise RefusedError("too many sessions", expected=f"at most {MOST_SESSIONS} of each participant")
        one = Session(secrets.token_hex(8), who.id, exercise, new_clock(exercise), is_blind)
        known = fingerprint(exercise)
        one.created_at = time.time()
        row = SessionRow(one.id, who.id, exercise.id, known, one.created_at, one.clock.now_s, 1.0, one.state())
        self.store.add_session(row)
        self._sessions[one.id] = one
        self._prepare(one)
        return one

    def _prepare(self, one: Session) -> None:
        with one.lock:
            if one.job is not None or one.view is not None:
                return
            known = self._incidents.get(fingerprint(one.exercise))
            if known is not None and known.is_dir():
                self._is_prepared(one, known)
                return
            one.status = "preparing"
            one.job = self.workers.submit(
                work.prepared, one.exercise, self.directory / "incidents",
                then=partial(self._is_prepared, one), failed=partial(self.failed, one),
            )  # fmt: skip

    def _is_prepared(self, one: Session, incident: Path) -> None:
        known = fingerprint(one.exercise)
        if known not in self._incidents:
            # Engines answer while people look: who debriefs later need not wait for them.
            self.workers.submit(work.engines_asked, incident, self.directory, then=_nothing, failed=_nothing)
        with one.lock:
            self._incidents[known] = one.incident = incident
            one.job, one.played_count = None, 0
            if not one.actions:
                self.show(one, incident)
            self.settle(one)  # with actions there is nothing to see before they are played: it was otherwise

    def show(self, one: Session, run: Path) -> None:
        """Lets a session see a recording: the prepared one, or one with actions."""
        one.view = View(run / "observed", self.cache)
        one.view.alerts(one.clock.as_of(self.wall()))  # read now, so that no poll waits for it

    def settle(self, one: Session) -> None:
        """What becomes of a session for which nothing is being made."""
        if one.played_count < len(one.actions):
            self.playing.play(one)
        elif one.is_open:
            one.status = "ready"
        elif not one.is_judged:
            self.concluding.judge(one)
        else:
            one.status = self._shown(one)

    def _shown(self, one: Session) -> Literal["answered", "released"]:
        """Whether the debrief of an answer that was judged may be seen."""
        return "answered" if self.is_group and one.exercise.id not in self._released else "released"

    def failed(self, one: Session, failure: Failure) -> None:
        """Notes that nothing can go on in a session, and why."""
        with one.lock:
            one.job, one.failure, one.status = None, failure, "failed"

    def retry(self, one: Session) -> None:
        """Tries again what failed."""
        with one.lock:
            if one.status == "failed":
                one.failure = one.job = None
                if one.view is None:
                    self._prepare(one)
                else:
                    self.settle(one)

    # What is done in a session.

    def keep_running(self) -> None:
        """Looks after the clocks that run; to be called each second or so."""
        self.keeping.keep_running(list(self._sessions.values()))

    def take_hint(self, one: Session, wanted: int | None = None) -> dict[str, Any]:
        """The next hint, and what it cost. `wanted`: the number of a hint from 1 on; one that was taken costs once.

        RefusedError where none is left, where those before it were not taken, or the answer was given.
        """
        with one.lock:
            one.refuse_answered("no hints after the answer")
            number = len(one.hints) if wanted is None else wanted - 1
            if number >= len(one.exercise.hints):
                raise RefusedError("there are no more hints", seen=f"{len(one.hints)} taken")
            if number > len(one.hints):
                raise RefusedError(
                    f"hint {number + 1} is not the next one", expected=f"a number up to {len(one.hints) + 1}"
                )
            if number == len(one.hints):
                with self.keeping.changing(one):
                    one.hints.append(Taken(number, one.clock.at(self.wall())))
            hint = one.exercise.hints[number]
            return {"text": hint.text, "cost": hint.cost}

    def release(self, exercise: str | None = None) -> int:
        """Shows the debriefs of an exercise, or of all, to those who answered; how many sessions that were."""
        if exercise is not None and exercise not in self._exercises:
            raise UnknownError("unknown exercise", expected="an id from the list of exercises")
        for name in [exercise] if exercise else [*self._exercises, *self.past.exercises]:
            self.store.release(name)
        self._released = self.store.released()
        count = 0
        for one in list(self._sessions.values()):
            with one.lock:
                if one.status == "answered" and one.is_judged and one.exercise.id in self._released:
                    one.status, count = "released", count + 1
                    self.keeping.keep_later(one)
        return count


def _nothing(_: object) -> None:
    """Nobody waits for it."""
