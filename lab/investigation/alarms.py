"""What alarms by itself: alerts, and the first warning of each kind in the log; and what of it came of a fault."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from lab.recording.alerts import Fired, fired
from lab.recording.observed import Observed

ODD = frozenset({"WARN", "ERROR"})


class Line(NamedTuple):
    """The first warning or error of a kind: who logged it, its event, when (scenario seconds), its text."""

    element: str
    event: str
    at_s: float
    text: str


class Alarms(NamedTuple):
    """The alerts of a recording, and the first line of each kind of warning; both in time order."""

    alerts: tuple[Fired, ...] = ()
    lines: tuple[Line, ...] = ()

    def since(self, since_s: float) -> Alarms:
        """Those that began after a time; what fires at that very time is among them."""
        alerts = tuple(one for one in self.alerts if one.from_s >= since_s)
        return Alarms(alerts, tuple(one for one in self.lines if one.at_s > since_s))

    def beyond(self, without: Alarms) -> Alarms:
        """Those that a run without a fault has not: no such alert fires in it then, no such line came in it by then."""
        alerts = tuple(one for one in self.alerts if not _fires(one, without.alerts))
        known = {(one.element, one.event): one.at_s for one in without.lines}
        lines = tuple(one for one in self.lines if one.at_s < known.get((one.element, one.event), float("inf")))
        return Alarms(alerts, lines)


def alarms_of(observed: Observed) -> Alarms:
    """What alarmed in a recording."""
    return Alarms(fired(observed.alerts), _first_lines(observed))


def _first_lines(observed: Observed) -> tuple[Line, ...]:
    if "logs" not in observed.tables:
        return ()
    logs = observed.frame("logs")
    odd = logs[logs["severity_text"].isin(ODD)].sort_values("time_s", kind="stable")
    first = odd.drop_duplicates(["service.name", "event.name"])
    columns = (first[name] for name in ("service.name", "event.name", "time_s", "body"))
    return tuple(
        Line(str(who), str(what), float(at_s), str(text)) for who, what, at_s, text in zip(*columns, strict=True)
    )


def _fires(alert: Fired, among: Collection[Fired]) -> bool:
    """Whether such an alert is firing when this one begins."""
    named = [one for one in among if (one.slo, one.element) == (alert.slo, alert.element)]
    return any(one.from_s <= alert.from_s <= one.ended_s(float("inf")) for one in named)
