"""One participant's session on one incident: its clock, what was done in it, and how it stands."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lab.investigation.blind import neutral_brief
from lab.investigation.board import Board
from lab.investigation.clock import Clock, start_at
from lab.investigation.refusals import RefusedError
from lab.systems.calendar import Calendar

if TYPE_CHECKING:
    from lab.investigation.exercises import Exercise
    from lab.investigation.view import View
    from lab.investigation.workers import Failure, Job

Status = Literal["preparing", "ready", "acting", "answered", "released", "failed"]
DOING: Mapping[str, str] = {
    "preparing": "the incident is being prepared",
    "acting": "the incident is played again with what you did",
    "answered": "the answer is being judged",
}
"""What a session waits for, in words."""


@dataclass(frozen=True, slots=True)
class Done:
    """Something that was done to the system: begun at `at_s`, in effect at `done_s` (scenario seconds)."""

    id: str
    at_s: float
    done_s: float
    remedy: str
    title: str
    place: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """Where a jump to the next alert stopped (scenario seconds), and why: at this alert, at the end, or at neither.

    A jump looks `looked_s` ahead. Whether an alert comes later is not told.
    """

    at_s: float
    why: Literal["alert", "nothing", "end"]
    looked_s: float
    alert: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A hint that was taken: which one, and when."""

    number: int
    at_s: float


@dataclass
class Session:
    """A session as it is in memory. `lock` guards everything that changes; the store has what must not be lost."""

    id: str
    participant: str
    exercise: Exercise
    clock: Clock
    is_blind: bool = False
    status: Status = "preparing"
    failure: Failure | None = None
    notice: Failure | None = None
    """What went wrong and was undone."""
    job: Job | None = None
    view: View | None = None
    incident: Path | None = None
    """What is prepared for it: the incident without actions."""
    hints: list[Taken] = field(default_factory=list)
    actions: list[Done] = field(default_factory=list)
    played_count: int = 0
    """How many of the actions the recording has that is seen."""
    played: str | None = None
    """The name of the recording with actions that was seen last."""
    stopped: Stopped | None = None
    """Where the last jump to an alert stopped, until the clock is set otherwise."""
    is_acting: bool = False
    """Whether the last action was done just now, and is being played."""
    goes_on: bool = False
    """Whether the clock goes on by itself once an action is in effect."""
    answer: dict[str, Any] | None = None
    detection: dict[str, Any] | None = None
    """Who noticed first and why so late, as the participant has it."""
    answered_at_s: float | None = None
    score: float | None = None
    outcome: str | None = None
    """What the grades of the answer come to."""
    is_judged: bool = False
    is_withheld: bool = False
    """Whether the debrief waits for the instructor, so that nobody need know how far it is."""
    created_at: float = 0.0
    """Unix time at which it was begun."""
    board: Board = field(default_factory=lambda: Board([]))
    stored_at: float = 0.0
    """Wall time at which the clock was last kept."""
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def is_open(self) -> bool:
        """Whether no answer was given yet."""
        return self.answer is None

    def refuse_answered(self, what: str) -> None:
        """RefusedError once the answer was given."""
        if not self.is_open:
            raise RefusedError(what, hint="begin another session on this exercise")

    def as_it_is(self) -> dict[str, Any]:
        """What a participant may change of it, to be put back."""
        return {name: copy(getattr(self, name)) for name in _CHANGED}

    def put_back(self, before: Mapping[str, Any]) -> None:
        """Puts back what it was."""
        for name, value in before.items():
            setattr(self, name, value)

    def state(self) -> dict[str, Any]:
        """What is kept of it, beside its clock and its board."""
        return {
            "title": self.exercise.title,
            "is_blind": self.is_blind,
            "played": self.played,
            "hints": [asdict(hint) for hint in self.hints],
            "actions": [asdict(action) for action in self.actions],
            "answer": self.answer,
            "detection": self.detection,
            "answered_at_s": self.answered_at_s,
            "score": self.score,
            "outcome": self.outcome,
            "is_judged": self.is_judged,
            "is_released": self.status == "released",
        }

    @classmethod
    def kept(
        cls, name: str, participant: str, exercise: Exercise, now_s: float, speed: float, state: Mapping[str, Any]
    ) -> Session:
        """A session as it was kept; its clock is paused."""
        clock = new_clock(exercise)
        clock = clock.moved(now_s, 0.0).at_speed(speed if speed in clock.speeds else clock.speeds[0], 0.0)
        return cls(
            name,
            participant,
            exercise,
            clock,
            is_blind=bool(state["is_blind"]),
            hints=[Taken(**hint) for hint in state["hints"]],
            actions=[Done(**action) for action in state["actions"]],
            answer=state["answer"],
            detection=state.get("detection"),
            answered_at_s=state["answered_at_s"],
            score=state["score"],
            outcome=state["outcome"],
            is_judged=bool(state["is_judged"]),
            played=state.get("played"),
        )

    def _share(self, job: Job) -> float | None:
        """How far a job is; None while an incident is prepared: where it is slow, something is wrong."""
        return None if self.status == "preparing" else job.share

    def seen(self, wall_s: float) -> dict[str, Any]:
        """How it stands, for whoever polls: nothing heavy, no table."""
        with self.lock:
            clock, exercise = self.clock, self.exercise
            as_of_s = clock.as_of(wall_s)
            alerts = self.view.alerts(as_of_s) if self.view else []
            changes = self.view.changes(as_of_s) if self.view else []
            is_hidden = self.is_blind and self.status != "released"
            left = exercise.hints[len(self.hints) :]
            # How long an answer is judged tells how many faults there are, and others may not know yet.
            waiting = self.job if self.status in DOING and not self.is_withheld else None
            problem = self.failure or self.notice
            return {
                "id": self.id,
                "exercise": {
                    "id": None if is_hidden else exercise.id,
                    "title": None if is_hidden else exercise.title,
                    "level": None if is_hidden else exercise.level,
                    "topics": [] if is_hidden else list(exercise.topics),
                    "system": exercise.system,
                    "brief": neutral_brief(exercise) if is_hidden else exercise.brief,
                    "is_blind": self.is_blind,
                    "asks": [] if is_hidden else list(exercise.scenario.scenario.training.asks),
                },
                "status": self.status,
                "progress": {"what": DOING[self.status], "share": self._share(waiting)} if waiting else None,
                "problem": problem._asdict() if problem else None,
                "clock": {
                    "now_s": clock.at(wall_s),
                    "as_of_s": as_of_s,
                    "start_s": new_clock(exercise).now_s,
                    "end_s": clock.end_s,
                    "speed": clock.speed,
                    "is_paused": clock.is_paused,
                    "speeds": list(clock.speeds),
                    "tick_s": clock.tick_s,
                },
                "calendar": None if self.view is None else _named(self.view),
                "stopped": asdict(self.stopped) if self.stopped else None,
                "alerts": {"count": len(alerts), "last": alerts[-1] if alerts else None},
                "changes": {"count": len(changes)},
                "hints": {
                    "taken": [
                        {"text": exercise.hints[hint.number].text, "cost": exercise.hints[hint.number].cost}
                        | {"at_s": hint.at_s}
                        for hint in self.hints
                    ],
                    "left": len(left) if self.is_open else 0,
                    "next_cost": left[0].cost if left and self.is_open else None,
                },
                "actions": [asdict(action) for action in self.actions],
                "board_version": self.board.version,
                "score_cost": sum(exercise.hints[hint.number].cost for hint in self.hints),
                "score": self.score if self.status == "released" else None,
            }


def _named(view: View) -> dict[str, Any] | None:
    """What the calendar of a recording's system says; None where it has none."""
    known = Calendar.recorded(view.whole.system)
    if known is None:
        return None
    return {
        "begins": known.begins.isoformat(), "zone": known.zone, "period": known.word, "period_s": known.length_s
    }  # fmt: skip


_CHANGED = (
    "clock",
    "stopped",
    "hints",
    "actions",
    "answer",
    "detection",
    "answered_at_s",
    "is_acting",
    "goes_on",
    "notice",
)


def new_clock(exercise: Exercise) -> Clock:
    """The clock of a new session, paused when the participant is called; else where every session begins."""
    end_s = exercise.scenario.scenario.duration_s
    tick_s = exercise.scenario.system.scrape_interval_s
    start_s = start_at(end_s, tick_s) if exercise.called_at_s is None else exercise.called_at_s
    clock = Clock(end_s, tick_s, start_s)
    return clock.at_speed(clock.speeds[0], 0.0)


def fingerprint(exercise: Exercise) -> str:
    """What tells an incident from others of the same id: sessions of another scenario or seed are not shown."""
    loaded = exercise.scenario
    content = "\0".join([loaded.system.name, loaded.text, str(exercise.seed)])
    return sha256(content.encode()).hexdigest()[:32]
