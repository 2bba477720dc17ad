"""The run record: what the lab sends to the services about a run (seed, clock, load). Times are scenario seconds.

Scenario second 0 is `start_unix_s`; `time_scale` scenario seconds pass per real second. Rates are real: compressed
time would thin the visits of each user, so a world shares the same rate among fewer of them.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

PAST_S = 300.0
"""How long people lived in a world before its warm-up begins."""


@dataclass(frozen=True)
class Run:
    """What a run is made of. `stages`: (length in scenario s, real requests per s), one after the other."""

    seed: int
    start_unix_s: float
    duration_s: float
    warmup_s: float
    stages: tuple[tuple[float, float], ...]
    time_scale: float = 1.0

    def __post_init__(self) -> None:
        if not (self.time_scale > 0 and self.duration_s > 0 and self.warmup_s >= 0 and self.stages):
            raise ValueError("expected a time scale and a duration above 0, a warm-up, and stages")

    @classmethod
    def from_json(cls, document: Any) -> Run:
        """Reads what `to_json` gives; ValueError or TypeError for anything else."""
        if not isinstance(document, dict):
            raise ValueError("expected a JSON object")
        stages = tuple((float(length_s), float(rate_per_s)) for length_s, rate_per_s in document.get("stages", ()))
        return cls(**{**document, "stages": stages})

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def unix_s(self, scenario_s: float) -> float:
        """The real time of a scenario time."""
        return self.start_unix_s + scenario_s / self.time_scale

    def scenario_s(self, unix_s: float) -> float:
        """The scenario time of a real time."""
        return (unix_s - self.start_unix_s) * self.time_scale

    @property
    def now_s(self) -> float:
        """Scenario time."""
        return self.scenario_s(time.time())

    @property
    def first_s(self) -> float:
        """Where the users' past begins."""
        return -self.warmup_s - PAST_S
