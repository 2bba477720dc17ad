"""Each exercise: the remedies that it names bring the signals back, plausible others do not. Judged on signals alone.

A signal is off by what it differs, after the action, from the same run with the same action and without the fault.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from lab.injection.faults import fault_type
from lab.investigation.acting import Action, played
from lab.investigation.exercises import Exercise, courses
from lab.investigation.remedies import remedies
from lab.scenario.plan import plan
from lab.signals import SignalTable, compute_signals
from lab.testbeds.installed import choose

EXERCISES = [exercise for course in courses() for exercise in course.exercises if exercise.scenario.scenario.faults]
"""All but controls: where nothing is wrong, nothing helps."""
BACK_SHARE, OFF_SHARE = 0.25, 0.5
"""How far a signal may at most be off of what it was, where a remedy helps; and at least, where one does not."""
SETTLED_INTERVALS = 3
Moved = tuple[str, str]
"""A signal and its subject."""


@dataclass(frozen=True)
class Played:
    """The signals of a run, and those of the same run without its faults."""

    signals: SignalTable
    without: SignalTable

    def off(self, moved: Moved, from_s: float, until_s: float) -> float:
        """By how much a signal is off, on average over a time."""
        series, other = self.signals.get(*moved), self.without.get(*moved)
        if series is None:
            return 0.0
        during = (series.times_s > from_s) & (series.times_s <= until_s)
        usual = other.values[during] if other is not None else np.zeros(during.sum())
        difference = series.values[during] - usual
        return 0.0 if np.isnan(difference).all() else float(np.nanmean(difference))


def play(exercise: Exercise, *actions: Action) -> Played:
    recorded = played(exercise.scenario, exercise.seed, actions, choose())
    assert recorded.twin is not None
    without = recorded.twin({fault.id for fault in exercise.scenario.scenario.faults})
    return Played(compute_signals(recorded.observed), compute_signals(without))


def plausible(exercise: Exercise) -> list[Action]:
    """What somebody might try who has not understood: a restart of what is next to the symptoms, a rollback."""
    system, training = exercise.scenario.system, exercise.scenario.scenario.training
    helping = {(one.remedy, one.place) for one in training.remedies}
    (culprit, *_) = [fault.target for fault in exercise.scenario.scenario.faults]
    known = {(one.name, place) for one in remedies(system) for place in one.places(system)}
    model = next((name for name, kind in system.elements().items() if kind == "model"), "")
    tried = [("restart", culprit.rpartition("->")[2]), ("roll-back-model", model)]
    return [Action(0.0, *one) for one in tried if one in known and one not in helping]


def acts_at_s(exercise: Exercise) -> float:
    """A third of the way to the end from when somebody is called and can see the last fault."""
    begun_s = max(fault.at_s for fault in exercise.scenario.scenario.faults)
    called_s = max(begun_s, exercise.called_at_s or 0.0)
    return called_s + (exercise.duration_s - called_s) / 3


def cures(exercise: Exercise, at_s: float) -> list[list[Action]]:
    """What mends all: any one remedy where there is one fault, all of them where each fault needs its own."""
    scenario = exercise.scenario.scenario
    each = [Action(at_s, one.remedy, one.place, one.value) for one in scenario.training.remedies]
    return [[one] for one in each] if len(scenario.faults) == 1 else [each]


@pytest.mark.slow
@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
def test_what_helps_brings_the_signals_back_and_what_does_not_leaves_them_off(exercise: Exercise) -> None:
    scenario, at_s = exercise.scenario.scenario, acts_at_s(exercise)
    recovery_s = max(fault_type(fault.type).recovery_s for fault in scenario.faults)
    from_s = at_s + recovery_s + SETTLED_INTERVALS * exercise.scenario.system.scrape_interval_s
    assert from_s < exercise.duration_s, "there is no time left in which a remedy could show"

    as_it_was = play(exercise)
    offs = _offs(exercise, as_it_was, from_s)
    assert offs, "no witness is off at the end of the incident"

    assert scenario.training.remedies
    for cure in cures(exercise, at_s):
        helped = play(exercise, *cure)
        for moved, off in offs.items():
            assert abs(helped.off(moved, from_s, exercise.duration_s)) < BACK_SHARE * abs(off), (cure, moved)

    for tried in plausible(exercise):
        missed = play(exercise, Action(at_s, tried.remedy, tried.place))
        shares = {m: missed.off(m, from_s, exercise.duration_s) / off for m, off in offs.items()}
        assert max(shares.values()) > OFF_SHARE, (tried, shares)


CALLED = [one for one in EXERCISES if (one.called_at_s or 0.0) > min(f.at_s for f in one.scenario.scenario.faults)]
"""Those in which somebody comes when it has begun; others are to watch for it."""


@pytest.mark.slow
@pytest.mark.parametrize("exercise", CALLED, ids=lambda exercise: exercise.id)
def test_whoever_is_called_about_something_can_see_it(exercise: Exercise) -> None:
    as_it_was, called_s = play(exercise), exercise.called_at_s
    assert called_s is not None
    begun_s = min(fault.at_s for fault in exercise.scenario.scenario.faults)
    assert _offs(exercise, as_it_was, begun_s, called_s), "no witness is off when the participant is called"


def _offs(exercise: Exercise, as_it_was: Played, from_s: float, until_s: float = math.inf) -> Mapping[Moved, float]:
    """By how much each witness of the faults is off in a time, where it is."""
    found = {}
    for witnesses in plan(exercise.scenario).witnesses.values():
        for witness in witnesses:
            subjects = as_it_was.signals.subjects(witness.signal) if witness.subject == "*" else [witness.subject]
            for subject in subjects:
                off = as_it_was.off((witness.signal, subject), from_s, min(until_s, exercise.duration_s))
                if abs(off) >= witness.at_least:
                    found[witness.signal, subject] = off
    return found


def test_enough_exercises_of_both_systems_and_of_different_boundaries_have_remedies() -> None:
    boundaries = {fault_type(f.type).boundary for one in EXERCISES for f in one.scenario.scenario.faults}
    assert len(EXERCISES) >= 8
    assert len(boundaries) >= 5
    assert {exercise.system for exercise in EXERCISES} >= {"recommender", "fraud", "segmentation"}
    assert all(plausible(exercise) for exercise in EXERCISES)
