"""The dry run: a testbed whose levers only write down what would be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from lab.errors import ParameterError, Problem, nearest
from lab.injection.elements import check_element
from lab.injection.faults import FaultType
from lab.injection.levers import ACTS, LEVERS, Testbed, Undo, Value
from lab.systems.offer import feature_columns, world_offer
from lab.systems.topology import System


@dataclass(frozen=True, slots=True)
class PlannedAct:
    """One thing that would be done, at a time in scenario seconds: a lever pulled or reverted, or an act."""

    at_s: float
    lever: str
    element: str
    value: Value
    event: Literal["pull", "revert", "act"]


class PlanTestbed(Testbed):
    """A testbed that changes nothing. It refuses what the system has no lever for (UserError)."""

    def __init__(self, system: System):
        self.system = system
        self.now_s = 0.0
        self.acts: list[PlannedAct] = []
        self._values: dict[tuple[str, str], Value] = {}

    def read(self, lever: str, element: str) -> Value:
        """The value last written, else the neutral one."""
        check_element(self.system, lever, element, LEVERS)
        return self._values.get((lever, element), self._neutral(lever, element))

    def write(self, lever: str, element: str, value: Value) -> None:
        """Remembers the value."""
        check_element(self.system, lever, element, LEVERS)
        if lever == "table.column" and value:
            self._check_column(element, value)
        if lever == "population.shift" and value:
            self._check_feature(element.partition(".")[2])
        self._values[lever, element] = value

    def _check_column(self, element: str, change: Value) -> None:
        """Only columns of the feature table can be altered, and only columns that are not there can be added."""
        table, _, column = element.partition("/")[2].partition(".")
        assert self.system.world is not None  # the element was checked
        offer, columns = world_offer(self.system.world.name), feature_columns(self.system)
        features = offer.feature_table if offer else ""
        if features and table != features:
            if change["change"] != "add":
                what = f"columns of table {table!r} cannot be altered"
                raise ParameterError("table", Problem(what, seen=table, expected=f"{features}, the feature table"))
        elif change["change"] == "add":
            if column in columns:
                what = f"column {column!r} cannot be added: the feature table has it"
                raise ParameterError("column", Problem(what, seen=column, expected="a name that no column has"))
        elif columns and column not in columns:
            what = f"the feature table has no column {column!r}"
            raise ParameterError("column", Problem(what, hint=nearest(column, columns)))
        elif change["change"] == "rename" and change["to"] in columns:
            what = f"rename to {change['to']!r}, which is another column of the table"
            raise ParameterError("to", Problem(what, seen=change["to"], expected="a name that no column has"))

    def _check_feature(self, feature: str) -> None:
        columns = feature_columns(self.system)
        if columns and feature not in columns:
            problem = Problem(f"users have no feature {feature!r}", hint=nearest(feature, columns))
            raise ParameterError("feature", problem)

    def act(self, act: str, element: str, value: Value) -> None:
        """Writes the act down."""
        check_element(self.system, act, element, ACTS)
        self.acts.append(PlannedAct(self.now_s, act, element, value, "act"))

    def journal(self, event: str, undo: Undo, value: Value) -> None:
        """Writes down pulls and reverts; an intent is followed by either."""
        if event == "applied":
            self.acts.append(PlannedAct(self.now_s, undo.lever, undo.element, value, "pull"))
        elif event == "reverted":
            self.acts.append(PlannedAct(self.now_s, undo.lever, undo.element, value, "revert"))

    def _neutral(self, lever: str, element: str) -> Value:
        if lever == "model.deploy":
            return {"version": 1}
        if lever == "config.set":
            component, _, key = element.partition("/")
            return {"value": _configured(self.system.components[component], key)}
        return None


def _configured(value: Any, key: str) -> Value:
    """What a component's configuration says for a dotted key, `default` where it says nothing."""
    for part in key.split("."):
        if isinstance(value, BaseModel):
            value = getattr(value, part, None)
        elif isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, tuple):
            value = next((item for item in value if getattr(item, "name", None) == part), None)
        else:
            value = None
    return "default" if value is None else value


def pulls(kind: FaultType, target: str, parameters: Mapping[str, Any], system: System) -> tuple[tuple[str, str], ...]:
    """The (lever, element) pairs that a fault or decoy pulls, in order; UserError where the system has none."""
    testbed = PlanTestbed(system)
    with kind.inject(testbed, target, parameters):
        pass
    return tuple((act.lever, act.element) for act in testbed.acts if act.event == "pull")
