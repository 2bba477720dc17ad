"""Alerts that no cause explains: which of them show a problem, and which fired by chance.

A share of few items misses its limit now and then. An alert counts if its own indicator left its usual level the bad
way, or if it fired for long: a limit missed all the time leaves no level to compare.
"""

from __future__ import annotations

from typing import Any

from lab.engines.shifts import scan_towards
from lab.recording.observed import Observed
from lab.signals import SignalTable

CLEAR_Z = 4.0
LASTING_SHARE = 0.25


def unexplained(observed: Observed, signals: SignalTable) -> bool:
    """Whether an alert fired that is not put down to chance."""
    fired = {str(alert["slo"]) for alert in observed.alerts if alert["state"] == "firing"}
    return any(
        _lasted_s(observed, slo) >= LASTING_SHARE * observed.end_s or _moved(observed, signals, slo) for slo in fired
    )


def _lasted_s(observed: Observed, slo: str) -> float:
    """For how long an alert fired in all; one that was not resolved fired until the end."""
    total_s, since_s = 0.0, None
    for alert in sorted((a for a in observed.alerts if a["slo"] == slo), key=lambda a: float(a["time_s"])):
        if alert["state"] == "firing":
            since_s = float(alert["time_s"]) if since_s is None else since_s
        elif since_s is not None:
            total_s, since_s = total_s + float(alert["time_s"]) - since_s, None
    return total_s + (observed.end_s - since_s if since_s is not None else 0.0)


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
