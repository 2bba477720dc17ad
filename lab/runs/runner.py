"""Runs one scenario with one seed on the embedded testbed and leaves a complete recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab import __version__
from lab.contracts import Truth
from lab.errors import RunAbortedError, UserError
from lab.files.finding import shipped_name
from lab.judging.steady import check_steady_state
from lab.judging.truth import true_decoys, true_degradation, true_fault
from lab.judging.witness import effects, judge_witnesses
from lab.recording.keeping import check_room, recording_bytes
from lab.recording.observed import Observed
from lab.recording.opening import open_run
from lab.recording.rundir import COMPLETE, RUN_FILE, RunDirectory, sealed, write_json, write_run
from lab.runs.identity import recording_key
from lab.scenario import LoadedScenario
from lab.scenario.load import SUFFIX
from lab.scenario.plan import plan
from lab.signals import compute_signals, remember_recorded
from lab.testbeds.sim import SimTestbed

Progress = Callable[[str, float], None]
"""progress(what, share of this scenario's work done)"""


def scenario_reference(loaded: LoadedScenario) -> str:
    """How to name the scenario on the command line: a shipped name, or the path it was read from."""
    return shipped_name(loaded.path, SUFFIX) or str(loaded.path)


def run_directory_name(
    loaded: LoadedScenario, seed: int, testbed: str, time_scale: float = 1.0, *, model_server: str = ""
) -> str:
    """`<seed>-<short digest>`: the digest covers everything the recording follows from."""
    return f"{seed}-{recording_key(loaded, seed, testbed, time_scale, model_server)[:8]}"


def run_path(loaded: LoadedScenario, seed: int, root: Path) -> Path:
    """Where the recording of a scenario and seed on `sim` lies under `root`, whether it is there or not."""
    return root / loaded.scenario.name / run_directory_name(loaded, seed, "sim")


def reusable(loaded: LoadedScenario, seed: int, root: Path) -> RunDirectory | None:
    """The recording that running the scenario would only make again, None where there is none that is intact."""
    path = run_path(loaded, seed, root)
    try:
        run = open_run(path) if path.is_dir() else None
    except UserError:
        return None
    return _renamed(run, loaded) if run and run.meta.get("key") == recording_key(loaded, seed, "sim") else None


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


def run_scenario(loaded: LoadedScenario, seed: int, root: Path, progress: Progress | None = None) -> RunDirectory:
    """Runs the scenario and, for each fault, its twin without that fault; writes the run under `root`.

    Raises RunAbortedError when the steady state did not hold or a decoy broke an SLO: such a run proves nothing.
    A run ended by its own stop conditions is recorded with a status that says so.
    """
    scenario = loaded.scenario
    check_room(root, recording_bytes(scenario.load.requests), scenario.name)
    total = 1 + len(scenario.faults)

    def part(number: int, what: str) -> Callable[[float], None] | None:
        return None if progress is None else lambda share: progress(what, (number + share) / total)

    testbed = SimTestbed(loaded, seed)
    observed = testbed.run(part(0, "run"))
    check_steady_state(loaded, observed)
    signals = compute_signals(observed)
    faults, true_effects = [], {}
    control = observed
    for number, use in enumerate(scenario.faults, 1):
        twin = SimTestbed(loaded, seed, without={use.id}).run(part(number, f"twin without {use.id}"))
        control = twin if len(scenario.faults) == 1 else control
        at_s, until_s = testbed.windows.get(use.id, (use.at_s, use.at_s))
        without = compute_signals(twin)
        said = judge_witnesses(plan(loaded).witnesses[use.id], signals, without, at_s, until_s)
        faults.append(true_fault(use, (at_s, until_s), said))
        true_effects[use.id] = effects(signals, without, at_s, until_s)
    if scenario.decoys:
        if len(scenario.faults) > 1:
            control = SimTestbed(loaded, seed, without={use.id for use in scenario.faults}).run()
        plain = {fault.id for fault in scenario.faults} | {decoy.id for decoy in scenario.decoys}
        _check_decoys(loaded, control, lambda: SimTestbed(loaded, seed, without=plain).run())
    status = COMPLETE if not testbed.stopped_because else f"stopped: {testbed.stopped_because}"
    content = {**meta(loaded, seed, status, "sim"), "key": recording_key(loaded, seed, "sim")}
    path = run_path(loaded, seed, root)
    degraded = None if testbed.stopped_because else true_degradation(loaded, observed, signals)
    truth = Truth(tuple(faults), true_decoys(scenario), degraded)
    run = write_run(path, observed, truth, true_effects, testbed.journal_entries, content)
    remember_recorded(run.observed, observed, signals)  # who grades it next need not compute them again
    return run


def _check_decoys(loaded: LoadedScenario, control: Observed, run_plain: Callable[[], Observed]) -> None:
    """Decoys alone may break no SLO that holds without them (`run_plain`): a harmful decoy is no decoy."""
    first_s = min(decoy.at_s for decoy in loaded.scenario.decoys)
    fired = [a for a in control.alerts if a["state"] == "firing" and a["time_s"] >= first_s]
    anyway = {alert["slo"] for alert in run_plain().alerts if alert["state"] == "firing"} if fired else set()
    for alert in fired:
        if alert["slo"] not in anyway:
            raise RunAbortedError(
                f"{loaded.scenario.name}: a decoy breaks the SLO {alert['slo']!r} at {alert['time_s']:g} s without any "
                "fault, so it is not benign. Make it milder."
            )


def meta(loaded: LoadedScenario, seed: int, status: str, testbed: str) -> dict[str, Any]:
    """Contents of `run.json`, apart from the checksums."""
    scenario = loaded.scenario
    return {
        "schema_version": 1,
        "lab_version": __version__,
        "testbed": testbed,
        "seed": seed,
        "status": status,
        "scenario": {
            "name": scenario.name,
            "title": scenario.title,
            "text": loaded.text,
            "reference": scenario_reference(loaded),
        },
        "system": loaded.system.name,
        "load": [{"for_s": s.for_s, "rate_per_s": s.rate_per_s} for s in scenario.load.stages],
        "grading": {"top_k": scenario.grading.top_k, "onset_within_s": scenario.grading.onset_within_s},
        "neighbours": {name: sorted(others) for name, others in loaded.system.neighbours().items()},
    }
