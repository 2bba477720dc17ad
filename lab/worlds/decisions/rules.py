"""Business rules: what becomes of a scored payment. The Python twin of the Java rules, and of the simulator's kernel.

Whole numbers only (millionths), so that no language's arithmetic can decide otherwise.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lab.systems.topology import System
    from lab.worlds.decisions.population import Population

APPROVE, REVIEW, DECLINE = range(3)
DECISIONS = ("approve", "review", "decline")
MICRO = 1_000_000
BLOCKED_SHARE = 0.005
"""Share of the merchants on the block list."""
_LIMITS = {"review_micro": "hold", "decline_micro": "decline"}
"""By threshold, the own code that a system's file limits by it."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the bank may change without a release.

    Scores in millionths. `blocked`: merchants whose payments are declined. ValueError outside of 0 to 1,000,000, or
    where review begins above decline.
    """

    review_micro: int = 80_000
    decline_micro: int = 400_000
    blocked: Collection[int] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if not 0 <= self.review_micro <= self.decline_micro <= 1_000_000:
            raise ValueError(
                f"expected 0 <= review_micro <= decline_micro <= 1000000, got {self.review_micro}, {self.decline_micro}"
            )


def decide(score_micro: int, merchant: int, thresholds: Thresholds) -> int:
    """APPROVE, REVIEW or DECLINE of a payment; `score_micro` is -1 where no model scored it, which exceeds nothing."""
    if merchant in thresholds.blocked or score_micro > thresholds.decline_micro:
        return DECLINE
    return REVIEW if score_micro > thresholds.review_micro else APPROVE


def block_list(population: Population) -> list[int]:
    """The merchants whose payments are declined: where fraudsters go most often for what they sell."""
    worst = np.argsort(-population.risk / population.popularity, kind="stable")
    found: list[int] = worst[: round(BLOCKED_SHARE * len(worst))].tolist()
    return found


def thresholds_of(system: System, population: Population) -> Thresholds:
    """The thresholds that a system's file gives its rules (the limits of `when`), and the world's block list."""
    limits = {
        step.run: step.when.above
        for component in system.components.values()
        for step in component.steps
        if step.run and step.when and step.when.above is not None
    }
    given = {threshold: round(limits[run] * MICRO) for threshold, run in _LIMITS.items() if run in limits}
    return Thresholds(**given, blocked=block_list(population))
