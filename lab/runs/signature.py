"""A signature: how far each symptom of a recording moved, and how uncertain that is.

Which signals: the system's SLIs, and the declared witnesses of every fault of either recording. Two controls are asked
for the witnesses of all installed faults: nothing by which any fault shows may have moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from lab.contracts import TrueFault
from lab.errors import Problem, UserError
from lab.injection.faults import Witness, fault_types, witnesses_of
from lab.judging.witness import SIGNIFICANCE, before_during_p
from lab.recording.rundir import RunDirectory
from lab.registration.clock import SystemClock
from lab.registration.observability import seen_at
from lab.registration.world import registration_of
from lab.signals import Series, SignalTable, load_recorded
from lab.signals.catalogue import spec_of
from lab.signals.windows import Window, change_and_error

SLI_SHARE = 0.1
"""An SLI moved when it changed by this share of the limit that its objective sets."""
ANY = "*"

FaultKey = tuple[str, str, str]
"""Id, kind and culprit of a fault: recordings of different scenarios may use one id for different faults."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """A signal of a subject, and the least change of it that matters, in the signal's unit.

    `fault` says whose declared witness it is; None where it is an SLI, or where neither recording has a fault.
    """

    signal: str
    subject: str
    at_least: float
    fault: FaultKey | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """Mean during minus mean before, in the signal's unit, and half the width of its interval at the level of the test.

    `sign` is that of the change where it is at least the least that matters and the before/during test rejects, else 0.
    """

    change: float
    uncertainty: float
    sign: int


@dataclass(frozen=True)
class Side:
    """One of the two recordings that are compared: its signals, `system.json`, and its faults as they really were."""

    signals: SignalTable
    system: Mapping[str, Any]
    faults: Mapping[FaultKey, TrueFault]

    @classmethod
    def of(cls, run: RunDirectory) -> Side:
        """What of a recording is compared."""
        faults = {(fault.id, fault.kind, fault.culprit): fault for fault in run.truth().faults}
        observed, signals = load_recorded(run.observed)
        return cls(signals, observed.system, faults)

    @property
    def end_s(self) -> float:
        return float(max((series.times_s[-1] for series in self.signals), default=0.0))

    def reports_spans(self, subject: str) -> str | None:
        """How the component, or the callee of the link, reports (`spans` or `metrics`); None of anything else."""
        found = self.system["components"].get(subject.rpartition("->")[2].partition(".")[0])
        return None if found is None else str(found.get("telemetry", ""))


Sides = tuple[Side, Side]


def symptoms(sides: Sides) -> list[Symptom]:
    """The signature's signals by name, each once."""
    asked = [*_slis(sides), *_declared(sides)]
    least: dict[tuple[str, str], Symptom] = {}
    for one in asked:
        known = least.get((one.signal, one.subject))
        if known is None or known.fault is None or (one.fault is not None and one.at_least < known.at_least):
            least[one.signal, one.subject] = one
    return [least[name] for name in sorted(least)]


def _slis(sides: Sides) -> Iterator[Symptom]:
    for side in sides:
        for slo in side.system["slos"]:
            limit = slo.get("below") if slo.get("above") is None else slo["above"]
            for subject in _subjects(sides, slo["sli"]) if limit is not None else ():
                yield Symptom(slo["sli"], subject, SLI_SHARE * abs(limit))


def _declared(sides: Sides) -> Iterator[Symptom]:
    faults = {**sides[0].faults, **sides[1].faults}
    types, clock = fault_types(), SystemClock.recorded(sides[0].system)
    world = registration_of(sides[0].system.get("world") or "")
    if not faults:
        every = {witness for kind in types.values() for witness in witnesses_of(kind, world)}
        for witness in sorted(every, key=lambda one: (one.signal, one.subject, one.at_least)):
            for subject in _subjects(sides, witness.signal):
                yield Symptom(witness.signal, subject, witness.least(clock, subject))
    for key, fault in faults.items():
        kind = types.get(fault.kind)
        for witness in witnesses_of(kind, world) if kind else ():
            for subject in _named(witness, fault, sides):
                yield Symptom(witness.signal, subject, witness.least(clock, subject), key)


def _named(witness: Witness, fault: TrueFault, sides: Sides) -> list[str]:
    """The subjects that a fault's witness stands for; ANY where it is any and neither recording has one."""
    try:
        subject = witness.subject.format(**{**fault.parameters, "target": fault.culprit})
    except KeyError as missing:
        what = f"fault {fault.id!r} ({fault.kind}) is recorded without its parameter {missing}"
        hint = "it was made with another version of the fault: run the scenario again"
        raise UserError(Problem(what, hint=hint)) from None
    return [subject] if subject != ANY else _subjects(sides, witness.signal) or [ANY]


def _subjects(sides: Sides, signal: str) -> list[str]:
    return sorted({subject for side in sides for subject in side.signals.subjects(signal)})


def unknown_kinds(sides: Sides) -> list[TrueFault]:
    """Faults of a kind that is not installed here: their declarations are unknown."""
    types = fault_types()
    return [fault for fault in {**sides[0].faults, **sides[1].faults}.values() if fault.kind not in types]


def windows(symptom: Symptom, sides: Sides) -> tuple[Window, Window]:
    """Before and during what, in each recording: its own fault, else the other's; of controls the middle third."""
    one, other = (_window(symptom, side) for side in sides)
    if one is None and other is None:
        end_s = min(side.end_s for side in sides)
        return (end_s / 3, 2 * end_s / 3), (end_s / 3, 2 * end_s / 3)
    first, second = one or other, other or one
    assert first is not None
    assert second is not None
    return first, second


def _window(symptom: Symptom, side: Side) -> Window | None:
    faults = [fault for key, fault in side.faults.items() if symptom.fault in (None, key)]
    return (min(f.injected_s for f in faults), max(f.reverted_s for f in faults)) if faults else None


def series_of(symptom: Symptom, side: Side, other: Side) -> Series | None:
    """The symptom's series. A signal that counts log lines is zero where it could be seen and no line was written."""
    found = side.signals.get(symptom.signal, symptom.subject)
    if found is not None or not spec_of(symptom.signal).events or _unseen(symptom, side):
        return found
    theirs = other.signals.get(symptom.signal, symptom.subject)
    return None if theirs is None else replace(theirs, values=np.zeros(len(theirs.times_s)))


def measured(series: Series, window: Window, at_least: float, level: float) -> Effect | None:
    """The effect, tested at `level`; None where no interval is before, or no known one during."""
    found = change_and_error(series.times_s, series.values, window)
    if found is None:
        return None
    change, error = found
    shown = abs(change) >= at_least and before_during_p(series.times_s, series.values, *window) < level
    half = NormalDist().inv_cdf(1 - level / 2) * error
    return Effect(change, half, int(np.sign(change)) if shown else 0)


def why_absent(symptom: Symptom, side: Side, other: Side) -> str:
    """Why a recording has no such series."""
    if unseen := _unseen(symptom, side):
        return unseen
    mine, theirs = side.reports_spans(symptom.subject), other.reports_spans(symptom.subject)
    if mine != theirs:
        return f"the component reports {mine} here and {theirs} there"
    return "it was not measured, or never occurred"


def _unseen(symptom: Symptom, side: Side) -> str:
    """Why the system's observability does not show the signal; empty where it does."""
    level, least = side.system.get("observability"), spec_of(symptom.signal).level
    if level is None or seen_at(level, least):
        return ""
    return f"it is seen at observability {least}, and this system has {level}"


def per_test(count: int) -> float:
    """The level of each of so many tests, whose family has `SIGNIFICANCE` (Bonferroni)."""
    return SIGNIFICANCE / max(1, count)
