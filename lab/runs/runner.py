"""Runs one scenario with one seed on a testbed, whichever it is, and leaves a complete recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from lab import __version__
from lab.errors import RunAbortedError, UserError
from lab.files.finding import shipped_name
from lab.recording.keeping import check_room, kept_where_there_is_room
from lab.recording.opening import open_run
from lab.recording.rundir import COMPLETE, INCONCLUSIVE, RUN_FILE, RunDirectory, sealed, write_json, write_run
from lab.recording.schema import SCHEMA_VERSION
from lab.runs.delivered import finished
from lab.runs.following import Followed, follow
from lab.runs.identity import recording_key
from lab.runs.judged import Judged, judge
from lab.scenario import LoadedScenario
from lab.scenario.load import SUFFIX
from lab.signals import kept, remember_recorded
from lab.testbeds.driver import Progress, Recorded, silent
from lab.testbeds.installed import Chosen, choose


def scenario_reference(loaded: LoadedScenario) -> str:
    """How to name the scenario on the command line: a shipped name, or the path it was read from."""
    return shipped_name(loaded.path, SUFFIX) or str(loaded.path)


def run_path(loaded: LoadedScenario, seed: int, root: Path, testbed: Chosen | None = None) -> Path:
    """Where the recording of a scenario and seed on a testbed lies under `root`, whether it is there or not.

    `<scenario>/<seed>-<short digest>`: the digest covers everything that the recording follows from.
    """
    key = recording_key(loaded, seed, testbed or choose())
    return root / loaded.scenario.name / f"{seed}-{key[:8]}"


def reusable(loaded: LoadedScenario, seed: int, root: Path, testbed: Chosen | None = None) -> RunDirectory | None:
    """The recording that running the scenario would only make again, None where there is none that is intact.

    A testbed whose runs differ from one another makes each anew.
    """
    chosen = testbed or choose()
    if not chosen.driver.is_repeatable:
        return None
    run = intact(run_path(loaded, seed, root, chosen), recording_key(loaded, seed, chosen))
    return None if run is None else _renamed(run, loaded)


def intact(path: Path, key: str) -> RunDirectory | None:
    """The recording of this key that lies there; None where there is none, or it was changed."""
    try:
        run = open_run(path) if path.is_dir() else None
    except UserError:
        return None
    return run if run is not None and run.meta.get("key") == key else None


def _renamed(run: RunDirectory, loaded: LoadedScenario) -> RunDirectory:
    """The recording with a name of its scenario that leads to the file from here: the one in it may lead elsewhere.

    A recording that cannot be written to keeps the name that it has.
    """
    name, known = run.meta["scenario"]["reference"], scenario_reference(loaded)
    if name == known or Path(name).resolve() == loaded.path.resolve():
        return run
    content = sealed({**run.meta, "scenario": {**run.meta["scenario"], "reference": known}})
    try:
        write_json(run.path / RUN_FILE, content)
    except OSError:
        return run
    return replace(run, meta=content)


def run_scenario(
    loaded: LoadedScenario, seed: int, root: Path, testbed: Chosen | None = None, progress: Progress = silent
) -> RunDirectory:
    """Runs the scenario on a testbed, judges what its faults really did, and writes the recording under `root`.

    Raises UserError where the testbed cannot do it, RunAbortedError when the steady state did not hold or a decoy broke
    an SLO (such a run proves nothing), and NotRevertedError where something could not be put back. A run ended by its
    own stop conditions is recorded with a status that says so.
    """
    chosen = testbed or choose()
    driver = chosen.driver
    if problems := chosen.problems(loaded):
        raise UserError(problems)
    check_room(root, chosen.needed_bytes(loaded), loaded.scenario.name)
    parts = Parts(progress, 1 + len(loaded.scenario.faults) * driver.is_repeatable)
    recorded, status = run_once(loaded, seed, chosen, parts.of(0))
    judged = judge(loaded, recorded, status == COMPLETE, parts.of)
    key = {"key": recording_key(loaded, seed, chosen)} if driver.is_repeatable else {}
    content = {**meta(loaded, seed, status, chosen), **recorded.meta, **key}
    run = keep(recorded, judged, run_path(loaded, seed, root, chosen), root, content)
    remember_recorded(run.observed, recorded.observed, judged.signals)  # who grades it next need not compute them again
    return run


def run_once(loaded: LoadedScenario, seed: int, chosen: Chosen, progress: Progress = silent) -> tuple[Recorded, str]:
    """One run as a testbed records it, not judged and not kept, and its status: `complete`, or why it is not graded.

    Raises RunAbortedError when the steady state did not hold.
    """
    with chosen.named("making a run"), chosen.driver.open(loaded, seed, chosen.options, progress) as session:
        followed = follow(session, loaded, progress)
        recorded = finished(session, chosen)
    return recorded, _status(recorded, followed, session.ended)


class Parts:
    """Progress over the run and its twins, which take about as long each."""

    def __init__(self, progress: Progress, count: int) -> None:
        self._progress, self._count = progress, count

    def of(self, number: int) -> Progress:
        """Progress of one of them, the run itself being number 0."""
        return lambda what, share: self._progress(what, (number + share) / self._count)


def _status(recorded: Recorded, followed: Followed, ended: str) -> str:
    """`complete`, or why the run is not graded; RunAbortedError where the scenario is the reason.

    What the machine was short of may be why a run was not steady, or why it was stopped before anything was changed.
    """
    if recorded.flaw:
        return recorded.flaw
    if followed.unsteady:
        if not recorded.machine:
            raise RunAbortedError(followed.unsteady)
        return f"{INCONCLUSIVE}{followed.unsteady} {recorded.machine}"
    if ended:
        is_excused = recorded.machine and not followed.is_changed
        return f"{INCONCLUSIVE}{ended}. {recorded.machine}" if is_excused else f"stopped: {ended}"
    return COMPLETE


def keep(recorded: Recorded, judged: Judged, path: Path, root: Path, content: Mapping[str, Any]) -> RunDirectory:
    """Writes the recording; where there is no room for one that cannot be made again, in a spare place."""

    def write(top: Path) -> RunDirectory:
        place = top / path.relative_to(root)
        signals = partial(kept.content, signals=judged.signals, world=recorded.observed.system.get("world"))
        return write_run(
            place, recorded.observed, judged.truth, judged.effects, recorded.events, content, signals, judged.courses
        )

    if not recorded.spare_places:
        return write(root)
    lost = f"the recording of {path.parent.name} seed {content['seed']} is lost"
    run, refused = kept_where_there_is_room([root, *recorded.spare_places], write, lost)
    return replace(run, elsewhere=refused[0][1] if refused else "")


def meta(loaded: LoadedScenario, seed: int, status: str, testbed: Chosen) -> dict[str, Any]:
    """Contents of `run.json`, apart from the checksums."""
    scenario = loaded.scenario
    return {
        "schema_version": SCHEMA_VERSION,
        "lab_version": __version__,
        "testbed": testbed.name,
        "testbed_options": testbed.recorded(),
        "seed": seed,
        "status": status,
        "scenario": {
            "name": scenario.name,
            "title": scenario.title,
            "text": loaded.text,
            "reference": scenario_reference(loaded),
        },
        "system": loaded.system.name,
        "load": [{"for_s": s.for_s, "rate_per_s": s.rate_per_s} for s in scenario.stages],
        "grading": _grading(loaded),
        "neighbours": {name: sorted(others) for name, others in loaded.system.neighbours().items()},
    }


def _grading(loaded: LoadedScenario) -> dict[str, Any]:
    """How strictly to grade; without a calendar nobody counts in periods."""
    options = asdict(loaded.scenario.grading.options(loaded.system))
    return options if options["period"] else {name: options[name] for name in ("top_k", "onset_within_s")}
