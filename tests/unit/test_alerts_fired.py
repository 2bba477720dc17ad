"""Alerts as stretches of time, of an SLO and an element."""

from __future__ import annotations

from typing import Literal

from lab.recording.alerts import Fired, fired
from lab.recording.entries import AlertEntry

END_S = 100.0


def alert(time_s: float, element: str, state: Literal["firing", "resolved"], slo: str = "jobs") -> AlertEntry:
    return {"time_s": time_s, "slo": slo, "service.name": element, "state": state, "value": 1.0}


OVERLAPPING = [
    alert(10, "extract", "firing"),
    alert(20, "publish", "firing"),
    alert(30, "extract", "resolved"),
    alert(60, "publish", "resolved"),
]
"""Two jobs that fail at the same time, of which the first is well again first."""


def test_alerts_of_two_elements_of_one_slo_end_each_by_itself() -> None:
    assert fired(OVERLAPPING) == (Fired("jobs", "extract", 10, 30), Fired("jobs", "publish", 20, 60))


def test_what_is_not_resolved_fires_until_the_end() -> None:
    (one,) = fired(OVERLAPPING[:1])
    assert (one.until_s, one.ended_s(END_S)) == (None, END_S)


def test_what_fires_already_does_not_fire_anew_and_what_does_not_fire_does_not_end() -> None:
    again = [alert(5, "extract", "resolved"), alert(10, "extract", "firing"), alert(15, "extract", "firing")]
    assert fired([*again, alert(30, "extract", "resolved")]) == (Fired("jobs", "extract", 10, 30),)
