"""One exercise, named on a command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.investigation.exercises import Course, Exercise


def named(target: str, given: Sequence[str] = ()) -> tuple[list[Course], Exercise]:
    """The exercise of this id, or a scenario by its file or name as one, with the courses that it stands among.

    `given`: courses and scenarios that are offered beside the shipped courses. UserError where there is neither.
    """
    from lab.investigation.exercises import courses

    offered = courses(given)
    for course in offered:
        for exercise in course.exercises:
            if exercise.id == target:
                return offered, exercise
    offered = courses([*given, target])
    return offered, offered[-1].exercises[-1]
