"""Alerts as stretches of time: each from when it fired to when it was resolved.

An SLO may be broken by one element while another one breaks it too, so an alert is one of an SLO and an element.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lab.recording.entries import AlertEntry


class Fired(NamedTuple):
    """An alert that fired: its SLO, the element that it told of, from and until when (s); None where it still fires."""

    slo: str
    element: str
    from_s: float
    until_s: float | None

    def ended_s(self, end_s: float) -> float:
        """Until when it fired, at most until the end of the recording."""
        return end_s if self.until_s is None else self.until_s


def fired(alerts: Iterable[AlertEntry]) -> tuple[Fired, ...]:
    """The alerts that fired, in the order in which they did. What fires already does not fire anew."""
    since: dict[tuple[str, str], int] = {}
    found: list[Fired] = []
    for alert in sorted(alerts, key=lambda one: float(one["time_s"])):
        name, at_s = (str(alert["slo"]), str(alert["service.name"])), float(alert["time_s"])
        if alert["state"] == "firing":
            if name not in since:
                since[name] = len(found)
                found.append(Fired(*name, at_s, None))
        elif name in since:
            place = since.pop(name)
            found[place] = found[place]._replace(until_s=at_s)
    return tuple(found)
