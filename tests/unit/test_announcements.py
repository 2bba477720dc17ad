"""Who reads only the change log cannot tell a guilty change from a harmless one, in any shipped suite."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

from lab.runs.suite import load_suite
from lab.scenario import LoadedScenario
from tests.simulated import ran

SUITES = ("recommender", "fraud", "segmentation")
KINDS = ("deploy", "schema-migration")
BY_CHANCE = (0.2, 0.8)
"""How often a guilty change may have the larger value of the two: 0.5 tells nothing, 0 or 1 everything."""


class Change(NamedTuple):
    """What one fault or decoy had announced. `at`, `lasted`: from its first entry, and to its last, in run lengths."""

    suite: str
    scenario: str
    guilty: bool
    kind: str
    said: tuple[str, ...]
    at: float
    lasted: float


@cache
def changes() -> tuple[Change, ...]:
    """Every announced fault and decoy of the shipped suites, from runs in which hardly anybody comes."""
    return tuple(one for suite in SUITES for loaded in load_suite(suite).scenarios for one in _announced(suite, loaded))


def _announced(suite: str, loaded: LoadedScenario) -> Iterator[Change]:
    scenario = loaded.scenario
    stages = tuple(stage.model_copy(update={"rate_per_s": 0.2}) for stage in scenario.stages)
    load = scenario.load.model_copy(update={"stages": stages}) if scenario.load else None
    entries = ran(replace(loaded, scenario=scenario.model_copy(update={"load": load})))[1].observed.changes
    for use in (*scenario.faults, *scenario.decoys):
        ends_s = scenario.duration_s if use.for_s is None else use.at_s + use.for_s
        own = [
            one
            for one in entries
            if one["service.name"] == use.target and min(abs(one["time_s"] - at_s) for at_s in (use.at_s, ends_s)) < 0.1
        ]
        if own:
            said = tuple(f"{one['service.name']}: {re.sub('[0-9.]+', 'N', one['summary'])}" for one in own)
            at_s, until_s = own[0]["time_s"], own[-1]["time_s"]
            guilty = use in scenario.faults
            length_s = scenario.duration_s
            yield Change(
                suite, scenario.name, guilty, own[0]["kind"], said, at_s / length_s, (until_s - at_s) / length_s
            )


def separation(guilty: list[float], harmless: list[float]) -> float:
    """How often a guilty one has the larger value, of all pairs; ties count half."""
    one, other = np.array(guilty)[:, None], np.array(harmless)[None, :]
    return float((one > other).mean() + 0.5 * (one == other).mean())


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_announced_of_a_guilty_change_is_announced_of_harmless_ones(suite: str, kind: str) -> None:
    """By the same words, and as often: also when it is taken back."""
    of_kind = [one for one in changes() if (one.suite, one.kind) == (suite, kind)]
    guilty = {one.said for one in of_kind if one.guilty}
    assert guilty
    assert guilty <= {one.said for one in of_kind if not one.guilty}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [lambda one: one.at, lambda one: one.lasted], ids=["when", "for how long"])
def test_neither_when_nor_for_how_long_a_change_is_in_tells_whether_it_is_guilty(
    kind: str, value: Callable[[Change], float]
) -> None:
    of_kind = [one for one in changes() if one.kind == kind]
    low, high = BY_CHANCE
    assert low < separation(*([value(one) for one in of_kind if one.guilty is g] for g in (True, False))) < high


def test_what_is_never_taken_back_is_told_from_what_is() -> None:
    """The measure sees what it is for: harmless deploys that stay, guilty ones that are rolled back."""
    assert separation([0.3, 0.2, 0.5], [0.0, 0.0]) == 1
    assert separation([0.3, 0.3], [0.3, 0.3]) == 0.5
