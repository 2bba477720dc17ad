"""Who asks, and what there is to solve."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from lab import __version__
from lab.api.asking import Known, Somebody, Trainings
from lab.api.models import CourseAnswer, ExerciseAnswer, Exercises, Joined, Me, NewParticipant, PastAnswer
from lab.api.security import csrf_of, set_cookie
from lab.investigation.naming import refuse_taken
from lab.investigation.refusals import RefusedError
from lab.investigation.store import Participant
from lab.investigation.training import Offered

router = APIRouter(tags=["people and exercises"])


@router.get("/me", operation_id="get_me")
async def get_me(known: Known, training: Trainings) -> Me:
    """Who you are, and the CSRF token that changes need beside a cookie."""
    name = known.who.name if known.who else ""
    role = known.role if known.role in ("solo", "participant", "instructor") else "joining"
    return Me(name=name, role=role, csrf=known.csrf, group=training.is_group, version=__version__)  # type: ignore[arg-type]


@router.post("/participants", operation_id="join", status_code=201)
def join(given: NewParticipant, known: Known, training: Trainings, request: Request, response: Response) -> Joined:
    """Joins the group under a name, with the token of the group's link. Sets a cookie with a token of one's own.

    The token is a personal code: `/?token=CODE` brings back whoever lost the cookie. It is told this once.
    """
    if known.role != "joining":
        raise RefusedError("you have joined already", seen=known.role)
    most = request.app.state.most_participants

    def check(there: list[Participant]) -> None:
        refuse_taken(given.name, (who.name for who in there if who.role == "participant"))
        if len(there) >= most:
            raise RefusedError("the group is full", expected=f"at most {most} participants")

    who, token = training.store.add_participant(given.name, "participant", check)
    set_cookie(response, request.app.state.cookie, token)
    return Joined(token=token, id=who.id, name=who.name, csrf=csrf_of(token))


@router.get("/exercises", operation_id="list_exercises")
def list_exercises(who: Somebody, training: Trainings) -> Exercises:
    """Courses and their exercises, with your last session on each; and sessions of exercises of before."""
    courses = [
        CourseAnswer(name=course.name, title=course.title, exercises=[one.id for one in course.exercises])
        for course in training.courses
    ]
    past = [PastAnswer.model_validate({"session": one.id, **asdict(one)}) for one in training.past.of(who)]
    return Exercises(courses=courses, exercises=[_answer(offered) for offered in training.exercises(who)], past=past)


def _answer(offered: Offered) -> ExerciseAnswer:
    one, session = offered.exercise, offered.session
    return ExerciseAnswer(
        id=one.id,
        course=one.course,
        number=one.number,
        title=one.title,
        level=one.level,
        topics=list(one.topics),
        system=one.system,
        brief=one.brief,
        duration_s=one.scenario.scenario.duration_s,
        hints=len(one.hints),
        session=session.id if session else None,
        status=session.status if session else None,
        score=session.score if session and session.status == "released" else None,
    )
