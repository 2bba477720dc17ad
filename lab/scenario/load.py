"""Scenario files read, validated and checked against their system, every problem of a file at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab.errors import Problem, UserError
from lab.files.finding import find_file
from lab.files.yamlmodel import check, in_file_order
from lab.files.yamlsource import Document, parse_yaml, read_yaml
from lab.registration.observability import Observability
from lab.scenario.checks import CrossChecks
from lab.scenario.model import Scenario
from lab.scenario.naming import namesakes, told_apart
from lab.systems.files import load_system
from lab.systems.topology import System

SUFFIX = ".scenario.yaml"


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A scenario that can be run: its system, and the file it came from with its exact text."""

    scenario: Scenario
    system: System
    path: Path
    text: str
    known_as: str = ""
    """What it is called among others that are run with it, where its name does not distinguish it."""

    @property
    def name(self) -> str:
        """What distinguishes it among those that are run together: its name, or `SYSTEM/NAME` beside a namesake."""
        return self.known_as or self.scenario.name

    def seen_by(self, observability: Observability | None) -> LoadedScenario:
        """The same scenario on a system that lets its operators see this much; None: as much as its file says."""
        if observability is None:
            return self
        return replace(self, system=self.system.model_copy(update={"observability": observability}))

    def unstopped(self) -> LoadedScenario:
        """The same scenario without stop conditions: a simulated run of it comes to its end."""
        safety = self.scenario.safety.model_copy(update={"stop_when": ()})
        return replace(self, scenario=self.scenario.model_copy(update={"safety": safety}))


def distinguished(scenarios: Sequence[LoadedScenario]) -> tuple[LoadedScenario, ...]:
    """The same scenarios, to be run together: those of several systems that share a name are named by system too."""
    shared = namesakes((one.system.name, one.scenario.name) for one in scenarios)
    return tuple(
        replace(one, known_as=told_apart(one.system.name, one.scenario.name, shared))
        if one.scenario.name in shared
        else one
        for one in scenarios
    )


def load_scenario(path_or_name: str | Path) -> LoadedScenario:
    """Loads a scenario file, or a shipped scenario by a name such as `SYSTEM/SCENARIO`.

    The parameters of its faults and decoys are validated values, defaults included. Raises UserError with every
    problem of the file.
    """
    path = find_file(path_or_name, SUFFIX, "scenario")
    return _load(read_yaml(path), path)


def parse_scenario(text: str, file: str = "<scenario>") -> LoadedScenario:
    """Loads a scenario's YAML text as `load_scenario` loads a file; `file` is its name for messages.

    A system file that it names is looked for from here.
    """
    return _load(parse_yaml(text, file), Path(file))


def _load(document: Document, path: Path) -> LoadedScenario:
    scenario, problems = check(document, Scenario)
    system, system_problems = _system(document, path.parent)
    if system is not None and scenario is not None:
        system = system.model_copy(update={"observe": system.observe.with_given(scenario.observe)})
    checks = CrossChecks(document, system)
    problems += system_problems + checks.problems
    if scenario is None or system is None or problems:
        raise UserError(in_file_order(problems))
    uses = {
        section: tuple(
            use.with_parameters(checks.parameters[section, i]) for i, use in enumerate(getattr(scenario, section))
        )
        for section in ("faults", "decoys")
    }
    return LoadedScenario(scenario.model_copy(update=uses), system, path, document.text)


def _system(document: Document, directory: Path) -> tuple[System | None, list[Problem]]:
    name = document.get(("system",))
    if not isinstance(name, str):
        return None, []
    try:
        return load_system(name, directory), []
    except UserError as error:
        # A problem inside the system's own file keeps its place; an unknown system is located in the scenario.
        return None, [
            problem
            if problem.line
            else document.problem(
                ("system",), problem.what, seen=problem.file, expected=problem.expected, hint=problem.hint
            )
            for problem in error.problems
        ]
