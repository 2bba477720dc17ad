"""A recording as a debrief tells of it: what could be seen, what was true, and what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.contracts import Truth
from lab.recording.observed import Observed
from lab.recording.rundir import RunDirectory
from lab.signals import SignalTable, load_recorded

Json = dict[str, Any]
Record = Mapping[str, Any]
"""All that was done in a session: `lab.investigation.concluding.Concluding.record`."""


@dataclass(frozen=True)
class Told:
    """One recording: what could be seen of it, and what was true."""

    run: RunDirectory
    observed: Observed
    signals: SignalTable
    truth: Truth

    @classmethod
    def of(cls, run: RunDirectory) -> Told:
        """Reads a recording."""
        observed, signals = load_recorded(run.observed)
        return cls(run, observed, signals, run.truth())

    @property
    def onset_s(self) -> float | None:
        """When the first fault was injected (scenario seconds); None for a control."""
        return min((fault.injected_s for fault in self.truth.faults), default=None)

    def first_alert_s(self, since_s: float) -> float | None:
        """When the first alert fired from a time on; None for never."""
        fired = (one["time_s"] for one in self.observed.alerts if one["state"] == "firing")
        return min((time_s for time_s in fired if time_s >= since_s), default=None)
