"""What an instructor sees and does."""

from __future__ import annotations

import csv
import io
import json
from typing import Annotated, Any, Literal
from unicodedata import normalize

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import Field

from lab.api.asking import Instructor, Trainings
from lab.api.models import Answer, Given, ShortText
from lab.investigation.group import CSV_COLUMNS, overview, rows
from lab.investigation.queries.asking import UnknownError

router = APIRouter(prefix="/group", tags=["group"])


class GroupSession(Answer):
    """How far a participant, whose name this is, is with an exercise."""

    id: str
    name: str
    exercise: str
    title: str
    status: str
    is_blind: bool
    now_s: float
    end_s: float
    hints: int
    actions: int
    answered_at_s: float | None
    score: float | None
    outcome: str | None


class GroupParticipant(Answer):
    """A participant."""

    id: str
    name: str


class Renewed(Answer):
    """A participant's new token, which is told this once."""

    id: str
    name: str
    token: str


class Ranked(Answer):
    """A participant, or an engine, over the exercises that were answered; the first answer to each counts.

    `points` is the sum and `mean` the mean over those that have points, `counted` of them; null where none has.
    """

    name: str
    is_engine: bool
    answered: int
    counted: int
    right: int
    points: float
    mean: float | None


class Bin(Answer):
    """Answers with about the same confidence: the share of them that was right."""

    confidence: float
    right: float
    count: int


class Calibrated(Answer):
    """How well somebody knows what they know; `brier` is the mean squared error of their confidence."""

    name: str
    bins: list[Bin]
    brier: float | None
    count: int
    is_enough: bool = Field(description="whether there are so many answers that this tells more than luck")


class GroupAnswer(Answer):
    """Everybody's progress, in the order in which they came; and the scoreboard beside engines."""

    participants: list[GroupParticipant]
    sessions: list[GroupSession]
    released: list[str] = Field(description="exercises whose debrief everybody sees who answered")
    scoreboard: list[Ranked] = Field(description="the best mean first")
    calibration: list[Calibrated]


class Release(Given):
    """Which exercise's debrief is released; all where it is left out."""

    exercise: ShortText | None = None


class ReleasedAnswer(Answer):
    """How many sessions see their debrief now that did not before."""

    sessions: int


@router.get("", operation_id="get_group")
def get_group(_: Instructor, training: Trainings) -> GroupAnswer:
    """Everybody's progress and scores. For the instructor."""
    return GroupAnswer.model_validate(overview(training))


@router.post("/participants/{participant}/token", operation_id="renew_participant")
def renew_participant(
    participant: Annotated[str, Path(max_length=40, description="id of a participant")],
    _: Instructor,
    training: Trainings,
    request: Request,
) -> Renewed:
    """A new personal code for a participant who lost theirs; the earlier one, and browsers with it, are locked out."""
    who = next((who for who, _ in training.everybody() if who.id == participant), None)
    if who is None:
        raise UnknownError("unknown participant", expected="the id of a participant of the group")
    token = training.store.new_token(who.id)
    request.app.state.forget(who)
    return Renewed(id=who.id, name=who.name, token=token)


@router.post("/release", operation_id="release_debrief")
def release_debrief(given: Release, _: Instructor, training: Trainings) -> ReleasedAnswer:
    """Shows the debrief of an exercise, or of all, to those who answered, and from now on to who answers."""
    return ReleasedAnswer(sessions=training.release(given.exercise))


@router.get("/export", operation_id="export_group", response_class=Response)
def export_group(
    _: Instructor, training: Trainings, format: Annotated[Literal["csv", "json"], Query()] = "csv"
) -> Response:
    """A row for each session: who, which exercise, when, hints, actions, grades, score."""
    found = rows(training)
    if format == "json":
        text, kind = json.dumps({"schema_version": 1, "sessions": found}, indent=1), "application/json"
    else:
        out = io.StringIO()
        writer = csv.DictWriter(out, CSV_COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({name: _safe(value) for name, value in row.items()} for row in found)
        text, kind = out.getvalue(), "text/csv"
    headers = {"content-disposition": f'attachment; filename="training.{format}"'}
    return Response(text, media_type=f"{kind}; charset=utf-8", headers=headers)


def _safe(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    if not isinstance(value, str) or not value:
        return value
    first = normalize("NFKC", value[0])[:1]  # as a wide ＝ is
    return f"'{value}" if first in "=+-@\t\r" else value
