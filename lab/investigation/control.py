"""The same time without the faults: the run made once more from the same seed, to know what they truly did and cost."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.errors import UserError
from lab.files.fileio import read_file, write_file
from lab.investigation.alarms import Alarms, Line, alarms_of
from lab.recording.alerts import Fired
from lab.recording.costs import Amount, amounts, costs_of
from lab.recording.observed import Observed
from lab.recording.rundir import RunDirectory
from lab.registration.observability import LEVELS
from lab.scenario import LoadedScenario
from lab.scenario.load import parse_scenario
from lab.signals import SignalTable, compute_signals
from lab.signals.packed import as_arrays, as_table, packed, unpacked
from lab.testbeds.driver import Progress, silent
from lab.testbeds.installed import Chosen, choose

FILE = "control.npz"
"""Where it is kept, beside `observed/` of the recording with the faults."""


@dataclass(frozen=True)
class Control:
    """What a recording's signals and costs are without its faults, and what alarms then; decoys are kept."""

    signals: SignalTable
    amounts: tuple[Amount, ...]
    alarms: Alarms = field(default_factory=Alarms)


def scenario_of(run: RunDirectory) -> LoadedScenario:
    """The scenario that a recording was made from, as its `run.json` has it; UserError where it can no longer be read.

    A system file that it names is looked for beside the scenario's own file. It shows as much as the recording does.
    """
    from lab.files.finding import find_file
    from lab.scenario.load import SUFFIX

    about = run.meta["scenario"]
    try:
        place = find_file(str(about["reference"]), SUFFIX, "scenario")
    except UserError:
        place = Path(str(about["reference"]))
    seen = next((level for level in LEVELS if level == run.observability), None)
    return parse_scenario(str(about["text"]), str(place)).seen_by(seen)


def control_of(run: RunDirectory, loaded: LoadedScenario, progress: Progress = silent) -> Control | None:
    """The control of a recording, kept with it; None where this lab cannot make the same run again.

    A recording that cannot be written to has it made each time.
    """
    from lab.signals import load_recorded

    observed, signals = load_recorded(run.observed)
    if not loaded.scenario.faults:
        return Control(signals, tuple(amounts(observed)), alarms_of(observed))
    kept = _read(run.path / FILE, observed.system)
    if kept is not None:
        return kept
    plain = without_faults(loaded, run, progress)
    if plain is None:
        return None
    made = Control(compute_signals(plain), tuple(amounts(plain)), alarms_of(plain))
    with suppress(OSError):  # an archive that is only read
        write_file(run.path / FILE, _content(made), streams=False)
    return made


def without_faults(loaded: LoadedScenario, run: RunDirectory, progress: Progress = silent) -> Observed | None:
    """What could be observed of a run without its faults; None where this lab cannot make the same run again."""
    return remade(loaded, run, {use.id for use in loaded.scenario.faults}, progress)


def remade(
    loaded: LoadedScenario,
    run: RunDirectory,
    without: Collection[str],
    progress: Progress = silent,
    *,
    with_actions: bool = False,
) -> Observed | None:
    """What could be observed of a run without some of its faults, with what people did in it or without.

    None where this lab cannot make the same run again: its testbed may not be repeatable, or another version of the lab
    made it, and a run of this one would differ by that.
    """
    from lab.investigation.acting import Action, played

    chosen = choose(str(run.meta["testbed"]), dict(run.meta.get("testbed_options", {})))
    if not chosen.driver.is_repeatable or run.meta.get("key") != _key(loaded, run, chosen):
        return None
    faults = tuple(use for use in loaded.scenario.faults if use.id not in without)
    plain = replace(loaded, scenario=loaded.scenario.model_copy(update={"faults": faults}))
    actions = [Action.from_json(one) for one in run.actions] if with_actions else []
    return played(plain, run.seed, actions, chosen, progress).observed


def _key(loaded: LoadedScenario, run: RunDirectory, chosen: Chosen) -> str:
    """The key that the recording would have if it were made now."""
    from lab.investigation.acting import Action, acted_key
    from lab.runs.identity import recording_key

    actions = [Action.from_json(one) for one in run.actions]
    return acted_key(loaded, run.seed, actions, chosen) if actions else recording_key(loaded, run.seed, chosen)


def _content(made: Control) -> bytes:
    names, times_s, values = as_arrays(made.signals)
    arrays = {"times_s": times_s, "values": values}
    arrays |= {f"times_{i}": one.times_s for i, one in enumerate(made.amounts)}
    arrays |= {f"amounts_{i}": one.values for i, one in enumerate(made.amounts)}
    head = {"signals": names, "costs": [one.cost.name for one in made.amounts], "alarms": made.alarms}
    return packed(head, arrays)


def _read(path: Path, system: Any) -> Control | None:
    """What is kept; None where it is not there, or is not as this lab would keep it."""
    try:
        head, arrays = unpacked(read_file(path))
        costs = costs_of(system)
        if [cost.name for cost in costs] != head["costs"]:
            return None
        found = (Amount(cost, arrays[f"times_{i}"], arrays[f"amounts_{i}"]) for i, cost in enumerate(costs))
        alerts, lines = head["alarms"]
        alarms = Alarms(tuple(Fired(*one) for one in alerts), tuple(Line(*one) for one in lines))
        return Control(as_table(head["signals"], arrays["times_s"], arrays["values"]), tuple(found), alarms)
    except (OSError, ValueError, KeyError, TypeError):
        return None
