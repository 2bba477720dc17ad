"""What endpoints are given: who asks, the training, a session of theirs, and the time up to which they see.

None of it waits for anything, so it is async: FastAPI would take a thread for each otherwise.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple, TypeAlias

from fastapi import Depends, Path, Query, Request

from lab.api.security import Identity
from lab.investigation.concluding import Answered
from lab.investigation.queries.asking import UnknownError
from lab.investigation.refusals import RefusedError
from lab.investigation.session import Session
from lab.investigation.store import Participant
from lab.investigation.training import Training
from lab.investigation.view import View

LONGEST_NAME = 300
MOST_S = 1e10
"""No incident is longer."""


async def training(request: Request) -> Training:
    """The training that this server offers."""
    found: Training = request.app.state.training
    return found


async def identity(request: Request) -> Identity:
    """Who asks."""
    found: Identity = request.state.identity
    return found


Known: TypeAlias = Annotated[Identity, Depends(identity)]
Trainings: TypeAlias = Annotated[Training, Depends(training)]


async def participant(found: Known) -> Participant:
    """Who asks, where it is somebody with sessions of their own."""
    if found.who is None:
        raise RefusedError("give a name first", hint="POST /api/v1/participants")
    return found.who


async def instructor(found: Known) -> Participant:
    """Who asks, where it is the instructor; for all others there is nothing here."""
    if found.who is None or found.role != "instructor":
        raise UnknownError("not found")
    return found.who


Somebody: TypeAlias = Annotated[Participant, Depends(participant)]
Instructor: TypeAlias = Annotated[Participant, Depends(instructor)]
SessionId: TypeAlias = Annotated[str, Path(max_length=40, description="id of a session")]


async def own_session(who: Somebody, all_of_them: Trainings, session: SessionId) -> Session:
    """The session of that id, where it is one's own."""
    return all_of_them.session(who, session)


Own: TypeAlias = Annotated[Session, Depends(own_session)]


async def own_answered(who: Somebody, all_of_them: Trainings, session: SessionId) -> Answered:
    """The session of that id, where it is one's own; a past one too."""
    return all_of_them.answered(who, session)


OwnAnswered: TypeAlias = Annotated[Answered, Depends(own_answered)]


class Sight(NamedTuple):
    """What a session sees: a recording up to a time."""

    session: Session
    view: View
    at_s: float


async def sight(session: Own, all_of_them: Trainings) -> Sight:
    """What a session sees now; RefusedError where its incident is not ready."""
    with session.lock:
        if session.view is None:
            what = "there is nothing to see yet"
            raise RefusedError(what, seen=session.status, hint="ask for the session until it is ready")
        return Sight(session, session.view, session.clock.as_of(all_of_them.wall()))


Seen: TypeAlias = Annotated[Sight, Depends(sight)]

Name: TypeAlias = Annotated[str, Query(min_length=1, max_length=LONGEST_NAME)]
Time: TypeAlias = Annotated[float, Query(ge=-MOST_S, le=MOST_S, allow_inf_nan=False, description="scenario seconds")]
Duration: TypeAlias = Annotated[float, Query(ge=0, le=MOST_S, allow_inf_nan=False, description="seconds")]
