"""The driver of the real stack. Quick to import: Docker's client is loaded later."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from lab.errors import LabError, Problem, joined
from lab.testbeds.driver import Driver, Progress, Recovery, Session, silent
from lab.testbeds.stack.options import StackOptions

if TYPE_CHECKING:
    from lab.scenario import LoadedScenario


class StackDriver(Driver[StackOptions]):
    """A system as containers of docker compose, in real time."""

    name = "stack"
    summary = "a system as containers of docker compose, in real time"
    options = StackOptions
    is_shared = False

    @property
    def levers(self) -> Collection[str]:
        from lab.testbeds.stack.levers import LEVERS

        return LEVERS

    def check(self, scenario: LoadedScenario, options: StackOptions) -> list[Problem]:
        from lab.testbeds.stack.feasible import problems_of

        return problems_of(scenario, options.time_scale, options.model_server)

    def needs(self) -> str:
        from lab.testbeds.stack.needs import docker

        return docker()

    def requests(self, scenario: LoadedScenario, options: StackOptions) -> float:
        return scenario.scenario.requests / options.time_scale

    @contextmanager
    def holding(self, scenarios: Sequence[LoadedScenario], options: StackOptions) -> Iterator[None]:
        from lab.content.stack import needed
        from lab.testbeds.stack.changes import warn_of_changes
        from lab.testbeds.stack.holding import held
        from lab.testbeds.stack.session import Session as Stack

        systems = {needed(scenario.system)[1].system: scenario.system for scenario in scenarios}
        with ExitStack() as held_ones:
            for name, system in systems.items():
                stack = Stack(system)
                # Tells first that Docker, or its Python package, is missing.
                warn_of_changes(stack, options.model_server, options.load_workers)
                text = f"bringing the stack of {name} up (the first time builds its images)"
                print(text, file=sys.stderr, flush=True)
                held_ones.enter_context(held(stack, options))
            yield

    @contextmanager
    def open(
        self, scenario: LoadedScenario, seed: int, options: StackOptions, progress: Progress = silent
    ) -> Iterator[Session]:
        from lab.testbeds.stack import recovery
        from lab.testbeds.stack.holding import held
        from lab.testbeds.stack.model_server import as_reported
        from lab.testbeds.stack.running import StackRun
        from lab.testbeds.stack.session import Session as Stack

        loaded = as_reported(scenario, options.model_server)
        stack = Stack(loaded.system)
        with held(stack, options, progress):
            stack.recover()
            try:
                with StackRun(stack, loaded, seed, options) as run:
                    yield run
            except BaseException:
                with suppress(Exception):  # a summary is not worth an error
                    recovery.quieten(stack)
                raise

    def recover(self, options: StackOptions) -> list[Recovery]:
        from lab.content.stack import parts
        from lab.systems.files import load_system
        from lab.testbeds.stack.session import Session as Stack

        found: list[Recovery] = []
        failed: list[LabError] = []
        for system in parts():
            try:
                stack = Stack(load_system(system))
                with stack.lock.held():
                    stack.lock.show_activity(phase="putting back what earlier labs left")
                    found += [Recovery(undo.lever, undo.element, undo.previous) for undo in stack.recover()]
            except LabError as error:  # what is left on the stacks of other systems is put back all the same
                failed.append(error)
        if failed:
            raise joined(failed)
        return found
