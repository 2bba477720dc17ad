"""What worker processes do for sessions: prepare an incident, play it again with actions, judge an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.errors import UserError

if TYPE_CHECKING:
    from lab.investigation.exercises import Exercise

Progress = Callable[[str, float], None]


def prepared(exercise: Exercise, root: Path, progress: Progress) -> Path:
    """Where the recording of an exercise lies, made with the engines' answers if it is not there yet."""
    from lab.investigation.recordings import prepare

    return prepare(exercise, root, progress).path


def played_again(exercise: Exercise, actions: Sequence[Mapping[str, Any]], directory: Path, progress: Progress) -> Path:
    """`directory`, with what could be observed of an incident with these actions; made if it is not there yet."""
    raise UserError("actions come later")


def concluded(
    exercise: Exercise,
    root: Path,
    run: Path,
    record: Mapping[str, Any],
    actions: Sequence[Mapping[str, Any]],
    directory: Path,
    progress: Progress,
) -> dict[str, Any]:
    """The debrief of a session, kept in `directory` with the post-mortem; `record`: all that was done in it."""
    from lab.contracts import Diagnosis
    from lab.investigation.judging import judged
    from lab.recording.opening import open_run

    case = judged(open_run(run), Diagnosis.from_json(record["answer"]), record["participant"])
    grades = [{"axis": g.grader, "outcome": g.outcome, "why": g.explanation} for g in case.grades]
    found = {"answers": [{"who": "you", **record["answer"], "grades": grades, "outcome": case.outcome}], "score": {}}
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "debrief.json").write_text(json.dumps(found, allow_nan=False), encoding="utf-8")
    return found
