"""Cases and answers as they may come, for holding the page's grading against the graders'."""

from __future__ import annotations

from pathlib import Path
from random import Random

from lab.contracts import (
    Boundary,
    Case,
    Diagnosis,
    Finding,
    GradingOptions,
    TrueDecoy,
    TrueDegradation,
    TrueFault,
    Truth,
    Verdict,
)

ELEMENTS = ("db", "cache", "features->db", "shoppers")
KINDS = ("network-partition", "stale-cache", "feed-stall")
BOUNDARIES = (Boundary.NETWORK, Boundary.RESOURCE, Boundary.EXTERNAL)
TIMES_S = (80.0, 95.0, 100.0, 110.0, 130.0, 220.0)
CONFIDENCES = (0.3, 0.5, 0.5, 0.9)
"""Few, so that many findings are tied."""


def cases(count: int, seed: int) -> list[Case]:
    """So many cases: none, one or several faults, decoys, degraded controls; every verdict, ties and repetitions."""
    random = Random(seed)
    return [_case(random) for _ in range(count)]


def _case(random: Random) -> Case:
    faults = tuple(_fault(random, i) for i in range(random.choice((0, 1, 1, 1, 2, 3))))
    decoys = tuple(TrueDecoy(f"d{i}", "deploy", random.choice(ELEMENTS), 90.0) for i in range(random.randrange(3)))
    degraded = None if faults or random.random() < 0.6 else TrueDegradation("db", "shoppers", ("latency",))
    alerts = ("latency",) if random.random() < 0.5 else ()
    requests = random.choice((None, 20, 5000))
    options = GradingOptions(3, 15.0)
    return Case(Truth(faults, decoys, degraded), _answer(random), options, Path(), {}, requests, alerts)


def _fault(random: Random, number: int) -> TrueFault:
    injected_s = random.choice((100.0, 100.0, 200.0))
    witnessed_s = random.choice((None, injected_s + 5.0, injected_s + 20.0, injected_s + 5.0))
    where = random.choice(ELEMENTS), random.choice(BOUNDARIES)
    return TrueFault(f"f{number}", random.choice(KINDS), where[0], str(where[1]), injected_s, 300.0, witnessed_s)


def _answer(random: Random) -> Diagnosis:
    verdict = random.choice((Verdict.FAULT,) * 6 + (Verdict.HEALTHY, Verdict.UNSURE))
    if verdict is Verdict.HEALTHY:
        return Diagnosis(verdict)
    least = 1 if verdict is Verdict.FAULT else 0
    found = [_finding(random) for _ in range(random.randint(least, 6))]
    return Diagnosis(verdict, tuple(sorted(found, key=lambda one: -one.confidence)))


def _finding(random: Random) -> Finding:
    onset_s = random.choice((None, *TIMES_S))
    names = random.choice(ELEMENTS), str(random.choice(BOUNDARIES)), random.choice(KINDS)
    return Finding(*names, onset_s, random.choice(CONFIDENCES))
