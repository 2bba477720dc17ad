"""What a person answered, graded as an engine's answer is: kept with the recording, by the same graders."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import numpy as np

from lab.contracts import Diagnosis, DiagnosisError, Evidence, Finding, Isolation
from lab.errors import Problem, UserError, nearest
from lab.injection.faults import fault_types
from lab.judging.assess import Assessment, assess
from lab.recording.rundir import RunDirectory
from lab.runs.campaign import check_gradable
from lab.signals import SignalTable
from lab.signals.windows import levels, split
from lab.systems.calendar import Calendar
from lab.systems.moments import outside

PERSON = "person:"
"""People's answers are kept under names that begin so, and no engine's does."""
PEOPLE = Isolation("person")
LEVEL_INTERVALS = 6
"""Intervals in a row that make a level."""


def person(name: str) -> str:
    """The name under which a person's answer is kept with a recording."""
    return f"{PERSON}{name}"


def judged(run: RunDirectory, diagnosis: Diagnosis, name: str = "you") -> Assessment:
    """Keeps a person's answer with a recording and grades it: `lab grade RUN` gives the same grades.

    An earlier answer of the same name is replaced; one that is kept already is graded without writing, as in an
    archive. RunAbortedError or InconclusiveRunError for a recording that is not to be graded; UserError, before
    anything is written, for an answer that could not be read again, and where it cannot be kept.
    """
    check_gradable(run)
    answer = _readable(diagnosis)
    if not _is_kept(run, answer, person(name)):
        problem = run.write_diagnosis(person(name), answer, PEOPLE)
        if problem is not None:
            raise UserError(problem)
    return assess(run, person(name))


def _readable(diagnosis: Diagnosis) -> Diagnosis:
    """The diagnosis as whoever grades the recording again will read it."""
    try:
        return Diagnosis.from_json(json.loads(json.dumps(diagnosis.to_json())))
    except DiagnosisError as error:
        expected = "as `lab schema diagnosis` has it"
        raise UserError(Problem("not a diagnosis", seen=str(error), expected=expected)) from error


def _is_kept(run: RunDirectory, answer: Diagnosis, name: str) -> bool:
    try:
        return run.diagnosis(name) == answer
    except UserError:  # a broken file, which is written anew
        return False


def boundary_of(kind: str) -> str:
    """Where the blame for a fault of this kind lies; UserError with the nearest name for one that does not exist."""
    kinds = {name: found for name, found in fault_types().items() if not found.is_decoy}
    if kind not in kinds:
        hint = nearest(kind, kinds)
        raise UserError(Problem("unknown kind of fault", seen=kind, expected="one of `lab faults`", hint=hint))
    return str(kinds[kind].boundary)


def cited(signals: SignalTable, signal: str, subject: str, onset_s: float, end_s: float) -> Evidence:
    """A signal as evidence: its mean level before the onset, and the farthest from it since, until `end_s` (seconds).

    The latter is the mean over a few intervals in a row, so that no odd value counts, nor what came after a remedy.
    UserError for a signal or subject that the recording does not have, or that has no value on one side of the onset.
    """
    series = signals.get(signal, subject)
    if series is None:
        known = signals.subjects(signal) if signal in signals.names() else sorted(signals.names())
        what = f"the recording has no signal {signal!r}" + (f" of {subject!r}" if signal in signals.names() else "")
        hint = nearest(subject if signal in signals.names() else signal, known)
        raise UserError(Problem(what, seen=f"{signal}:{subject}", expected="SIGNAL:SUBJECT", hint=hint))
    found = levels(series.times_s, series.values, (onset_s, end_s))
    if found is None:
        what = f"{signal} of {subject} has no value on one side of the onset"
        expected = f"an onset between its samples, which end at {end_s:g} s"
        raise UserError(Problem(what, seen=f"onset {onset_s:g} s", expected=expected))
    _, since = split(series.times_s, series.values, (onset_s, end_s))
    width = min(LEVEL_INTERVALS, len(since))
    recent = np.convolve(since, np.full(width, 1 / width), "valid")
    return Evidence(signal, subject, found.before, float(recent[np.abs(recent - found.before).argmax()]))


def untimely(onset_s: float | None, end_s: float, calendar: Calendar | None = None) -> list[Problem]:
    """Says so of an onset before the begin or after the end of the incident, which can never be right."""
    problem = None if onset_s is None else outside(onset_s, calendar, end_s)
    return [] if problem is None else [problem]


def unknown_names(findings: Sequence[Finding], elements: Collection[str]) -> list[Problem]:
    """Culprits and kinds that there are not, each with the nearest name: a slip of the pen is no diagnosis."""
    expected = "a component, or a link as caller->called"
    problems = [
        Problem("no element of this system", seen=one.culprit, expected=expected, hint=nearest(one.culprit, elements))
        for one in findings
        if one.culprit not in elements
    ]
    for kind in dict.fromkeys(one.kind for one in findings):
        try:
            boundary_of(kind)
        except UserError as error:
            problems += error.problems
    return problems
