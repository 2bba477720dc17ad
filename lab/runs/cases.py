"""Graded cases as JSON, and back: what results files and the dataset of campaigns hold of them.

Nothing in it tells of the machine, so that equal campaigns give equal results.
"""

from __future__ import annotations

from typing import Any

from lab.contracts import Diagnosis, EngineFailure, Isolation, Truth
from lab.judging.assess import Assessment
from lab.recording.grades import grades_from_json, grades_to_json
from lab.systems.calendar import Calendar


def case_json(case: Assessment) -> dict[str, Any]:
    """One graded case with everything that led to its verdict."""
    return {
        "scenario": case.scenario,
        "seed": case.seed,
        "engine": case.engine,
        "outcome": str(case.outcome),
        "unanswered": case.unanswered,
        "observability": case.observability,
        **answer_json(case.answer, case.isolation),
        "truth": case.truth.to_json(),
        "grades": grades_to_json(case.grades)["grades"],
        "path": case.path,
    } | ({"calendar": case.calendar.to_json()} if case.calendar else {})


def answer_json(answer: Diagnosis | EngineFailure, isolation: Isolation) -> dict[str, Any]:
    """An engine's answer and its isolation."""
    failure = answer.reason if isinstance(answer, EngineFailure) else None
    return {
        "engine_failed": failure is not None,
        "isolation": isolation.by,
        "engine_read": list(isolation.reads),
        "answer": answer.to_json() if isinstance(answer, Diagnosis) else {"failure": failure},
    }


def case_from_json(data: dict[str, Any]) -> Assessment:
    """The case that `case_json` wrote. KeyError, TypeError, ValueError or LabError where it is something else."""
    answer = data["answer"]
    return Assessment(
        str(data["scenario"]),
        int(data["seed"]),
        str(data["engine"]),
        EngineFailure(str(answer["failure"])) if "failure" in answer else Diagnosis.from_json(answer),
        Truth.from_json(data["truth"]),
        tuple(grades_from_json({"schema_version": 1, "grades": data["grades"]})),
        str(data["path"]),
        Isolation(str(data["isolation"]), tuple(map(str, data["engine_read"]))),
        str(data["observability"]),
        Calendar.from_json(data["calendar"]) if "calendar" in data else None,
    )
