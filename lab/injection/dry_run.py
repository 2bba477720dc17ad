"""The dry run: a testbed whose levers only write down what would be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from lab.injection.faults import FaultType, Parameters
from lab.injection.levers import ActValue, AnyLever, Event, Json, LeverValue, Testbed, Undo
from lab.systems.topology import System


@dataclass(frozen=True, slots=True)
class PlannedAct:
    """One thing that would be done, at a time in scenario seconds: a lever pulled or reverted, or an act.

    `value` is what the lever is pulled with, what it goes back to (None: neutral), or the act.
    """

    at_s: float
    lever: str
    element: str
    value: LeverValue | ActValue | None
    event: Literal["pull", "revert", "act"]

    def to_json(self) -> dict[str, Any]:
        """As `lab plan --json` has it."""
        value = self.value.to_json() if self.value is not None else None
        return {
            "at_s": self.at_s, "lever": self.lever, "element": self.element, "value": value, "event": self.event,
        }  # fmt: skip


class PlanTestbed(Testbed):
    """A testbed that changes nothing. It refuses what the system has no lever for (UserError)."""

    def __init__(self, system: System):
        self.system = system
        self.now_s = 0.0
        self.acts: list[PlannedAct] = []
        self._values: dict[tuple[str, str], LeverValue | None] = {}

    def read(self, lever: type[AnyLever], element: str) -> AnyLever | None:
        """The value last written, else the neutral one."""
        place = lever.place(self.system, element)
        if (lever.name, element) not in self._values:
            return lever.neutral(self.system, place)
        return cast(AnyLever | None, self._values[lever.name, element])

    def write(self, lever: type[AnyLever], element: str, value: AnyLever | None) -> None:
        """Remembers the value."""
        lever.place(self.system, element)
        self._values[lever.name, element] = value

    def perform(self, element: str, act: ActValue) -> None:
        """Writes the act down."""
        self.acts.append(PlannedAct(self.now_s, act.name, element, act, "act"))

    def journal(self, event: Event, undo: Undo, value: Json | None) -> None:
        """Writes down pulls and reverts; an intent is followed by either."""
        if event != "intent":
            lever = self._values[undo.lever, undo.element]
            kind: Literal["pull", "revert"] = "pull" if event == "applied" else "revert"
            self.acts.append(PlannedAct(self.now_s, undo.lever, undo.element, lever, kind))


def pulls(kind: FaultType, target: str, parameters: Parameters, system: System) -> tuple[tuple[str, str], ...]:
    """The (lever, element) pairs that a fault or decoy pulls, in order; UserError where the system has none."""
    testbed = PlanTestbed(system)
    with kind.inject(testbed, target, parameters):
        pass
    return tuple((act.lever, act.element) for act in testbed.acts if act.event == "pull")
