"""What worker processes do for sessions: prepare an incident, play it again with actions, judge an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.investigation.exercises import Exercise

Progress = Callable[[str, float], None]


def prepared(exercise: Exercise, top: Path, progress: Progress) -> Path:
    """A directory below `top` with what can be observed of an exercise's incident; made if it is not there.

    It is the same work for every exercise, whatever is wrong in it: one simulation. So it tells nothing.
    """
    from lab.investigation.recordings import observe
    from lab.runs.identity import recording_key
    from lab.testbeds.installed import choose

    directory = top / recording_key(exercise.scenario, exercise.seed, choose())[:32]
    return _once(directory, lambda: observe(exercise, directory, progress))


def engines_asked(incident: Path, hidden: Path, progress: Progress) -> None:
    """Asks engines about an incident that is prepared, those that were not asked yet: the same work for every one."""
    from lab.investigation.recordings import answer
    from lab.recording.holding import held

    with held(incident.with_name(f"{incident.name}.engines")):
        answer(incident, hidden, progress)


def recorded(exercise: Exercise, incident: Path, top: Path, progress: Progress) -> Path:
    """The whole recording of an incident, with its truth and the grades of engines; below `top`, if it is not there.

    Not before somebody has answered: how long it takes, and what else waits meanwhile, tells how many faults there are.
    """
    from lab.investigation.recordings import grade, record
    from lab.recording.holding import held

    engines_asked(incident, top, _unshown)  # it was done before, as a rule
    run = record(exercise, top / "runs", progress)
    with held(run.path.with_name(f"{run.path.name}.engines")):
        grade(run, incident)
    return run.path


def played_again(exercise: Exercise, actions: Sequence[Mapping[str, Any]], top: Path, progress: Progress) -> Path:
    """A directory below `top` with what could be observed of an incident with these actions; made if it is not there.

    Its name follows from all that it depends on, the lab's own code included.
    """
    from lab.investigation.acting import Action, acted_key, made_again

    given = [Action.from_json(one) for one in actions]
    directory = top / acted_key(exercise.scenario, exercise.seed, given)[:32]
    return _once(directory, lambda: made_again(exercise.scenario, exercise.seed, given, directory, progress))


def concluded(
    exercise: Exercise,
    incident: Path,
    top: Path,
    record: Mapping[str, Any],
    actions: Sequence[Mapping[str, Any]],
    directory: Path,
    progress: Progress,
) -> dict[str, Any]:
    """The debrief of a session, kept in `directory` with the post-mortem; `record`: all that was done in it.

    `top`: where recordings are kept, by what they are for.
    """
    from lab.investigation.acting import Action, run_with_actions
    from lab.investigation.debrief import debrief
    from lab.investigation.postmortem import postmortem
    from lab.investigation.queries.asking import without_nan
    from lab.recording.opening import open_run

    share = 0.5 if actions else 1.0
    run = recorded(exercise, incident, top, lambda what, done: progress(what, done * share))
    acted = None
    if actions:
        given = [Action.from_json(one) for one in actions]
        acted = run_with_actions(
            exercise.scenario, exercise.seed, given, top / "runs",
            lambda what, done: progress(what, share + done * share),
        )  # fmt: skip
    found = debrief(open_run(run), acted, exercise, record)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "postmortem.md").write_text(postmortem(found, exercise, record), encoding="utf-8")
    (directory / "debrief.json").write_text(json.dumps(without_nan(found), allow_nan=False), encoding="utf-8")
    return found


def _once(directory: Path, make: Callable[[], None]) -> Path:
    """The directory, where `make` writes `observed` unless it is there; whoever else wants it waits meanwhile."""
    from lab.recording.holding import held

    with held(directory):
        if not (directory / "observed" / "system.json").is_file():
            make()
    return directory


def _unshown(what: str, share: float, /) -> None:
    """Progress of what is no part of what is waited for."""
