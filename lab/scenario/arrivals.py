"""When the requests of a load arrive: the same on every testbed, for the same seed."""

from __future__ import annotations

import numpy as np

from lab.clock import NS
from lab.scenario.model import Stage


def arrival_times_ns(stages: tuple[Stage, ...], start_s: float, wobble: float, rng: np.random.Generator) -> list[int]:
    """Poisson arrivals of a wobbling load: the stage's rate times a slow random factor around 1.

    The wobble is a sum of three sines with random phases and periods of 40 to 200 s, so that its relative
    standard deviation is `wobble`. A longer load begins with the same arrivals as a shorter one.
    """
    within_second = np.random.Generator(np.random.Philox(key=int(rng.integers(1 << 62))))
    end_s = start_s + sum(stage.for_s for stage in stages)
    edges = np.arange(start_s, end_s, 1.0)
    stage = np.searchsorted(np.cumsum([s.for_s for s in stages]), edges - start_s, side="right")
    rates = np.array([s.rate_per_s for s in stages])[np.minimum(stage, len(stages) - 1)]
    periods, phases = rng.uniform(40, 200, 3), rng.uniform(0, 2 * np.pi, 3)
    waves = np.sin(2 * np.pi * edges[:, None] / periods + phases).sum(axis=1)
    intensity = rates * np.clip(1 + wobble * waves * np.sqrt(2 / 3), 0.1, None)
    counts = rng.poisson(intensity)
    times = np.sort(np.repeat(edges, counts) + within_second.random(int(counts.sum())))
    arrivals_ns: list[int] = np.rint(times[times < end_s] * NS).astype(np.int64).tolist()
    return arrivals_ns
