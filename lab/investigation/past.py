"""Sessions of exercises that are not offered now, or not as they were: told of, and read where they were concluded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lab.investigation.store import Participant, SessionRow

if TYPE_CHECKING:
    from lab.investigation.training import Training


@dataclass(frozen=True, slots=True)
class PastSession:
    """A session with which nobody can go on, and why. `exercise` and `title`: None where a blind one must not tell.

    `title` is also None where it was not kept. `began_at`: seconds since 1970.
    """

    id: str
    exercise: str | None
    title: str | None
    is_blind: bool
    status: Literal["open", "answered", "released"]
    score: float | None
    began_at: float
    why: str

    @property
    def is_open(self) -> bool:
        """Whether no answer was given."""
        return self.status == "open"


class Past:
    """The past sessions of a training."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._rows: dict[str, SessionRow] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: SessionRow) -> None:
        """Takes a session as it was kept."""
        self._rows[row.id] = row

    @property
    def exercises(self) -> list[str]:
        """Ids of the exercises that they are of."""
        return list(dict.fromkeys(row.exercise for row in self._rows.values()))

    def of(self, who: Participant) -> list[PastSession]:
        """Somebody's past sessions, in the order in which they were begun."""
        return [self._told(row) for row in self._rows.values() if row.participant == who.id]

    def rows(self, who: Participant) -> list[tuple[SessionRow, PastSession]]:
        """The same with all that was kept of each, for the instructor."""
        return [(row, self._told(row)) for row in self._rows.values() if row.participant == who.id]

    def find(self, who: Participant, name: str) -> PastSession | None:
        """Somebody's own past session of this id."""
        row = self._rows.get(name)
        return self._told(row) if row is not None and row.participant == who.id else None

    def _told(self, row: SessionRow) -> PastSession:
        state, status = row.state, self._status(row)
        is_hidden = bool(state.get("is_blind")) and status != "released"
        return PastSession(
            id=row.id,
            exercise=None if is_hidden else row.exercise,
            title=None if is_hidden else state.get("title") or self._title(row),
            is_blind=bool(state.get("is_blind")),
            status=status,
            score=state.get("score") if status == "released" else None,
            began_at=row.created_at,
            why="its scenario or seed has changed" if self._training.offers(row.exercise) else "it is not offered now",
        )

    def _status(self, row: SessionRow) -> Literal["open", "answered", "released"]:
        if row.state.get("answer") is None:
            return "open"
        is_shown = not self._training.is_group or row.exercise in self._training.released
        return "released" if row.state.get("is_judged") and is_shown else "answered"

    def _title(self, row: SessionRow) -> str | None:
        """The title as the debrief has it: sessions of before did not keep theirs."""
        try:
            found: dict[str, Any] = json.loads(self._training.concluding.file(row.id, "debrief.json"))
            return str(found["exercise"]["title"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
