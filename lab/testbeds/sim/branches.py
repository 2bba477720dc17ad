"""Moments of a run from which it can be gone on with otherwise: what a run without a fault shares with it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lab.scenario import DecoyUse, FaultUse
from lab.testbeds.sim.testbed import SimTestbed

Done = tuple[float, FaultUse | DecoyUse, bool]
"""Scenario second, what was injected or reverted, and whether it was injected"""


@dataclass(frozen=True, slots=True)
class Branch:
    """A testbed as it was when `position` uses had been injected or reverted. `active`: ids of those that were in.

    Another run that begins here cannot revert them: what puts their levers back belongs to this run.
    """

    position: int
    active: frozenset[str]
    testbed: SimTestbed


def latest(branches: Sequence[Branch], done: Sequence[Done], without: Collection[str]) -> Branch | None:
    """The latest branch before anything that is to be left out, from which all the rest can be done."""
    for branch in reversed(branches):
        before, after = done[: branch.position], done[branch.position :]
        reverted = {use.id for _, use, begins in after if not begins}
        if branch.active.isdisjoint(reverted) and all(use.id not in without for _, use, _ in before):
            return branch
    return None
