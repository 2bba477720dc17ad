"""The testbed `processes`: each component of a system is a process of this machine, and SIGSTOP is its lever."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from platformdirs import user_state_path
from pydantic import Field

from lab.errors import Problem
from lab.testbeds.driver import Driver, DriverOptions, Progress, Recovery, Unrecorded, silent

if TYPE_CHECKING:
    from chaos_lab_processes.processes import Processes
    from chaos_lab_processes.session import ProcessesSession
    from lab.injection.levers import LeverTable
    from lab.scenario import LoadedScenario

RATE_MAX_PER_S = 100.0
INTERVAL_MIN_S = 0.4
"""A shorter scrape interval, in real time, would say more of the machine than of the processes."""


class ProcessesOptions(DriverOptions):
    """The options of this testbed."""

    time_scale: float = Field(1.0, gt=0, le=20, description="Scenario seconds per real second.")
    state_dir: Annotated[Path, Unrecorded()] = Field(
        default_factory=lambda: user_state_path("chaos-lab-processes"),
        description="Where it is kept which processes there are, so that `lab recover` can end them.",
    )


class ProcessesDriver(Driver[ProcessesOptions]):
    """Systems without a world as local processes, in real time."""

    name = "processes"
    summary = "systems without a world as processes of this machine, in real time"
    options = ProcessesOptions

    @property
    def levers(self) -> LeverTable[Processes]:
        from chaos_lab_processes.levers import LEVERS

        return LEVERS

    def check(self, scenario: LoadedScenario, options: ProcessesOptions) -> list[Problem]:
        system, file = scenario.system, str(scenario.path)
        problems = []
        if sys.platform != "linux":
            problems.append(Problem("the testbed processes reads /proc", seen=sys.platform, expected="linux"))
        if system.world is not None:
            what = f"the testbed processes has no content, and {system.name!r} has the world {system.world.name!r}"
            problems.append(Problem(what, file, expected="a system without a world"))
        jobs = [name for name, component in system.components.items() if component.kind == "job"]
        if jobs:
            problems.append(Problem(f"the testbed processes runs no jobs, and {jobs[0]!r} is one", file))
        if system.entry is None:
            problems.append(Problem(f"the testbed processes needs users, and {system.name!r} has none", file))
        rate_per_s = max((stage.rate_per_s for stage in scenario.scenario.stages), default=0.0)
        if rate_per_s > RATE_MAX_PER_S:
            most = f"at most {RATE_MAX_PER_S:g}/s"
            problems.append(Problem(f"a load of {rate_per_s:g} requests a second is too much", file, expected=most))
        interval_s = system.scrape_interval_s / options.time_scale
        if interval_s < INTERVAL_MIN_S:
            hint = f"--time-scale {system.scrape_interval_s / INTERVAL_MIN_S:g} is possible"
            problems.append(Problem(f"a scrape interval would last {interval_s:.2g} s", file, hint=hint))
        return problems

    def requests(self, scenario: LoadedScenario, options: ProcessesOptions) -> float:
        return scenario.scenario.requests / options.time_scale

    def open(
        self, scenario: LoadedScenario, seed: int, options: ProcessesOptions, progress: Progress = silent
    ) -> ProcessesSession:
        from chaos_lab_processes.session import ProcessesSession

        return ProcessesSession(scenario, seed, options)

    def recover(self, options: ProcessesOptions) -> list[Recovery]:
        from chaos_lab_processes.processes import end_left_behind, left_behind

        found = []
        for file, content in left_behind(options.state_dir):
            end_left_behind(content["processes"])
            found += [Recovery("component.pause", component, None) for component in content["paused"]]
            file.unlink()
        return found
