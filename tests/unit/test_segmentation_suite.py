"""The suite of nightly segments: four weeks each, faults that show and say nothing of themselves, hardly an alert."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from lab.injection.faults import fault_type
from lab.investigation.acting import played
from lab.judging.witness import first_shown_s, judge_witnesses
from lab.runs.suite import load_suite
from lab.scenario import LoadedScenario
from lab.scenario.model import FaultUse
from lab.scenario.plan import plan
from lab.signals import compute_signals
from lab.testbeds.driver import Recorded
from lab.testbeds.installed import choose
from tests.leaks import WORDS, leaks

DAY_S = 86_400.0
LOADED = {one.scenario.name: one for one in load_suite("segmentation").scenarios}
FAULTY = {name: one for name, one in LOADED.items() if one.scenario.faults}
CONTROLS = {name: one for name, one in LOADED.items() if not one.scenario.faults}
SEED = 1
LOUD = {"extract-stalled", "recipients-twice"}
"""Nothing is published any more; a job fails on some nights."""


@cache
def run(name: str) -> Recorded:
    return played(LOADED[name], SEED, (), choose())


def numbers_given(fault: FaultUse) -> frozenset[tuple[str, float]]:
    """Its dose: which table or step it is about is none."""
    given = fault.parameters.model_dump().items()
    return frozenset((name, value) for name, value in given if isinstance(value, int | float))


def test_there_are_faults_of_every_boundary_but_the_network_and_some_kinds_at_two_doses() -> None:
    faults = [one.scenario.faults[0] for one in FAULTY.values()]
    kinds = [fault.type for fault in faults]
    assert len(FAULTY) >= 12
    assert len(CONTROLS) >= 5
    assert {str(fault_type(kind).boundary) for kind in kinds} == {"data", "model", "service", "integration"}
    doses = {kind: {numbers_given(fault) for fault in faults if fault.type == kind} for kind in kinds}
    assert len([kind for kind, given in doses.items() if len(given) > 1]) >= 4


@pytest.mark.parametrize("loaded", LOADED.values(), ids=LOADED)
def test_they_last_for_weeks_and_there_is_a_week_before_anything_happens(loaded: LoadedScenario) -> None:
    scenario = loaded.scenario
    assert 21 * DAY_S <= scenario.duration_s <= 28 * DAY_S
    assert all(7 * DAY_S <= fault.at_s < 20 * DAY_S for fault in scenario.faults)
    assert all(use.at_s >= 7 * DAY_S for use in scenario.decoys)


def test_who_always_says_the_same_night_is_seldom_right() -> None:
    begins_s = [fault.at_s for one in FAULTY.values() for fault in one.scenario.faults]
    assert max(sum(abs(at_s - said_s) <= 2 * DAY_S for at_s in begins_s) for said_s in begins_s) <= len(begins_s) / 2


def test_what_is_harmless_is_beside_every_fault() -> None:
    """Whoever blames what was announced last is misled in each of them."""
    assert all(one.scenario.decoys for one in FAULTY.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_shows_within_days_of_its_cause(name: str) -> None:
    (fault,) = FAULTY[name].scenario.faults
    recorded = run(name)
    assert recorded.twin is not None
    (witnesses,) = plan(FAULTY[name]).witnesses.values()
    signals, usual = compute_signals(recorded.observed), compute_signals(recorded.twin({fault.id}))
    shown_s = first_shown_s(judge_witnesses(witnesses, signals, usual, fault.at_s, fault.at_s + fault.for_s))
    assert shown_s is not None
    assert shown_s - fault.at_s < 8 * DAY_S


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTY)
def test_nothing_that_can_be_observed_tells_what_was_done(name: str, tmp_path: Path) -> None:
    run(name).observed.write(tmp_path / "observed")
    (fault,) = FAULTY[name].scenario.faults
    needles = [spelling for word in (name, fault.type) for spelling in (word, word.replace("-", "_"))]
    assert leaks(tmp_path / "observed", [*WORDS, *needles]) == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", LOADED)
def test_hardly_anything_alarms(name: str) -> None:
    assert bool(run(name).observed.alerts) == (name in LOUD)
