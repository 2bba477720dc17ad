"""Walks the fault tree: which causes hold, since when, with what evidence, and why that explains the symptoms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from math import isfinite

from lab.contracts import Diagnosis, Evidence, Finding, NotJudged, Verdict
from lab.engines.rules.alarms import unexplained
from lab.engines.rules.bindings import bindings
from lab.engines.rules.incidents import APART_INTERVALS, incidents_of
from lab.engines.rules.names import filled
from lab.engines.rules.trace import Names, Seen, Short, State, Test, Trial
from lab.engines.rules.tree import Because, Cause, Condition, Tree
from lab.engines.rules.words import chained, humanised
from lab.engines.shifts import (
    CARRIED_SHARE,
    COVERED_SHARE,
    LEAST_INTERVALS,
    Shift,
    contrast,
    counting_sd,
    is_abrupt,
    outside,
    scan_towards,
    sporadic,
)
from lab.recording.observed import Observed
from lab.registration.clock import SystemClock
from lab.registration.observability import seen_at
from lab.registration.signals import SignalSpec
from lab.signals import Series, SignalTable, compute_signals
from lab.signals.catalogue import spec_of
from lab.signals.lineage import Lineage
from lab.signals.possible import is_possible
from lab.signals.windows import Levels, levels
from lab.systems.calendar import Calendar, told_time

Windows = tuple[tuple[float, float], ...]

REPEATS_MAX = 3
TOLD_MAX = 3
"""Subjects of one sentence that are told, those first that moved most clearly."""
CLEAR_Z = 30.0
LASTING_INTERVALS = 12


class Inference:
    """One recording against one tree. A `thorough` one tries every condition, as explanations want it."""

    def __init__(
        self, observed: Observed, tree: Tree, signals: SignalTable | None = None, *, thorough: bool = False
    ) -> None:
        self.observed = observed
        self.tree = tree
        self.thorough = thorough
        self.signals = compute_signals(observed) if signals is None else signals
        self.lineage = Lineage.of(observed)
        self.clock = SystemClock.recorded(observed.system)
        self.calendar = Calendar.recorded(observed.system)
        self._scans: dict[tuple[str, str, int, Windows], Shift | None] = {}
        self._subjects_of: dict[str, list[str]] = {}

    def trials(self) -> Iterator[Trial]:
        """Every cause on every element: once for each time it holds, or once to say what failed."""
        for cause in self.tree.causes:
            for names in bindings(cause, self.observed, self.lineage):
                yield from self._times(cause, names)

    def _times(self, cause: Cause, names: Names) -> Iterator[Trial]:
        """A cause may hold more than once: it is looked for again in what lies outside of the windows tried."""
        known: Windows = ()
        failed: Trial | None = None
        found = False
        for _ in range(REPEATS_MAX):
            trial = self._try(cause, names, known)
            if trial.finding is not None:
                found = True
                yield trial
            elif failed is None:
                failed = trial
            if trial.window is None or trial.when[0].state is not State.HELD:
                break
            apart_s = APART_INTERVALS * self.clock.interval_s
            known += ((trial.window.onset_s - apart_s, trial.window.end_s + apart_s),)
        if failed is not None and not found:
            yield failed

    def _try(self, cause: Cause, names: Names, known: Windows) -> Trial:
        """The cause in its strongest window outside of the known ones."""
        first = self._test(cause.when[0], names, None, known)
        window = _strongest(first)
        when, unless = [first], []
        going = first.state is State.HELD
        if window is not None:
            for condition in cause.when[1:]:
                if going or self.thorough:
                    when.append(self._test(condition, names, window, known))
                    going &= when[-1].state is State.HELD
            for condition in cause.unless:
                if going or self.thorough:
                    unless.append(self._test(condition, names, window, known))
                    lacking = unless[-1].state is State.UNKNOWN and condition.needed
                    going &= unless[-1].state is not State.HELD and not lacking
        trial = Trial(cause, names, window, tuple(when), tuple(unless))
        return replace(trial, finding=self._finding(trial, window, known)) if going and window else trial

    def _finding(self, trial: Trial, window: Shift, known: Windows) -> Finding:
        cause = trial.cause
        why, cited = self._why(cause, trial.names, window, known)
        evidence = [window, *(shift for test in trial.when[1:] for shift in test.moved), *cited]
        return Finding(
            culprit=trial.culprit,
            boundary=str(cause.boundary),
            kind=cause.kind,
            onset_s=max(0.0, round(window.onset_s, 3)),
            confidence=round(cause.confidence * _strength(window, self.clock.interval_s), 3),
            evidence=tuple(self._evidence(shift) for shift in evidence),
            why=tuple(why),
        )

    def told(self, trial: Trial, finding: Finding, windows: Sequence[Shift]) -> Finding:
        """The finding of an incident, with the levels and reasons of its whole time where that is several windows."""
        led = trial.window
        # Another cause of that kind may have found the same time by another signal.
        own = [one for one in windows if led and (one.signal, one.subject) == (led.signal, led.subject)]
        if led is None or len(own) == 1:
            return finding
        series, noise = self._series(led.signal, led.subject, ())
        whole = contrast(series, min(one.onset_s for one in own), max(one.end_s for one in own), noise)
        return finding if whole is None else replace(self._finding(trial, whole, ()), confidence=finding.confidence)

    def _test(self, condition: Condition, names: Names, window: Shift | None, known: Windows) -> Test:
        """Tries a condition: without a window the recording is scanned for one."""
        if condition.any:
            options = tuple(self._test(option, names, window, known) for option in condition.any)
            states = {option.state for option in options}
            # Each option is enough, so one that was judged decides what those that could not be judged leave open.
            state = next(s for s in (State.HELD, State.FAILED, State.UNKNOWN) if s in states)
            missing = tuple(signal for option in options for signal in option.missing)
            return Test(condition, "", state, missing=missing, options=options)
        patterns, others = filled(condition.of, names), filled(condition.but, names)
        pattern = ", ".join(patterns) or condition.of
        known_subjects = self._subjects(condition.signal, patterns)
        subjects = [s for s in known_subjects if not any(but and fnmatchcase(s, but) for but in others)]
        if not known_subjects:
            # Of what a name that stands for nothing is about, nothing can have moved.
            unknown = any(self._could_be(condition.signal, one) for one in patterns)
            state = State.UNKNOWN if unknown else State.FAILED if condition.asks_for_change else State.HELD
            return Test(condition, pattern, state, missing=(condition.signal,) if unknown else ())
        seen = []
        for subject in subjects:
            by = (condition.at_most if condition.level else condition.by).on(self.clock, subject)
            shift = self._shift(condition, subject, by, window, known)
            if shift is not None:
                seen.append(Seen(shift, self._short(condition, shift, by), by))
        moved = sum(one.moved for one in seen)
        share = 1.0 if condition.level else condition.share
        held = moved == 0 if condition.steady else moved > 0 and moved >= share * len(seen)
        return Test(condition, pattern, State.HELD if held else State.FAILED, tuple(seen))

    def _why(self, cause: Cause, names: Names, window: Shift, known: Windows) -> tuple[list[str], list[Shift]]:
        """From the symptom to the cause, each sentence because of the next; and the shifts that are to be cited."""
        names = {**names, "since": told_time(window.onset_s, self.calendar)}
        said: list[list[str]] = []
        cited: list[Shift] = []
        for because in (*self.tree.symptoms, *self.tree.effects.get(cause.kind, ()), *cause.because):
            if because.moved is None:
                said.append([because.says.format(**names)])
                continue
            subjects = self._subjects(because.moved, filled(because.of, names))
            shifts = [self._contrast(because.moved, subject, window, known) for subject in subjects]
            told = sorted((one for one in shifts if one and because.is_told(one)), key=lambda one: -abs(one.z))
            said.append([self._reason(because, names, one) for one in told[:TOLD_MAX]])
            cited += told[:TOLD_MAX] if because.cites else []
        return chained(said), cited

    def _reason(self, because: Because, names: Names, shift: Shift) -> str:
        moved = self._levels(shift)
        pair = {"baseline": humanised(shift.signal, moved.before), "observed": humanised(shift.signal, moved.during)}
        direction = "rose" if shift.change > 0 else "fell"
        detail = shift.subject.rpartition(".")[2].replace("_", " ")
        return because.says.format(**names, **pair, subject=shift.subject, detail=detail, direction=direction)

    def _subjects(self, signal: str, patterns: Iterable[str]) -> list[str]:
        """Recorded subjects of a signal that patterns stand for."""
        return list(dict.fromkeys(subject for pattern in patterns for subject in self._matching(signal, pattern)))

    def _matching(self, signal: str, pattern: str) -> list[str]:
        if "*" not in pattern:
            return [pattern] if self.signals.get(signal, pattern) is not None else []
        if signal not in self._subjects_of:
            self._subjects_of[signal] = self.signals.subjects(signal)
        return [subject for subject in self._subjects_of[signal] if fnmatchcase(subject, pattern)]

    def _could_be(self, signal: str, subject: str) -> bool:
        """Whether a signal that is not there could be, if more was recorded."""
        spec = spec_of(signal)
        return not self._would_be_seen(spec) and is_possible(signal, subject, self.observed.system, self.lineage)

    def _would_be_seen(self, spec: SignalSpec) -> bool:
        """Whether a signal that is not there says that there was nothing: log lines that would have been written."""
        logged = spec.events and "logs" in self.observed.tables
        return logged and seen_at(self.observed.system.get("observability", "usual"), spec.level)

    def _series(self, signal: str, subject: str, known: Windows) -> tuple[Series, float]:
        series = self.signals.get(signal, subject)
        assert series is not None
        noise = self.tree.noise.get(signal)
        least = noise.on(self.clock, subject) if noise else 0.0
        rate_per_s = self.signals.get(spec_of(signal).among, subject)
        if rate_per_s is not None:
            least = max(least, counting_sd(series, rate_per_s))
        return outside(series, known), least

    def _shift(
        self, condition: Condition, subject: str, by: float, window: Shift | None, known: Windows
    ) -> Shift | None:
        """What a condition looks at: the window that is scanned for, or the one that is there."""
        if window is not None and not condition.anywhere:
            return self._contrast(condition.signal, subject, window, known)
        direction = -1 if condition.falls else 1
        if condition.sporadic:
            series, noise = self._series(condition.signal, subject, ())
            return sporadic(series, direction, by, noise, known)
        # What is asked of the whole recording is asked of the windows already known, too.
        return self._scan(condition.signal, subject, direction, () if condition.anywhere else known)

    def _scan(self, signal: str, subject: str, direction: int, known: Windows) -> Shift | None:
        key = (signal, subject, direction, known)
        if key not in self._scans:
            series, noise = self._series(signal, subject, ())
            self._scans[key] = scan_towards(series, direction, noise, known)
        return self._scans[key]

    def _contrast(self, signal: str, subject: str, window: Shift, known: Windows) -> Shift | None:
        series, noise = self._series(signal, subject, known)
        return contrast(series, window.onset_s, window.end_s, noise)

    def _short(self, condition: Condition, shift: Shift, by: float) -> tuple[Short, ...]:
        """What a shift lacks of what a condition asks for; nothing where it is that."""
        if condition.level:
            return () if shift.observed <= by else (Short.HIGH,)
        change, z = (-shift.change, -shift.z) if condition.falls else (shift.change, shift.z)
        enough = {
            # What comes and goes is that far away when it is there, not on average.
            Short.BY: change >= by or (condition.sporadic and change > 0),
            Short.TIMES: change >= condition.times * abs(shift.baseline),
            Short.Z: isfinite(z) and z >= condition.z,
            Short.CARRIED: shift.carried >= CARRIED_SHARE,
            Short.COVERED: shift.covered >= COVERED_SHARE,
        }
        short = tuple(what for what, held in enough.items() if not held)
        if condition.abrupt and (self.thorough or not short):
            series = self.signals.get(shift.signal, shift.subject)
            short += () if series is not None and is_abrupt(series, shift) else (Short.ABRUPT,)
        return short

    def _levels(self, shift: Shift) -> Levels:
        """The pair of levels to show for a shift: before and during, as everywhere in the lab.

        If they move the other way than the comparison with all the rest, those of the comparison are shown.
        """
        series = self.signals.get(shift.signal, shift.subject)
        pair = None if series is None else levels(series.times_s, series.values, (shift.onset_s, shift.end_s))
        return pair if pair and pair.change * shift.change > 0 else Levels(shift.baseline, shift.observed)

    def _evidence(self, shift: Shift) -> Evidence:
        pair = self._levels(shift)
        return Evidence(shift.signal, shift.subject, round(pair.before, 6), round(pair.during, 6))


def _strongest(test: Test) -> Shift | None:
    """The window that a leading condition gives: its strongest shift, of those that moved where any did."""
    seen = [one for t in (test.options or (test,)) for one in t.seen]
    nested = [shift for option in test.options if option.options and (shift := _strongest(option))]
    moved = [one.shift for one in seen if one.moved] or [one.shift for one in seen]
    return max((*moved, *nested), key=lambda shift: abs(shift.z), default=None)


def _strength(shift: Shift, interval_s: float) -> float:
    """How much a shift is worth, 0.6 to 1: clear ones and lasting ones more than faint ones and short ones."""
    clarity = min(1.0, abs(shift.z) / CLEAR_Z)
    lasting = min(1.0, (shift.end_s - shift.onset_s) / (LASTING_INTERVALS * interval_s))
    return 0.6 + 0.2 * clarity + 0.2 * lasting


def not_judged(trials: Iterable[Trial]) -> tuple[NotJudged, ...]:
    """Kinds that no rule could judge on an element, because each of them lacks a signal."""
    lacking: dict[tuple[str, str], set[str]] = {}
    judged: set[tuple[str, str]] = set()
    for trial in trials:
        key = (trial.cause.kind, trial.culprit)
        if trial.missing:
            lacking.setdefault(key, set()).update(trial.missing)
        else:
            judged.add(key)
    return tuple(
        NotJudged(kind, culprit, tuple(sorted(signals)))
        for (kind, culprit), signals in sorted(lacking.items())
        if (kind, culprit) not in judged
    )


def infer(observed: Observed, tree: Tree, signals: SignalTable | None = None) -> Diagnosis:
    """The diagnosis: causes found, else healthy; unsure where an alert fired that nothing explains, nothing was
    recorded by which any cause could be judged, or for so few intervals that nothing can stand out."""
    inference = Inference(observed, tree, signals)
    return conclude(list(inference.trials()), inference)


def conclude(trials: Sequence[Trial], inference: Inference) -> Diagnosis:
    """The diagnosis that an evaluation comes to."""
    incidents = incidents_of(trials, inference.clock.interval_s)
    findings, unjudged = tuple(inference.told(*one) for one in incidents), not_judged(trials)
    if findings:
        return Diagnosis(Verdict.FAULT, findings, unjudged)
    blind = bool(trials) and all(trial.missing for trial in trials)
    short = inference.observed.end_s < LEAST_INTERVALS * inference.clock.interval_s
    unsure = blind or short or unexplained(inference.observed, inference.signals)
    return Diagnosis(Verdict.UNSURE if unsure else Verdict.HEALTHY, (), unjudged)
