"""When faults and decoys begin and end: one order for every testbed."""

from __future__ import annotations

from dataclasses import dataclass

from lab.clock import NS
from lab.scenario.model import DecoyUse, FaultUse, Scenario


@dataclass(frozen=True, slots=True)
class Moment:
    """A use begins or ends, in integer nanoseconds since load start."""

    at_ns: int
    use: FaultUse | DecoyUse
    begins: bool

    @property
    def at_s(self) -> float:
        return self.at_ns / NS


def moments(scenario: Scenario) -> list[Moment]:
    """All begins and ends in time order; at one instant ends come first, so that a lever is back before its next use.

    A use without a length ends with the scenario. Whole nanoseconds: 100.4 s + 60.2 s and 160.6 s are one instant.
    """
    uses: list[FaultUse | DecoyUse] = [*scenario.decoys, *scenario.faults]
    found = [Moment(round(use.at_s * NS), use, True) for use in uses]
    found += [Moment(round(end_s(use, scenario) * NS), use, False) for use in uses]
    return sorted(found, key=lambda moment: (moment.at_ns, moment.begins))


def end_s(use: FaultUse | DecoyUse, scenario: Scenario) -> float:
    """Scenario second at which a use ends."""
    return scenario.duration_s if use.for_s is None else min(use.at_s + use.for_s, scenario.duration_s)
