"""Grades as they are kept with a recording, and the verdict that they come to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from lab.contracts import SCHEMA_VERSION, Grade, Outcome, compose
from lab.errors import UserError

DECIDING = frozenset({"culprit", "false-alarm", "decoy-blamed"})
"""The axes that decide a case: the right element first, no alarm without a fault, no blame for a benign event.

The other axes are reported, and a suite may set thresholds on them. They don't decide because they refine an answer
that already sends the right people to the right place, and because plug-in graders must not change old verdicts.
"""


def verdict(grades: Iterable[Grade]) -> Outcome:
    """Worst of the deciding axes; inconclusive when none of them applied."""
    return compose([g.outcome for g in grades if g.grader in DECIDING])


def grades_to_json(grades: Iterable[Grade]) -> dict[str, Any]:
    """The contents of `grades/<engine>.json`."""
    listed = list(grades)
    return {"schema_version": SCHEMA_VERSION, "verdict": str(verdict(listed)), "grades": [asdict(g) for g in listed]}


def grades_from_json(data: Any) -> list[Grade]:
    """Reads what `grades_to_json` wrote; UserError when it is something else."""
    try:
        if data["schema_version"] != SCHEMA_VERSION:
            raise UserError(f"grades have schema_version {data['schema_version']!r}, expected {SCHEMA_VERSION}")
        return [_grade(item) for item in data["grades"]]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"not a grades file: {type(error).__name__}: {error}") from error


def _grade(item: Any) -> Grade:
    grade = Grade(**{**item, "outcome": Outcome(item["outcome"])})
    for name in ("grader", "answer", "expected", "explanation"):
        if not isinstance(getattr(grade, name), str):
            raise ValueError(f"{name} is {getattr(grade, name)!r}, not text")
    if not (grade.value is None or type(grade.value) in (int, float)):
        raise ValueError(f"value is {grade.value!r}, not a number")
    return grade
