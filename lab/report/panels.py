"""Before and during: which signals are drawn, why, and with which levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from lab.contracts import Truth
from lab.recording.observed import Observed
from lab.registration.known import slis_of
from lab.registration.slis import CORE_SLIS
from lab.report.answers import blaming
from lab.report.charts import Line, panel
from lab.report.format import quantity
from lab.report.matrix import Entry
from lab.signals import Series, SignalTable
from lab.signals.catalogue import spec_of
from lab.signals.windows import Window, levels
from lab.systems.calendar import Calendar

ENOUGH_PANELS = 4


@dataclass(frozen=True, slots=True)
class Panel:
    """One before/during chart; `tags` say why it is shown."""

    signal: str
    subject: str
    doc: str
    tags: tuple[str, ...]
    before: str
    during: str
    svg: Markup


def lines(
    entry: Entry, engines: Sequence[str], truth: Truth, signals: SignalTable, observed: Observed
) -> Iterator[tuple[Line, tuple[str, ...]]]:
    """Signals to draw: those cited, the faults' witnesses, what an alert fired on, service levels if that is few."""
    reasons: dict[tuple[str, str], list[str]] = {}
    cited: dict[tuple[str, str], tuple[float, float]] = {}
    shown_in: dict[tuple[str, str], Window] = {}
    for engine in engines:
        for finding in blaming(entry.run.diagnosis(engine), truth):
            for fact in finding.evidence:
                key = (fact.signal, fact.subject)
                _once(reasons.setdefault(key, []), f"cited by {engine}")
                cited.setdefault(key, (fact.baseline, fact.observed))
    for fault in truth.faults:
        for witness in fault.witnesses:
            if witness["shown"]:
                key = (witness["signal"], witness["subject"])
                _once(reasons.setdefault(key, []), "witness of the fault")
                shown_in.setdefault(key, (fault.injected_s, fault.reverted_s))
    for key in _alerted(signals, observed):
        _once(reasons.setdefault(key, []), "its alert fired")
    for name in _service_levels(observed):
        for subject in signals.subjects(name):
            if len(reasons) < ENOUGH_PANELS or (name, subject) in reasons:
                _once(reasons.setdefault((name, subject), []), "service level")
    windows = tuple((fault.injected_s, fault.reverted_s) for fault in truth.faults)
    for (signal, subject), tags in reasons.items():
        series = signals.get(signal, subject)
        if series is not None and not (tags == ["service level"] and _is_flat(series)):
            window = shown_in.get((signal, subject))
            known = cited.get((signal, subject)) or series_levels(series, [window] if window else windows)
            line = Line(
                f"{signal} of {subject}", spec_of(signal).unit, series.times_s, series.values, observed.end_s,
                *known, windows, Calendar.recorded(observed.system),
            )  # fmt: skip
            yield line, (signal, subject, *tags)


def _service_levels(observed: Observed) -> list[str]:
    """Indicators by name; where nobody sends requests those of the world first, which tell more than jobs that end."""
    known = slis_of(observed.system.get("world"))
    return list(known) if observed.system["users"] else sorted(known, key=lambda name: known[name] in CORE_SLIS)


def _alerted(signals: SignalTable, observed: Observed) -> Iterator[tuple[str, str]]:
    """The service levels on which an alert fired."""
    fired = {str(alert["slo"]) for alert in observed.alerts}
    for sli in dict.fromkeys(str(slo["sli"]) for slo in observed.system["slos"] if slo["name"] in fired):
        yield from ((sli, subject) for subject in signals.subjects(sli))


def _is_flat(series: Series) -> bool:
    """Whether it had one value all the time, which needs no picture."""
    known = series.values[~np.isnan(series.values)]
    return bool(len(known)) and float(np.ptp(known)) == 0.0


def _once(tags: list[str], tag: str) -> None:
    if tag not in tags:
        tags.append(tag)


def series_levels(series: Series, windows: Sequence[Window]) -> tuple[float | None, float | None]:
    """Levels before and during, or the mean over the whole run where there was no fault."""
    if windows:
        return levels(series.times_s, series.values, *windows) or (None, None)
    known = series.values[~np.isnan(series.values)]
    return (float(known.mean()) if len(known) else None), None


def drawn_panel(line: Line, named: tuple[str, ...]) -> Panel:
    signal, subject, *tags = named
    before, during = quantity(line.before, line.unit), quantity(line.during, line.unit)
    return Panel(signal, subject, spec_of(signal).doc, tuple(tags), before, during, panel(line))
