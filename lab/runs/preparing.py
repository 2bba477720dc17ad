"""Checks before the first of several runs: whether the testbed can do them all, and is ready."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lab.errors import Problem, UserError
from lab.recording.keeping import check_room
from lab.runs.campaign import Job
from lab.scenario import LoadedScenario
from lab.testbeds.installed import Chosen


@contextmanager
def prepared(jobs: Sequence[Job], root: Path) -> Iterator[None]:
    """Keeps what jobs on one testbed need over all of them.

    UserError, before anything is started, with everything that the testbed cannot do, with what is wrong with the rules
    of a world, and where recordings that cost real time have no room under `root`.
    """
    if not jobs:
        yield
        return
    testbed = jobs[0].testbed
    scenarios = list({job.loaded.name: job.loaded for job in jobs}.values())
    check(testbed, scenarios)
    check_rules(jobs)
    driver = testbed.driver
    if not driver.is_repeatable:  # others are mostly there already, or quickly made again
        needed_bytes = sum(testbed.needed_bytes(job.loaded) for job in jobs)
        check_room(root, needed_bytes, "all of these runs" if len(jobs) > 1 else scenarios[0].name)
    with ExitStack() as held:
        with testbed.named("getting what several runs need"):
            held.enter_context(driver.holding(scenarios, testbed.options))
        yield


def check(testbed: Chosen, scenarios: Sequence[LoadedScenario]) -> None:
    """UserError with everything that keeps the scenarios from working on a testbed."""
    problems: dict[Problem, None] = {}
    for loaded in scenarios:
        problems |= dict.fromkeys(testbed.problems(loaded))
    if problems:
        raise UserError(problems)


def check_rules(jobs: Sequence[Job]) -> None:
    """UserError with what is wrong with the rules of worlds, where the engine `rules` is asked about their systems."""
    from lab.engines.rules.shipped import shipped_tree

    worlds = {job.loaded.system.world.name for job in jobs if job.loaded.system.world and "rules" in job.engines}
    for world in sorted(worlds):
        shipped_tree(world)
