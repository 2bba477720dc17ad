"""Walks the fault tree: which causes hold, since when, with what evidence, and why that explains the symptoms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from lab.contracts import Diagnosis, Evidence, Finding, Verdict
from lab.engines.rules.tree import Because, Cause, Condition, Tree
from lab.engines.shifts import Shift, contrast, is_abrupt, outside, scan
from lab.recording.observed import Observed
from lab.signals import SignalTable, compute_signals
from lab.signals.catalogue import CATALOGUE

Names = Mapping[str, str]

Windows = tuple[tuple[float, float], ...]

REPEATS_MAX = 3
APART_S = 30.0
CLEAR_Z = 30.0
LASTING_S = 60.0


class Inference:
    """One recording against one tree."""

    def __init__(self, observed: Observed, tree: Tree) -> None:
        self.observed = observed
        self.tree = tree
        self.signals: SignalTable = compute_signals(observed)
        self._scans: dict[tuple[str, str, Windows], Shift | None] = {}

    def findings(self) -> list[Finding]:
        """Every cause that holds, the most confident first; one finding per culprit, kind and time."""
        found: list[tuple[Finding, Shift]] = []
        for cause in self.tree.causes:
            for names in self._bindings(cause):
                found += self._times(cause, names)
        found.sort(key=lambda f: (-f[0].confidence, f[0].culprit, f[0].kind, f[1].onset_s))
        kept: list[tuple[Finding, Shift]] = []
        for finding, window in found:
            same = [w for f, w in kept if (f.culprit, f.kind) == (finding.culprit, finding.kind)]
            if all(_apart(window, other) for other in same):
                kept.append((finding, window))
        return [finding for finding, _ in kept]

    def _times(self, cause: Cause, names: Names) -> Iterator[tuple[Finding, Shift]]:
        """A cause may hold more than once: it is looked for again in what lies outside of the windows found."""
        known: Windows = ()
        for _ in range(REPEATS_MAX):
            window = self._first(cause.when[0], names, known)
            finding = None if window is None else self._try(cause, names, window, known)
            if window is None or finding is None:
                return
            yield finding, window
            known += ((window.onset_s - APART_S, window.end_s + APART_S),)

    def _bindings(self, cause: Cause) -> Iterator[Names]:
        system = self.observed.system
        contract = self.observed.reference.get("contract.json", {})
        entry, users = str(system["entry"]), str(system["users"])
        common = {"entry": entry, "entry_link": f"{users}->{entry}", "store": str(contract.get("component", ""))}
        if cause.each == "link":
            for link in system["links"]:
                caller, callee = link.split("->")
                yield {**common, "link": link, "caller": caller, "callee": callee}
        elif cause.each == "column":
            for feature in contract.get("features", []):
                if cause.derived is not None and cause.derived != bool(feature.get("derived_from")):
                    continue
                yield {**common, "column": feature["name"]}
        else:
            kinds = {cause.each} if isinstance(cause.each, str) else set(cause.each)
            for name, component in system["components"].items():
                if component["kind"] in kinds:
                    yield {**common, "component": name}

    def _try(self, cause: Cause, names: Names, first: Shift, known: Windows) -> Finding | None:
        evidence = [first]
        for condition in cause.when[1:]:
            held = self._holds(condition, names, first, known)
            if held is None:
                return None
            evidence += held
        if any(self._holds(condition, names, first, known) is not None for condition in cause.unless):
            return None
        return Finding(
            culprit=cause.culprit.format(**names),
            boundary=str(cause.boundary),
            kind=cause.kind,
            onset_s=max(0.0, round(first.onset_s, 3)),
            confidence=round(cause.confidence * _strength(first), 3),
            evidence=tuple(self._evidence(shift) for shift in evidence),
            why=tuple(self._why(cause, names, first, known)),
        )

    def _first(self, condition: Condition, names: Names, known: Windows = ()) -> Shift | None:
        """The scanned shift of a cause's leading condition (the strongest, where it offers several)."""
        if condition.any:
            options = [shift for c in condition.any if (shift := self._first(c, names, known)) is not None]
            return max(options, key=lambda s: abs(s.z), default=None)
        shifts = [
            self._scan(condition.signal, subject, known)
            for subject in self._subjects(condition.signal, condition.of, names)
        ]
        held = [shift for shift in shifts if shift is not None and self._moved(condition, shift)]
        return max(held, key=lambda s: abs(s.z), default=None)

    def _holds(self, condition: Condition, names: Names, window: Shift, known: Windows) -> list[Shift] | None:
        """Shifts that testify for a condition (none for a steady signal), or None where it does not hold."""
        if condition.any:
            for option in condition.any:
                held = self._holds(option, names, window, known)
                if held is not None:
                    return held
            return None
        subjects = self._subjects(condition.signal, condition.of, names)
        look = self._scan if condition.anywhere else self._contrast_with(window, known)
        shifts = [shift for subject in subjects if (shift := look(condition.signal, subject))]
        moved = [shift for shift in shifts if self._moved(condition, shift)]
        if condition.steady:
            return None if moved else []
        return moved or None

    def _why(self, cause: Cause, names: Names, window: Shift, known: Windows) -> Iterator[str]:
        """From the symptom to the cause, each sentence because of the next."""
        for because in (*self.tree.symptoms, *cause.because):
            if because.moved is None:
                yield because.says.format(**names)
                continue
            for subject in self._subjects(because.moved, because.of, names):
                shift = self._contrast(because.moved, subject, window, known)
                if shift is None or abs(shift.z) < because.z:
                    continue
                if because.only in (None, "rises" if shift.change > 0 else "falls"):
                    yield self._say(because, names, shift)

    def _say(self, because: Because, names: Names, shift: Shift) -> str:
        levels = {
            "baseline": _humanise(shift.signal, shift.baseline),
            "observed": _humanise(shift.signal, shift.observed),
        }
        direction = "rose" if shift.change > 0 else "fell"
        detail = shift.subject.rpartition(".")[2].replace("_", " ")
        return because.says.format(**names, **levels, subject=shift.subject, detail=detail, direction=direction)

    def _subjects(self, signal: str, pattern: str, names: Names) -> list[str]:
        """Subjects of a signal that a pattern stands for."""
        wanted = pattern.format(**names)
        if "*" not in wanted:
            return [wanted]
        return [subject for subject in self.signals.subjects(signal) if fnmatchcase(subject, wanted)]

    def _scan(self, signal: str, subject: str, known: Windows = ()) -> Shift | None:
        key = (signal, subject, known)
        if key not in self._scans:
            series = self.signals.get(signal, subject)
            noise = self.tree.noise.get(signal, 0.0)
            self._scans[key] = None if series is None else scan(outside(series, known), noise)
        return self._scans[key]

    def _contrast(self, signal: str, subject: str, window: Shift, known: Windows) -> Shift | None:
        series = self.signals.get(signal, subject)
        noise = self.tree.noise.get(signal, 0.0)
        return None if series is None else contrast(outside(series, known), window.onset_s, window.end_s, noise)

    def _contrast_with(self, window: Shift, known: Windows) -> Callable[[str, str], Shift | None]:
        return lambda signal, subject: self._contrast(signal, subject, window, known)

    def _moved(self, condition: Condition, shift: Shift) -> bool:
        change, z = (-shift.change, -shift.z) if condition.falls else (shift.change, shift.z)
        if change < condition.by or change < condition.times * abs(shift.baseline) or z < condition.z:
            return False
        series = self.signals.get(shift.signal, shift.subject)
        return not condition.abrupt or (series is not None and is_abrupt(series, shift))

    @staticmethod
    def _evidence(shift: Shift) -> Evidence:
        return Evidence(shift.signal, shift.subject, round(shift.baseline, 6), round(shift.observed, 6))


def _apart(one: Shift, other: Shift) -> bool:
    """Whether two windows leave time between them: the same cause at two times."""
    return max(one.onset_s, other.onset_s) >= min(one.end_s, other.end_s) + APART_S


def _strength(shift: Shift) -> float:
    """How much a shift is worth, 0.6 to 1: clear ones and lasting ones more than faint ones and short ones."""
    clarity = min(1.0, abs(shift.z) / CLEAR_Z)
    lasting = min(1.0, (shift.end_s - shift.onset_s) / LASTING_S)
    return 0.6 + 0.2 * clarity + 0.2 * lasting


def _humanise(signal: str, value: float) -> str:
    unit = CATALOGUE[signal].unit
    if unit == "ratio":
        return f"{value * 100:.1f} %"
    if unit == "s":
        return f"{value * 1000:.1f} ms" if abs(value) < 1 else f"{value:.0f} s"
    return f"{value:.3g}"


def infer(observed: Observed, tree: Tree) -> Diagnosis:
    """The diagnosis: causes found, else healthy, else unsure where an alert fired that nothing explains."""
    findings = Inference(observed, tree).findings()
    if findings:
        return Diagnosis(Verdict.FAULT, tuple(findings))
    fired: list[dict[str, Any]] = [alert for alert in observed.alerts if alert["state"] == "firing"]
    return Diagnosis(Verdict.UNSURE if fired else Verdict.HEALTHY)
