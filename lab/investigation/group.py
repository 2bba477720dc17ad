"""A group as its instructor sees it: progress, scores, and what is exported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lab.investigation.scoreboard import Entry, scoreboard
from lab.investigation.session import Session
from lab.investigation.store import Participant
from lab.investigation.training import Training

CSV_COLUMNS = (
    "participant", "exercise", "attempt", "counts", "id", "begun_at", "title", "level", "system", "status",
    "answered_at_s", "hints", "actions", "verdict", "culprit", "kind", "confidence", "outcome", "score", "is_past",
)  # fmt: skip


def overview(training: Training) -> dict[str, Any]:
    """Everybody's sessions, in the order in which participants came."""
    people = list(training.everybody())
    sessions = [_progress(training, who, one) for who, theirs in people for one in theirs]
    participants = [{"id": who.id, "name": who.name} for who, _ in people]
    return {
        "participants": participants,
        "sessions": sessions,
        "released": sorted(training.released),
        **scoreboard(_entries(training, people)),
    }


def _entries(training: Training, people: Sequence[tuple[Participant, list[Session]]]) -> list[Entry]:
    """Every answer that was judged, in the order in which sessions were begun."""
    found = ((who.name, training.concluding.judged(one)) for who, sessions in people for one in sessions)
    return [Entry(name, debrief) for name, debrief in found if debrief is not None]


def _progress(training: Training, who: Participant, one: Session) -> dict[str, Any]:
    with one.lock:
        return {
            "id": one.id,
            "name": who.name,
            "exercise": one.exercise.id,
            "title": one.exercise.title,
            "status": one.status,
            "is_blind": one.is_blind,
            "now_s": one.clock.at(training.wall()),
            "end_s": one.clock.end_s,
            "hints": len(one.hints),
            "actions": len(one.actions),
            "answered_at_s": one.answered_at_s,
            "score": one.score,
            "outcome": one.outcome,
        }


def rows(training: Training) -> list[dict[str, Any]]:
    """A row for each session, as exported."""
    found = []
    for who, sessions in training.everybody():
        found += [*_past_rows(training, who), *_rows(training, who, sessions)]
    return found


def _past_rows(training: Training, who: Participant) -> Iterator[dict[str, Any]]:
    """Rows of sessions on what is not offered now: kept, and counted nowhere."""
    attempts: Counter[str] = Counter()
    for row, past in training.past.rows(who):
        attempts[row.exercise] += 1
        state = row.state
        yield {
            "participant": who.name, "exercise": row.exercise, "attempt": attempts[row.exercise], "counts": False,
            "id": row.id, "begun_at": _utc(row.created_at), "title": state.get("title"), "level": None, "system": None,
            "status": past.status, "is_blind": past.is_blind, "answered_at_s": state.get("answered_at_s"),
            "hints": len(state.get("hints", ())), "actions": len(state.get("actions", ())),
            **_said(state.get("answer")), "outcome": state.get("outcome"), "score": state.get("score"), "is_past": True,
        }  # fmt: skip


def _said(answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """What an answer says in short: its verdict and first finding."""
    first: Mapping[str, Any] = next(iter((answer or {}).get("findings", ())), {})
    return {
        "verdict": (answer or {}).get("verdict"),
        **{name: first.get(name) for name in ("culprit", "kind", "confidence")},
    }


def _utc(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")


def _rows(training: Training, who: Participant, sessions: list[Session]) -> Iterator[dict[str, Any]]:
    """Rows of one participant. `attempt` counts sessions on an exercise; the first that was judged `counts`."""
    attempts: Counter[str] = Counter()
    counted: set[str] = set()
    for one in sessions:
        attempts[one.exercise.id] += 1
        counts = one.is_judged and one.exercise.id not in counted
        if counts:
            counted.add(one.exercise.id)
        yield {
            "participant": who.name,
            "attempt": attempts[one.exercise.id],
            "counts": counts,
            "begun_at": _utc(one.created_at),
            "level": one.exercise.level,
            "system": one.exercise.system,
            "is_past": False,
            **_said(one.answer),
            **_progress(training, who, one),
        }
