"""Every shipped scenario: its recording can be cut at any time, and a run that ends early shows the same as a cut."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from lab.files.finding import shipped_names
from lab.recording.cut import cut
from lab.recording.observed import Observed
from lab.scenario import LoadedScenario, load_scenario
from lab.signals import compute_signals
from tests.sim_runs import digests, observe

SUFFIX = ".scenario.yaml"
QUICK = {"recommender/deploy-regression", "recommender/partition-one-way", "recommender/control-deploy-and-surge"}
"""One that publishes a version, one whose requests wait long, one with another load."""
DAYS = {"recommender/slow-staleness", "fraud/mislabelled-for-weeks"}
"""They last for days, and take as long as twenty others."""
SCENARIOS = [
    pytest.param(name, marks=pytest.mark.slow if name in QUICK else pytest.mark.long)
    for name in shipped_names(SUFFIX)
    if name not in DAYS
]


def middle_s(loaded: LoadedScenario) -> float:
    """A time in the first fault, or in the last third of a control; between two control events."""
    faults = loaded.scenario.faults
    whole_s = faults[0].at_s + faults[0].for_s / 2 if faults else loaded.scenario.duration_s * 0.7
    return int(whole_s) + 0.0123


def ended_at(loaded: LoadedScenario, at_s: float) -> Observed:
    """What the same scenario shows where it ends at a time by itself."""
    shorter = loaded.scenario.model_copy(update={"duration_s": at_s})
    return observe(replace(loaded, scenario=shorter), loaded.scenario.seed)


def rows(observed: Observed, table: str) -> Counter[str]:
    return Counter(json.dumps(row, sort_keys=True) for row in observed.tables[table].to_pylist())


@pytest.mark.parametrize("name", SCENARIOS)
def test_cuts_of_a_shipped_scenario(name: str, tmp_path: Path) -> None:
    loaded = load_scenario(name)
    whole = observe(loaded, loaded.scenario.seed)
    at_s = middle_s(loaded)

    whole.write(tmp_path / "whole")
    cut(whole, whole.end_s).write(tmp_path / "at the end")
    assert digests(tmp_path / "whole") == digests(tmp_path / "at the end")

    shown = cut(whole, at_s)
    shown.write(tmp_path / "once")
    cut(cut(whole, (at_s + whole.end_s) / 2), at_s).write(tmp_path / "twice")
    assert digests(tmp_path / "once") == digests(tmp_path / "twice")
    assert len(compute_signals(shown)) > 0

    ended = ended_at(loaded, at_s)
    for table in ended.tables:
        assert rows(ended, table) == rows(shown, table)
    assert (ended.changes, ended.alerts, ended.system) == (shown.changes, shown.alerts, shown.system)
    assert ended.reference["registry.json"] == shown.reference["registry.json"]
