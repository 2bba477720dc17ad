"""Alerts that no cause explains: which of them show a problem, and which fired by chance.

A share of few items misses its limit now and then. An alert counts if its own indicator left its usual level the bad
way, or if it fired for long in all: a limit missed all the time leaves no level to compare.
"""

from __future__ import annotations

from typing import Any

from lab.engines.shifts import scan_towards
from lab.recording.alerts import fired
from lab.recording.observed import Observed
from lab.signals import SignalTable

CLEAR_Z = 4.0
LASTING_SHARE = 0.25


def unexplained(observed: Observed, signals: SignalTable) -> bool:
    """Whether an alert fired that is not put down to chance."""
    lasted_s: dict[tuple[str, str], float] = {}
    for one in fired(observed.alerts):
        name = one.slo, one.element
        lasted_s[name] = lasted_s.get(name, 0.0) + one.ended_s(observed.end_s) - one.from_s
    long_s = LASTING_SHARE * observed.end_s
    return any(total_s >= long_s or _moved(observed, signals, slo) for (slo, _), total_s in lasted_s.items())


def _moved(observed: Observed, signals: SignalTable, slo: str) -> bool:
    """Whether the alert's indicator left its usual level; an alert about what is not recorded is believed."""
    known: list[Any] = [limit for limit in observed.system.get("slos", []) if limit["name"] == slo]
    found = [(limit, signals.get(limit["sli"], s)) for limit in known for s in signals.subjects(limit["sli"])]
    if not found:
        return True
    for limit, series in found:
        shift = None if series is None else scan_towards(series, -1 if limit.get("above") is None else 1)
        if shift is not None and shift.is_sound and abs(shift.z) >= CLEAR_Z:
            return True
    return False
