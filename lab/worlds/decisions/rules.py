"""Business rules: what becomes of a scored payment. The Python twin of the Java rules, and of the simulator's kernel.

Whole numbers only (millionths), so that no language's arithmetic can decide otherwise.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

APPROVE, REVIEW, DECLINE = range(3)
DECISIONS = ("approve", "review", "decline")


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
