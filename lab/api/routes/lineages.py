"""What could be observed of jobs and what they write: the calendar, datasets by version, lineage."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Query

from lab.api import calendars
from lab.api.asking import Name, Seen, Trainings
from lab.investigation.queries import calendar, datasets
from lab.report.calendar_told import story_of
from lab.signals.periods.citing import shown

router = APIRouter(prefix="/sessions/{session}", tags=["telemetry"])

Run = Annotated[str, Query(pattern=r"^[0-9a-f]{1,64}$", description="trace id of the run of a job")]


Part = Literal[
    "indicators", "jobs", "datasets", "drift", "in_use", "stacks", "moved", "moments", "differences", "story"
]


@router.get("/calendar", operation_id="get_calendar")
def get_calendar(
    seen: Seen,
    training: Trainings,
    part: Annotated[list[Part], Query(description="only these; `differences` alone is short")] = [],  # noqa: B006
) -> calendars.CalendarAnswer:
    """Period by period: how each job ended, which version each dataset had, how columns and shares moved.

    `differences` is what was not as before, in the order in which it began; `story` tells it in words.
    404 where the system has no calendar.
    """
    whole = calendar.calendar(seen.view, seen.at_s, seen.session.actions)
    left_out: dict[str, Any] = {name: () for name in get_args(Part) if part and name not in (*part, "story")}
    found = replace(whole, **left_out)
    story = story_of(whole) if "story" in part or not part else None
    training.looking.note(seen.session, "calendar", "", seen.at_s)
    training.looking.note_all(seen.session, "signal", shown(found), seen.at_s)
    return calendars.CalendarAnswer(as_of_s=seen.at_s, calendar=found, story=story)


@router.get("/datasets", operation_id="list_datasets")
def list_datasets(
    seen: Seen, training: Trainings, dataset: Name | None = None, trace_id: Run | None = None
) -> calendars.Datasets:
    """Datasets that jobs write, with their versions: when, how many rows, and what differs from the version before.

    `trace_id`: only what that run wrote.
    """
    found = datasets.datasets(seen.view, seen.at_s, dataset, trace_id)
    training.looking.note(seen.session, "datasets", dataset or "", seen.at_s)
    training.looking.note_all(seen.session, "signal", datasets.shown(found), seen.at_s)
    return calendars.Datasets.model_validate({"as_of_s": seen.at_s, "datasets": found})


@router.get("/lineage", operation_id="list_lineage")
def list_lineage(
    seen: Seen,
    training: Trainings,
    dataset: Name | None = None,
    job: Name | None = None,
    trace_id: Run | None = None,
    limit: Annotated[int, Query(ge=1, le=datasets.MOST_EVENTS)] = 50,
) -> calendars.Lineage:
    """Which versions of which datasets each run of a job read, and which it wrote; latest first."""
    found, more = datasets.lineage(seen.view, seen.at_s, dataset=dataset, job=job, trace_id=trace_id, limit=limit)
    training.looking.note(seen.session, "lineage", dataset or job or "", seen.at_s)
    return calendars.Lineage.model_validate({"as_of_s": seen.at_s, "events": found, "more": more})
