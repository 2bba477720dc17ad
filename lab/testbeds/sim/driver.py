"""The driver of the simulator. Quick to import: the simulator itself is loaded later."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from lab.errors import Problem
from lab.testbeds.driver import Driver, DriverOptions, Progress, silent

if TYPE_CHECKING:
    from lab.scenario import LoadedScenario
    from lab.testbeds.sim.session import SimSession


class SimOptions(DriverOptions):
    """The simulator has no options: a scenario and a seed say all."""


class SimDriver(Driver[SimOptions]):
    """The embedded simulator: any system, no Docker, the same bytes for the same seed."""

    name = "sim"
    summary = "the embedded simulator: any system, no Docker, the same bytes for the same seed"
    options = SimOptions
    is_repeatable = True

    @property
    def levers(self) -> Collection[str]:
        from lab.testbeds.sim.levers import LEVERS

        return LEVERS

    def check(self, scenario: LoadedScenario, options: SimOptions) -> list[Problem]:
        """Surges count into the requests that a scenario may have, as the load does."""
        from lab.scenario.model import MAX_REQUESTS
        from lab.scenario.plan import extra_load, plan

        beside = sum(one.requests for one in extra_load(plan(scenario).timeline))
        if scenario.scenario.requests + beside <= MAX_REQUESTS:
            return []
        return [
            Problem(
                "too many requests for the simulator", str(scenario.path),
                seen=f"{scenario.scenario.requests:.0f}, and {beside:.0f} beside the load",
                expected=f"at most {MAX_REQUESTS}", hint="let fewer come, or for less long",
            )
        ]  # fmt: skip

    def open(self, scenario: LoadedScenario, seed: int, options: SimOptions, progress: Progress = silent) -> SimSession:
        from lab.testbeds.sim.session import SimSession

        return SimSession(scenario, seed)
