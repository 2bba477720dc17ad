"""The types of entries that recordings keep as JSON: the change log, alerts, and true effects.

A recording that is read from disk is checked against `lab.recording.shapes` first; it may hold more keys than these.
"""

from __future__ import annotations

from typing import Literal, TypedDict

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
