"""The recording behind an exercise, and what engines answer to it; made once and shared by all who solve it."""

from __future__ import annotations

from pathlib import Path

from lab.engines.options import EngineOptions
from lab.investigation.exercises import Exercise
from lab.recording.rundir import RunDirectory
from lab.testbeds.driver import Progress, silent

REFERENCE = "rules"
"""The engine that people are compared with."""
FLOORS = ("chance", "constant", "loudest-anomaly", "naive-thresholds")
"""Engines that anybody should beat: what is worth less than them is worth nothing."""
ENGINES = (REFERENCE, *FLOORS)
_RECORDING_SHARE = 0.6
"""Of the time that it takes to prepare an exercise."""


def prepare(exercise: Exercise, root: Path, progress: Progress = silent) -> RunDirectory:
    """The recording of an exercise under `root`, with the answers of the engines and their grades.

    It is made where it is not there yet, and each engine is asked once. `progress(what, share)`: what is being done,
    and the share (0 to 1) that is done of all. UserError and RunAbortedError as from `lab.runs.runner.run_scenario`.
    """
    run = record(exercise, root, lambda what, share: progress(what, share * _RECORDING_SHARE))
    ask(run, root, lambda what, share: progress(what, _RECORDING_SHARE + share * (1 - _RECORDING_SHARE)))
    return run


def record(exercise: Exercise, root: Path, progress: Progress = silent) -> RunDirectory:
    """The recording of an exercise under `root`, made where it is not there yet; others who want it wait meanwhile."""
    from lab.recording.holding import held
    from lab.runs.campaign import check_gradable
    from lab.runs.runner import reusable, run_path, run_scenario
    from lab.testbeds.installed import choose

    run = (exercise.scenario, exercise.seed, root, choose())
    with held(run_path(*run)):
        made = reusable(*run) or run_scenario(*run, progress)
    check_gradable(made)
    return made


def ask(run: RunDirectory, root: Path, progress: Progress = silent) -> None:
    """Asks the reference engine and the floors about a recording, those that were not asked yet, and grades them."""
    from lab.engines.host import EngineHost
    from lab.judging.assess import assess

    graded = run.grades()
    left = [engine for engine in ENGINES if engine not in graded]
    with EngineHost(EngineOptions(hidden=(root.resolve(),))) as host:
        for number, engine in enumerate(left):
            progress("asking engines", number / len(left))
            assess(run, engine, host)
