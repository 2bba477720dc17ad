"""What worker processes do for sessions: prepare an incident, play it again with actions, judge an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.investigation.exercises import Exercise

Progress = Callable[[str, float], None]


def prepared(exercise: Exercise, root: Path, progress: Progress) -> Path:
    """Where the recording of an exercise lies, made if it is not there yet. No engine is asked: nobody waits for it."""
    from lab.investigation.recordings import record

    return record(exercise, root, progress).path


def engines_asked(run: Path, root: Path, progress: Progress) -> None:
    """Asks engines about a recording, those that were not asked yet."""
    from lab.investigation.recordings import ask
    from lab.recording.holding import held
    from lab.recording.opening import open_run

    with held(run.with_name(f"{run.name}.engines")):
        ask(open_run(run), root, progress)


def played_again(exercise: Exercise, actions: Sequence[Mapping[str, Any]], top: Path, progress: Progress) -> Path:
    """A directory below `top` with what could be observed of an incident with these actions; made if it is not there.

    Its name follows from all that it depends on, the lab's own code included.
    """
    from lab.investigation.acting import Action, acted_key, made_again
    from lab.recording.holding import held

    given = [Action.from_json(one) for one in actions]
    directory = top / acted_key(exercise.scenario, exercise.seed, given)[:32]
    with held(directory):
        if not (directory / "observed" / "system.json").is_file():
            made_again(exercise.scenario, exercise.seed, given, directory, progress)
    return directory


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
    from lab.investigation.acting import Action, run_with_actions
    from lab.investigation.debrief import debrief
    from lab.investigation.postmortem import postmortem
    from lab.investigation.queries.asking import without_nan
    from lab.recording.opening import open_run

    engines_asked(run, root, progress)
    acted = None
    if actions:
        given = [Action.from_json(one) for one in actions]
        acted = run_with_actions(exercise.scenario, exercise.seed, given, root, progress)
    found = debrief(open_run(run), acted, exercise, record)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "postmortem.md").write_text(postmortem(found, exercise, record), encoding="utf-8")
    (directory / "debrief.json").write_text(json.dumps(without_nan(found), allow_nan=False), encoding="utf-8")
    return found
