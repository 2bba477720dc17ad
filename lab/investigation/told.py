"""A recording as a debrief tells of it: what could be seen, what was true, and what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from lab.contracts import TrueFault, Truth
from lab.judging.witness import first_shown_s, judge_witnesses
from lab.recording.observed import Observed
from lab.recording.rundir import RunDirectory
from lab.registration.signals import Witness
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

    def as_lived(self, without: Mapping[str, SignalTable]) -> Told:
        """The same with witnesses that testify to this run, where people did something in it; `without` are its twins.

        The truth beside a recording has those of the run without the actions, for an answer is judged by what the fault
        was; what was mended early may never have shown.
        """
        faults = tuple(_as_witnessed(fault, self.signals, without[fault.id]) for fault in self.truth.faults)
        return replace(self, truth=replace(self.truth, faults=faults))

    @property
    def onset_s(self) -> float | None:
        """When the first fault was injected (scenario seconds); None for a control."""
        return min((fault.injected_s for fault in self.truth.faults), default=None)

    def first_alert_s(self, since_s: float) -> float | None:
        """When the first alert fired from a time on; None for never."""
        fired = (one["time_s"] for one in self.observed.alerts if one["state"] == "firing")
        return min((time_s for time_s in fired if time_s >= since_s), default=None)


def fault_name(fault: TrueFault) -> str:
    """What a debrief calls a fault."""
    return f"{fault.kind} on {fault.culprit}"


def _as_witnessed(fault: TrueFault, signals: SignalTable, without: SignalTable) -> TrueFault:
    asked = [Witness(one["signal"], one["subject"], one["at_least"]) for one in fault.witnesses]
    said = judge_witnesses(asked, signals, without, fault.injected_s, fault.reverted_s)
    return replace(fault, witnesses=tuple(map(asdict, said)), witnessed_s=first_shown_s(said))
