"""Checks that a system uses only what its world has: operations, own code, fallbacks, settings, tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from lab.errors import Problem, nearest
from lab.files.reading import Reading
from lab.files.yamlmodel import shown
from lab.files.yamlsource import Document, KeyPath
from lab.plugins import is_installed
from lab.registration.known import slis_of
from lab.registration.settings import Setting
from lab.registration.world import World, installed_worlds, registration_of, registrations


@dataclass(slots=True)
class StepRead:
    """A step as far as the file defines it. `callee` is the component it calls, if there is one of that name."""

    path: KeyPath
    caller: str
    name: str | None
    call: str | None
    operation: str | None
    callee: str | None


def sli_problems(document: Document, path: KeyPath, world: str | None, kinds: Collection[str | None]) -> list[Problem]:
    """What is wrong with the SLI at a place: a system with this world and these kinds of components has no such SLI."""
    name = document.get(path)
    if not isinstance(name, str) or (world is not None and registration_of(world) is None):
        return []  # the world itself is reported, or none is installed
    slis = slis_of(world)
    fitting = [sli.name for sli in slis.values() if not sli.needs or sli.needs in kinds or None in kinds]
    if name in fitting or not fitting:  # of a system in which nothing happens that is reported
        return []
    if name in slis:
        what = f"{name!r} needs a component of kind {slis[name].needs!r}, and this system has none"
        return [document.problem(path, what, expected=f"one of: {', '.join(fitting)}")]
    owners = [other.name for other in registrations() if any(sli.name == name for sli in other.slis)]
    if not owners:
        return [document.problem(path, f"unknown SLI {name!r}", hint=nearest(name, fitting))]
    has = f"has the world {world!r}" if world else "has no world"
    what = f"{name!r} is an SLI of the world {owners[0]!r}, and this system {has}"
    return [document.problem(path, what, expected=f"one of: {', '.join(fitting)}")]


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
        if name is None or not (worlds or is_installed()):  # the lab's sources in a service, which needs no world
            return
        world = registration_of(name)
        if world is None:
            hint = nearest(name, worlds) if worlds else "none is installed: install the distribution that it comes with"
            self._report(("world", "name"), f"unknown world {name!r}", hint=hint)
            return
        self._check_steps(world)
        self._check_needs(world)
        self._check_settings(("world",), world.settings, f"world {name!r}")
        for component, settings in self._settings_by_component(world).items():
            self._check_settings(("components", component), settings, repr(component))

    def _check_without(self) -> None:
        for step in self.steps:
            run = self._text((*step.path, "run"))
            if run is not None:
                what = f"own code {run!r} is a world's, and this system has no world"
                self._report((*step.path, "run"), what, expected="a 'call', or a world")
            self._check_when(step, None, "without a world")

    def _check_steps(self, world: World) -> None:
        known = {"operation": tuple(world.operations), "run": world.own_code, "fallback": world.fallbacks}
        for step in self.steps:
            for key, names in known.items():
                name = self._text((*step.path, key))
                if name is not None and name not in names:
                    word = "own code" if key == "run" else key
                    self._report(
                        (*step.path, key), f"world {world.name!r} has no {word} {name!r}", hint=nearest(name, names)
                    )
            self._check_when(step, world.value, f"in world {world.name!r}")

    def _check_when(self, step: StepRead, value: Setting | None, who: str) -> None:
        """Branches need a value, and limits that it can have."""
        path: KeyPath = (*step.path, "when")
        given = self.document.get(path)
        if given is not None and value is None:
            hint = "branch on how an earlier step ended: 'after' or 'unless'"
            self._report(path, f"{who} requests have no value to branch on", hint=hint, at_key=True)
        if value is None or not isinstance(given, dict):
            return
        for key, limit in given.items():
            if isinstance(limit, int | float) and not value.fits(limit):
                what = f"bad value for {key!r}: the {value.doc} is never there"
                self._report((*path, key), what, seen=shown(limit), expected=value.expected)

    def _check_needs(self, world: World) -> None:
        """What the world cannot do without is called, on one component of the right kind that has its tables."""
        for name, operation in world.operations.items():
            callers = [step for step in self.steps if step.operation == name]
            if operation.needed and not callers and not self._misnamed(world):
                what = f"world {world.name!r} needs a step with the operation {name!r}"
                self._report(("world", "name"), what, expected=f"a call of a {operation.kind} with it")
            waiting = [step for step in callers if self.document.get((*step.path, "wait")) is not False]
            if operation.needed and callers and not waiting:
                what = f"nobody waits for {name!r}, without whose answer world {world.name!r} cannot be"
                expected = "a call with it that is waited for"
                hint = "if its answer does not matter: let the world register it without needed=True"
                self._report((*callers[0].path, "wait"), what, expected=expected, hint=hint, at_key=True)
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
            self._check_callers(world, name, callers)

    def _check_callers(self, world: World, name: str, callers: Sequence[StepRead]) -> None:
        """Who calls for an operation: one job where something is its own, after what the operation uses."""
        writes = [dataset for dataset, one in world.datasets.items() if one.of == name]
        for step in callers:
            path: KeyPath = (*step.path, "operation")
            if step.caller != callers[0].caller and (writes or world.operations[name].caller_settings):
                what = f"operation {name!r} is called for by two jobs"
                if writes:
                    what += f", and what it writes ({', '.join(writes)}) is of one"
                seen = f"{callers[0].caller!r} and {step.caller!r}"
                self._report(path, what, seen=seen, expected="steps of one job")
            before = self.steps[: self.steps.index(step)]
            earlier = {other.operation for other in before if other.caller == step.caller and other.operation}
            missing = [other for other in world.operations[name].after if other not in earlier]
            if missing:
                what = f"operation {name!r} uses what {step.caller!r} took in earlier steps, and some are missing"
                seen = ", ".join(sorted(earlier)) or "none"
                self._report(path, what, seen=seen, expected=f"steps before it with {', '.join(missing)}")

    def _check_tables(self, component: str, operation: str, needed: tuple[str, ...]) -> None:
        path: KeyPath = ("components", component, "tables")
        tables = self.document.get(path) or []
        for table in needed:
            if isinstance(tables, list) and table not in tables:
                what = f"{component!r} has no table {table!r}, which operation {operation!r} reads"
                self._report(
                    path, what, seen=", ".join(map(str, tables)) or "no tables", expected=f"{table} among them"
                )

    def _misnamed(self, world: World) -> set[str | None]:
        """Components that are called with unknown operations."""
        return {step.callee for step in self.steps if step.operation and step.operation not in world.operations}

    def _settings_by_component(self, world: World) -> dict[str, dict[str, Setting]]:
        """The settings of each component that has a part in the world."""
        found: dict[str, dict[str, Setting]] = {}
        misnamed = self._misnamed(world)
        for step in self.steps:
            operation, callee = world.operations.get(step.operation or ""), step.callee or ""
            if operation is not None and callee not in misnamed and self.kinds.get(callee) == operation.kind:
                found.setdefault(callee, {}).update(operation.settings)
                found.setdefault(step.caller, {}).update(operation.caller_settings)
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
