"""What a figure over many cases is worth: intervals, and a paired test against a baseline.

The denominator is every case that could be judged. A failed engine is a case with value 0 and stays in; an inconclusive
case has no value, is left out and is counted beside the figure. Seeds of one scenario resemble each other, so the
scenario, not the run, is what intervals and tests resample.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist, fmean

CaseId = tuple[str, int]
"""Scenario name and seed: one case, however often it was repeated."""


@dataclass(frozen=True, slots=True)
class Score:
    """One graded case on one axis; `value` in [0, 1], None when inconclusive."""

    scenario: str
    seed: int
    value: float | None


@dataclass(frozen=True, slots=True)
class RateSummary:
    """A mean over cases with its interval; all three are None when no case could be judged.

    `n` counts judged cases, `scenarios` the distinct scenarios among them, `inconclusive` the cases left out.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    scenarios: int
    inconclusive: int

    def __str__(self) -> str:
        left_out = f", {self.inconclusive} inconclusive" if self.inconclusive else ""
        if self.value is None or self.low is None or self.high is None:
            return f"no case judged{left_out}"
        # Rounded outwards: however many cases, a perfect score never reads as certain.
        low, high = math.floor(self.low * 1000) / 1000, math.ceil(self.high * 1000) / 1000
        return f"{self.value:.3f} [{low:.3f}, {high:.3f}] ({self.n} cases of {self.scenarios} scenarios{left_out})"


def wilson_interval(successes: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval of a proportion (E. B. Wilson, JASA 22, 1927); expected values may make `successes` fractional."""
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} is not a proportion")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, spread = successes / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    # The formula gives exactly 0 and 1 at the ends; rounding must not move them inside.
    return (0.0 if successes == 0 else centre - half), (1.0 if successes == n else centre + half)


def clustered_bootstrap_interval(
    clusters: Sequence[Sequence[float]], *, seed: int = 0, resamples: int = 2000, confidence: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the pooled mean when whole clusters are drawn again with replacement.

    Davison and Hinkley, Bootstrap Methods and their Application (1997), section 3.8. The same input and seed give
    the same interval.
    """
    import numpy as np

    sums = np.array([math.fsum(values) for values in clusters])
    sizes = np.array([len(values) for values in clusters])
    drawn = np.random.default_rng(seed).integers(len(clusters), size=(resamples, len(clusters)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def summarise(scores: Iterable[Score], *, seed: int = 0) -> RateSummary:
    """The mean over cases with a 95 % interval that spans Wilson's over cases and the bootstrap over scenarios.

    Repeats of a case (same scenario and seed) are averaged first: they are no further cases. Where every case scored
    the same the bootstrap has no width and Wilson's remains; it then speaks of these scenarios, not of untried ones.
    """
    repeats: dict[CaseId, list[float]] = defaultdict(list)
    unknown: set[CaseId] = set()
    for score in scores:
        if score.value is None:
            unknown.add((score.scenario, score.seed))
        else:
            repeats[score.scenario, score.seed].append(score.value)
    inconclusive = len(unknown - repeats.keys())
    if not repeats:
        return RateSummary(None, None, None, 0, 0, inconclusive)
    clusters: dict[str, list[float]] = defaultdict(list)
    for (scenario, _), values in sorted(repeats.items()):
        clusters[scenario].append(fmean(values))
    n, total = len(repeats), math.fsum(value for values in clusters.values() for value in values)
    wilson = wilson_interval(min(max(total, 0.0), n), n)
    bootstrap = clustered_bootstrap_interval(list(clusters.values()), seed=seed)
    low, high = min(wilson[0], bootstrap[0]), max(wilson[1], bootstrap[1])
    return RateSummary(total / n, low, high, n, len(clusters), inconclusive)


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """An engine against a baseline on the same cases.

    `better` and `worse` count cases that only the engine, or only the baseline, passed. `p_value` treats cases as
    independent (exact McNemar); `clustered_p_value` lets whole scenarios swap sides. `unpaired` counts the cases
    that only one of the two has a verdict for: left out, never silently.
    """

    better: int
    worse: int
    p_value: float
    clustered_p_value: float
    n: int
    unpaired: int


def _sign_flip_p_value(differences: Iterable[int]) -> float:
    """Two-sided exact p-value of a sum when each difference is as likely to have had the other sign."""
    sizes = [abs(d) for d in differences if d]
    observed = abs(sum(d for d in differences))
    ways = {0: 1}
    for size in sizes:
        following: dict[int, int] = defaultdict(int)
        for total, count in ways.items():
            following[total + size] += count
            following[total - size] += count
        ways = following
    extreme = sum(count for total, count in ways.items() if abs(total) >= observed)
    return float(Fraction(extreme, 2 ** len(sizes)))


def mcnemar_exact(better: int, worse: int) -> float:
    """Two-sided exact p-value that discordant pairs fall either way with probability 1/2 (McNemar 1947, binomial)."""
    n = better + worse
    tail = sum(math.comb(n, i) for i in range(min(better, worse) + 1))
    return min(1.0, float(Fraction(2 * tail, 2**n)))


def compare(engine: Mapping[CaseId, bool | None], baseline: Mapping[CaseId, bool | None]) -> PairedComparison:
    """Pairs two engines' verdicts (True passed, False failed, None inconclusive) case by case and tests the difference.

    The clustered test is exact: under no difference the two engines are exchangeable within a scenario, so every
    scenario's net count of better cases may take either sign. With one case a scenario it equals McNemar's.
    """
    net: dict[str, int] = defaultdict(int)
    better = worse = n = 0
    cases = engine.keys() | baseline.keys()
    for case in sorted(cases):
        ours, theirs = engine.get(case), baseline.get(case)
        if ours is None or theirs is None:
            continue
        n += 1
        better += ours and not theirs
        worse += theirs and not ours
        net[case[0]] += int(ours) - int(theirs)
    clustered = _sign_flip_p_value(list(net.values()))
    return PairedComparison(better, worse, mcnemar_exact(better, worse), clustered, n, len(cases) - n)
