"""The recording behind an exercise, and what engines answer to it; made once and shared by all who solve it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from lab.engines.options import EngineOptions
from lab.errors import RunAbortedError
from lab.files.fileio import write_file
from lab.investigation.exercises import Exercise
from lab.recording.rundir import COMPLETE, RUN_FILE, SIGNALS_FILE, SIGNALS_SEAL, RunDirectory, write_json
from lab.testbeds.driver import Progress, silent

REFERENCE = "rules"
"""The engine that people are compared with."""
FLOORS = ("chance", "constant", "loudest-anomaly", "naive-thresholds")
"""Engines that anybody should beat: what is worth less than them is worth nothing."""
ENGINES = (REFERENCE, *FLOORS)


def observe(exercise: Exercise, directory: Path, progress: Progress = silent) -> None:
    """Simulates an exercise's incident once, and writes `observed` under a directory: what people wait for.

    It is what `record` writes, byte for byte. But no twin is made: how many there are tells how many faults there are.
    Raises what `record` raises, but where only a twin tells that an incident cannot be graded (a decoy that does harm).
    """
    from lab.investigation.acting import INCIDENT, write_observed
    from lab.recording.keeping import check_room
    from lab.runs.runner import run_once
    from lab.testbeds.installed import choose

    loaded, chosen = exercise.scenario, choose()
    check_room(directory, chosen.needed_bytes(loaded), INCIDENT)
    recorded, status = run_once(loaded, exercise.seed, chosen, progress)
    if status != COMPLETE:
        raise RunAbortedError(f"{loaded.path}: the run did not complete ({status}); nobody can be graded on it")
    write_observed(recorded.observed, directory)


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


def answer(incident: Path, hidden: Path, progress: Progress = silent) -> None:
    """Asks the reference engine and the floors what they make of an incident of `observe`, and keeps what they say.

    Each is asked once. They get signals that are computed once for all; `hidden`: what they must not read.
    """
    from lab.engines.host import EngineHost
    from lab.judging.assess import diagnose

    place = RunDirectory(incident, {})
    left = [engine for engine in ENGINES if place.diagnosis(engine) is None]
    if left and not (incident / SIGNALS_FILE).is_file():
        _keep_signals(incident)
    with EngineHost(EngineOptions(hidden=(hidden.resolve(),))) as host:
        for number, engine in enumerate(left):
            progress("asking engines", number / len(left))
            diagnose(place, engine, host)


def grade(run: RunDirectory, incident: Path) -> None:
    """Grades on the recording of an incident what engines said to that; those that were graded stay as they are."""
    from lab.judging.assess import assess

    place = RunDirectory(incident, {})
    for engine in set(ENGINES) - run.grades().keys():
        said = place.diagnosis(engine)
        if said is not None:
            run.write_diagnosis(engine, said, place.isolation(engine))
            assess(run, engine)


def _keep_signals(incident: Path) -> None:
    """Keeps the signals of an incident as a recording has them."""
    from lab.signals import kept, load_recorded

    observed, signals = load_recorded(incident / "observed")
    content = kept.content(kept.digests(incident / "observed"), signals, observed.system.get("world"))
    write_file(incident / SIGNALS_FILE, content)
    write_json(incident / RUN_FILE, {SIGNALS_SEAL: sha256(content).hexdigest()})
