"""Checks that a system uses only what its world has: operations, own code, fallbacks, settings, tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.errors import nearest
from lab.files.reading import Reading
from lab.files.yamlmodel import shown
from lab.files.yamlsource import KeyPath
from lab.systems.offer import Offer, Setting, installed_worlds, world_offer


@dataclass(slots=True)
class StepRead:
    """A step as far as the file defines it. `callee` is the component it calls, if there is one of that name."""

    path: KeyPath
    caller: str
    name: str | None
    call: str | None
    operation: str | None
    callee: str | None


@dataclass(slots=True)
class WorldChecks(Reading):
    """Runs all checks on construction."""

    kinds: Mapping[str, str | None]
    steps: list[StepRead]

    def __post_init__(self) -> None:
        if self.document.get(("world",)) is None:
            self._check_without()
            return
        name, worlds = self._text(("world", "name")), installed_worlds()
        if name is None or not worlds:  # no world at all: the lab's sources in a service, which needs none
            return
        if name not in worlds:
            self._report(("world", "name"), f"unknown world {name!r}", hint=nearest(name, worlds))
            return
        offer = world_offer(name)
        if offer is None:
            return
        self._check_steps(name, offer)
        self._check_needs(name, offer)
        self._check_settings(("world",), offer.settings, f"world {name!r}")
        for component, settings in self._settings_by_component(offer).items():
            self._check_settings(("components", component), settings, repr(component))

    def _check_without(self) -> None:
        for step in self.steps:
            run = self._text((*step.path, "run"))
            if run is not None:
                what = f"own code {run!r} is a world's, and this system has no world"
                self._report((*step.path, "run"), what, expected="a 'call', or a world")

    def _check_steps(self, world: str, offer: Offer) -> None:
        known = {"operation": tuple(offer.operations), "run": offer.own_code, "fallback": offer.fallbacks}
        for step in self.steps:
            for key, names in known.items():
                name = self._text((*step.path, key))
                if name is not None and name not in names:
                    word = "own code" if key == "run" else key
                    self._report(
                        (*step.path, key), f"world {world!r} has no {word} {name!r}", hint=nearest(name, names)
                    )

    def _check_needs(self, world: str, offer: Offer) -> None:
        """What the world cannot do without is called, on one component of the right kind that has its tables."""
        for name, operation in offer.operations.items():
            callers = [step for step in self.steps if step.operation == name]
            if operation.needed and not callers and not self._misnamed(offer):
                what = f"world {world!r} needs a step with the operation {name!r}"
                self._report(("world", "name"), what, expected=f"a call of a {operation.kind} with it")
            first = next((step.callee for step in callers if step.callee is not None), None)
            for step in callers:
                kind = self.kinds.get(step.callee or "")
                if kind is not None and kind != operation.kind:
                    what = f"operation {name!r} is not for {step.callee!r}"
                    seen, expected = f"a component of kind {kind}", f"one of kind {operation.kind}"
                    self._report((*step.path, "operation"), what, seen=seen, expected=expected)
                elif step.callee not in (None, first):
                    what = f"operation {name!r} is done by two components"
                    seen, expected = f"{first!r} and {step.callee!r}", "one component for each operation of the world"
                    self._report((*step.path, "operation"), what, seen=seen, expected=expected)
            if first is not None and self.kinds[first] == operation.kind:
                self._check_tables(first, name, operation.tables)

    def _check_tables(self, component: str, operation: str, needed: tuple[str, ...]) -> None:
        path: KeyPath = ("components", component, "tables")
        tables = self.document.get(path) or []
        for table in needed:
            if isinstance(tables, list) and table not in tables:
                what = f"{component!r} has no table {table!r}, which operation {operation!r} reads"
                self._report(
                    path, what, seen=", ".join(map(str, tables)) or "no tables", expected=f"{table} among them"
                )

    def _misnamed(self, offer: Offer) -> set[str | None]:
        """Components that are called with unknown operations."""
        return {step.callee for step in self.steps if step.operation and step.operation not in offer.operations}

    def _settings_by_component(self, offer: Offer) -> dict[str, dict[str, Setting]]:
        """The settings of each component that has a part in the world."""
        found: dict[str, dict[str, Setting]] = {}
        misnamed = self._misnamed(offer)
        for step in self.steps:
            operation, callee = offer.operations.get(step.operation or ""), step.callee or ""
            if operation is not None and callee not in misnamed and self.kinds.get(callee) == operation.kind:
                found.setdefault(callee, {}).update(operation.settings)
        return found

    def _check_settings(self, owner: KeyPath, known: Mapping[str, Setting], of: str) -> None:
        path = (*owner, "settings")
        given = self.document.get(path)
        if given is not None and not isinstance(given, dict):
            return
        given = given or {}
        for name in given:
            if name not in known:
                hint = nearest(name, set(known) - set(given)) or "no setting is expected here"
                self._report((*path, name), f"unknown setting {name!r} of {of}", hint=hint, at_key=True)
        for name, setting in known.items():
            if name not in given and setting.default is not None:
                continue
            if name not in given:
                self._report(path, f"missing setting {name!r} of {of}", expected=setting.expected, at_key=True)
            elif not setting.fits(given[name]):
                what = f"bad value for setting {name!r} of {of}"
                self._report((*path, name), what, seen=shown(given[name]), expected=setting.expected)
