"""The types of entries of recordings: the change log, alerts and true effects, kept as JSON, and lines of the log.

A recording that is read from disk is checked against `lab.recording.shapes` first; it may hold more keys than these.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias, TypedDict

ChangeEntry = TypedDict("ChangeEntry", {"time_s": float, "service.name": str, "kind": str, "summary": str})
"""An entry of the change log: when and where something was announced (`kind`: deploy, migration), and its text."""

AlertEntry = TypedDict(
    "AlertEntry",
    {"time_s": float, "slo": str, "service.name": str, "state": Literal["firing", "resolved"], "value": float},
)
"""An alert of an SLO that fired or resolved, and the level that its SLI had then."""

Effect = TypedDict("Effect", {"signal": str, "subject": str, "without": float, "with": float, "size": float})
"""A signal that a fault moved: its mean level `without` and `with` the fault, and the difference in standard deviations
of its noise."""


class Course(TypedDict):
    """What a signal would have been `without` a fault, in each scrape interval; null where it has no value."""

    signal: str
    subject: str
    without: list[float | None]


LogArgument: TypeAlias = str | int | float
"""A value that the template of a log line takes."""


class LogRecord(NamedTuple):
    """One log line before rendering: the template is known by name, the text is made when it is stored."""

    time_ns: int
    component: str
    level: str
    template: str
    request: int
    arguments: tuple[LogArgument, ...]
