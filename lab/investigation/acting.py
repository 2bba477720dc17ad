"""Actions: remedies at times, and a run that is made again with them.

The run is made again from the same seed. Draws are keyed, so up to the first action it is the run that was, byte for
byte; what comes after it is what would truly have happened.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from lab.contracts import Truth
from lab.errors import ParameterError, Problem
from lab.injection.levers import Testbed
from lab.investigation.remedies import apply, remedy
from lab.investigation.twins import Twins
from lab.investigation.twins import keep as keep_twins
from lab.judging.witness import effects
from lab.recording.keeping import check_room
from lab.recording.observed import Observed
from lab.recording.rundir import RunDirectory, put_in_place
from lab.runs.delivered import finished
from lab.runs.following import follow
from lab.runs.identity import digest, recording_key, sources
from lab.runs.judged import Judged
from lab.runs.runner import Parts, intact, keep, meta, reusable, run_scenario
from lab.scenario import LoadedScenario
from lab.signals import compute_signals, remember_recorded
from lab.testbeds.driver import Deed, Progress, Recorded, silent
from lab.testbeds.installed import Chosen, choose

INCIDENT = "an incident"
"""What errors call it: the name of its scenario tells too much."""


@dataclass(frozen=True, slots=True)
class Action:
    """A remedy, done at a place at a scenario second. `value`: what it sets; None for a remedy that sets nothing."""

    at_s: float
    remedy: str
    place: str
    value: JsonValue = None

    def to_json(self) -> dict[str, JsonValue]:
        """As a recording and the API have it."""
        return {"at_s": self.at_s, "remedy": self.remedy, "place": self.place, "value": self.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Action:
        """The inverse of `to_json`; KeyError, TypeError or ValueError for anything else."""
        return cls(float(data["at_s"]), str(data["remedy"]), str(data["place"]), data.get("value"))

    def check(self, loaded: LoadedScenario) -> None:
        """UserError where this cannot be done in the scenario."""
        duration_s = loaded.scenario.duration_s
        if not math.isfinite(self.at_s) or not 0 <= self.at_s < duration_s:
            expected = f"a time from 0 s to before the end at {duration_s:.10g} s"
            what = "an action at no time of the run"
            raise ParameterError("at_s", Problem(what, seen=str(self.at_s), expected=expected))
        remedy(loaded.system, self.remedy).checked(loaded.system, self.place, self.value)


def made_again(
    loaded: LoadedScenario, seed: int, actions: Sequence[Action], directory: Path, progress: Progress = silent
) -> None:
    """Makes the run of a scenario again with actions, and writes `observed` under a directory, whole or not at all.

    Up to each action, that time included, it is what it is without that action. UserError for an action that cannot be.
    """
    chosen = choose()
    check_room(directory, chosen.needed_bytes(loaded), INCIDENT)
    write_observed(played(loaded, seed, actions, chosen, progress).observed, directory)


def write_observed(observed: Observed, directory: Path) -> None:
    """Writes `observed` under a directory, whole or not at all."""
    directory.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".observed.", suffix=".tmp", dir=directory))
    try:
        observed.write(staging / "observed")
        put_in_place(staging / "observed", directory / "observed")
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def run_with_actions(
    loaded: LoadedScenario, seed: int, actions: Sequence[Action], root: Path, progress: Progress = silent
) -> RunDirectory:
    """The whole recording of a run with actions, under `root`; the one that is there where it is intact.

    What a fault was, and when it began to show, is as in the run without actions, which is made where `root` has none.
    When it ended is as in this run: at the latest when the last of its levers was set by an action. Its effects are
    those beside a run with the same actions and without it.
    """
    chosen = choose()
    key = acted_key(loaded, seed, actions, chosen)
    path = root / loaded.scenario.name / f"{seed}-{key[:8]}"
    there = intact(path, key)
    if there is not None:
        return there
    faults = len(loaded.scenario.faults)
    parts = Parts(progress, 2 + faults + (faults > 1))
    before = reusable(loaded, seed, root, chosen) or run_scenario(loaded, seed, root, chosen, parts.of(0))
    check_room(root, chosen.needed_bytes(loaded), INCIDENT)
    recorded = played(loaded, seed, actions, chosen, parts.of(1))
    judged, twins = _judged(loaded, recorded, before.truth(), parts)
    told = [action.to_json() for action in in_order(actions)]
    content = {**meta(loaded, seed, before.status, chosen), **recorded.meta, "key": key, "actions": told}
    run = keep(recorded, judged, path, root, content)
    keep_twins(run, twins)
    remember_recorded(run.observed, recorded.observed, judged.signals)
    return run


def acted_key(loaded: LoadedScenario, seed: int, actions: Sequence[Action], chosen: Chosen | None = None) -> str:
    """The key of a recording with actions: that of the run without them, the actions, and the code that does them."""
    told = json.dumps([action.to_json() for action in in_order(actions)], sort_keys=True)
    parts = [recording_key(loaded, seed, chosen or choose()).encode(), told.encode()]
    code = [part for name in ("acting", "catalogue", "remedies") for part in sources(f"lab.investigation.{name}")]
    return digest([*parts, *code])


def in_order(actions: Sequence[Action]) -> list[Action]:
    """Actions by their times; those of one time in the order in which they are given."""
    return sorted(actions, key=lambda action: action.at_s)


def played(
    loaded: LoadedScenario, seed: int, actions: Sequence[Action], chosen: Chosen, progress: Progress = silent
) -> Recorded:
    """A run with actions, as a testbed records it: its twins have the actions as well. UserError as from `check`."""
    for action in actions:
        action.check(loaded)
    deeds = [Deed(action.at_s, partial(_do, action)) for action in in_order(actions)]
    unstopped = loaded.unstopped()  # what a person does must not end the run early
    with chosen.named("making a run again"), chosen.driver.open(unstopped, seed, chosen.options) as session:
        follow(session, unstopped, progress, deeds)
        return finished(session, chosen)


def _do(action: Action, testbed: Testbed) -> None:
    apply(testbed, action.remedy, action.place, action.value)


def _judged(loaded: LoadedScenario, recorded: Recorded, before: Truth, parts: Parts) -> tuple[Judged, Twins]:
    """The truth of a run with actions, and the runs without its faults that tell it."""
    assert recorded.twin is not None  # the testbed is repeatable
    signals = compute_signals(recorded.observed)
    ended = {use: until_s for use, (_, until_s) in recorded.windows.items()}
    faults = tuple(replace(fault, reverted_s=ended.get(fault.id, fault.reverted_s)) for fault in before.faults)
    true_effects, without = {}, {}
    for number, fault in enumerate(faults, 2):
        without[fault.id] = compute_signals(recorded.twin({fault.id}, parts.of(number)))
        true_effects[fault.id] = effects(signals, without[fault.id], fault.injected_s, fault.reverted_s)
    healthy = next(iter(without.values()), signals)
    if len(faults) > 1:
        healthy = compute_signals(recorded.twin(set(without), parts.of(len(faults) + 2)))
    return Judged(replace(before, faults=faults), true_effects, signals), Twins(without, healthy)
