"""Moments of a run from which it can be gone on with otherwise: what a run without a fault shares with it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lab.scenario import DecoyUse, FaultUse
from lab.testbeds.driver import Deed
from lab.testbeds.sim.testbed import SimTestbed


@dataclass(frozen=True, slots=True)
class Done:
    """What was done at a scenario second: a use was injected or reverted, or a person did something."""

    at_s: float
    what: FaultUse | DecoyUse | Deed
    is_revert: bool = False

    @property
    def use(self) -> str:
        """The id of the use; empty for what a person did."""
        return "" if isinstance(self.what, Deed) else self.what.id


@dataclass(frozen=True, slots=True)
class Branch:
    """A testbed as it was when `position` things had been done. `active`: ids of the uses that were in.

    Another run that begins here cannot revert them: what puts their levers back belongs to this run.
    """

    position: int
    active: frozenset[str]
    testbed: SimTestbed


def latest(branches: Sequence[Branch], done: Sequence[Done], without: Collection[str]) -> Branch | None:
    """The latest branch before anything that is to be left out, from which all the rest can be done."""
    for branch in reversed(branches):
        before, after = done[: branch.position], done[branch.position :]
        reverted = {one.use for one in after if one.is_revert}
        if branch.active.isdisjoint(reverted) and all(one.use not in without for one in before):
            return branch
    return None
