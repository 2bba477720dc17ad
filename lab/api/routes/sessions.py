"""Sessions: begun, polled, and their clocks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from lab.api.asking import Own, Seen, Somebody, Trainings
from lab.api.models import ClockChange, Created, MomentAnswer, NewSession, SessionAnswer
from lab.errors import UserError
from lab.investigation.queries.asking import QueryError
from lab.systems.calendar import Calendar
from lab.systems.moments import moment_s, told

router = APIRouter(tags=["sessions"])

Written = Annotated[str, Query(min_length=1, max_length=100, description="a time as people write it")]


@router.post("/sessions", operation_id="begin_session", status_code=201)
def begin_session(given: NewSession, who: Somebody, training: Trainings) -> Created:
    """Begins a session on an exercise, or on a blind one that a seed draws. Its clock is paused at the first moment."""
    if given.exercise is not None:
        return Created(id=training.begin(who, given.exercise).id)
    assert given.blind is not None
    return Created(id=training.begin_blind(who, given.blind).id)


@router.get("/sessions", operation_id="list_sessions")
def list_sessions(who: Somebody, training: Trainings) -> list[SessionAnswer]:
    """Your sessions, in the order in which you began them."""
    return [SessionAnswer.model_validate(one.seen(training.wall())) for one in training.sessions(who)]


@router.get("/sessions/{session}", operation_id="get_session")
async def get_session(one: Own, training: Trainings) -> SessionAnswer:
    """How a session stands: its status, its clock, what was taken and done. Poll this."""
    return SessionAnswer.model_validate(one.seen(training.wall()))


@router.post("/sessions/{session}/clock", operation_id="set_clock")
def set_clock(given: ClockChange, one: Own, training: Trainings) -> SessionAnswer:
    """Lets the incident go on, pauses it, changes its speed, or jumps: one tick, to the next alert, or to the end.

    After a jump to the next alert `stopped` tells where it stopped and why.
    """
    if given.jump is not None:
        training.clocks.jump(one, given.jump)
    else:
        training.clocks.run(one, given.speed, given.pause)
    return SessionAnswer.model_validate(one.seen(training.wall()))


@router.get("/sessions/{session}/moment", operation_id="read_moment")
def read_moment(seen: Seen, of: Written) -> MomentAnswer:
    """Reads a time of the incident as people write it: `160s`, `05:12`, `9d12h`.

    Where the system has a calendar, also its periods, `11` or `period 11` with its word for them, and dates: `15 Oct`,
    `Wed 14 Oct 12:00`, `2026-10-15 03:00`. 422, with examples from this incident, for what is none.
    """
    calendar = Calendar.recorded(seen.view.whole.system)
    try:
        at_s = moment_s(of, calendar, seen.view.end_s)
    except UserError as error:
        raise QueryError.of(error.problems[0]) from error
    return MomentAnswer(at_s=at_s, told=told(at_s, calendar))


@router.post("/sessions/{session}/retry", operation_id="retry_session")
def retry_session(one: Own, training: Trainings) -> SessionAnswer:
    """Tries again to prepare or judge a session that failed."""
    training.retry(one)
    return SessionAnswer.model_validate(one.seen(training.wall()))
