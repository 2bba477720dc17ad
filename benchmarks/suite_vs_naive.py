"""The suite as it was when the compiled plane was begun, recorded anew, beside the naive SimPy model.

The list of scenarios is frozen here, with the requests of a run and of each of its full twins; the naive model of
`engine_vs_naive.py` merely simulates a tenth of as many before and as many after each run of the suite. The suite's CPU
is that of all its processes, pages and imports included; models trained before are used again. Also told: when the
first verdict comes.

    python benchmarks/suite_vs_naive.py [rounds] [path of another version's lab]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from end_to_end import naive_s
from measuring import ENVIRONMENT, Figure, reported, rounds_asked

from lab.scenario import load_scenario

ROUNDS = 1
GOAL, FIRST_VERDICT_GOAL = 0.25, 0.2
"""Of the naive model's CPU, and of the suite's time."""
LAB = Path(sys.executable).with_name("lab")
MARKS = ("✓ ", "✗ ", "? ", "! ")
NAIVE_SHARE = 0.1
"""Of the requests the naive model simulates this before each run of the suite, and again after it: a request costs it
as much whether there are a hundred thousand or a million."""
SUITE = tuple(
    f"recommender/{name}"
    for name in (
        "control-quiet", "control-deploy-and-surge", "control-flash-sale", "partition-blamed-on-model",
        "partition-one-way", "partition-mild", "feed-partitioned", "latency-to-model", "latency-mild",
        "cpu-throttle-model", "cpu-throttle-mild", "deploy-regression", "deploy-stale-cache", "deploy-rescaled-column",
        "stale-cache-mild", "column-renamed", "column-retyped-mild", "column-nulled-mild", "feed-stall",
        "beyond-timeout", "night-partition-mild", "two-faults",
    )
)  # fmt: skip


class Took(NamedTuple):
    """What one run of the suite took: CPU and wall-clock seconds, and seconds until its first verdict."""

    cpu_s: float
    wall_s: float
    first_verdict_s: float


def requests() -> float:
    """Requests of all runs and full twins: without each fault, and without all of them where there are decoys too."""
    total = 0.0
    for name in SUITE:
        scenario = load_scenario(name).scenario
        twins = len(scenario.faults) + (len(scenario.faults) > 1 and bool(scenario.decoys))
        total += scenario.requests * (1 + twins)
    return total


def run_suite(lab: Path, directory: str) -> Took:
    """Runs the suite in an empty directory, so that nothing can be reused."""
    command = [str(lab), "run", *SUITE, "--engine", "rules", "--fresh"]
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    first_s = float("inf")
    environment = {**ENVIRONMENT, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(
        command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(MARKS):
                first_s = min(first_s, time.monotonic() - began_s)
    wall_s = time.monotonic() - began_s
    if process.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall_s, first_s)


def measure(rounds: int = ROUNDS, lab: Path = LAB) -> list[Figure]:
    """The suite's CPU, and its first verdict."""
    count, ratios, firsts = requests(), [], []
    for seed in range(rounds):
        simulated = NAIVE_SHARE * count
        naive = naive_s(seed, round(simulated))
        with tempfile.TemporaryDirectory() as directory:
            took = run_suite(lab, directory)
        naive = (naive + naive_s(seed + rounds, round(simulated))) / 2 / NAIVE_SHARE
        ratios.append(took.cpu_s / naive)
        firsts.append(took.first_verdict_s / took.wall_s)
    detail = f"{count / 1e3:.0f} thousand requests in {len(SUITE)} scenarios with their twins"
    return [
        Figure("suite, recorded anew / naive", tuple(ratios), GOAL, detail=detail),
        Figure("first verdict / whole suite, wall-clock", tuple(firsts), FIRST_VERDICT_GOAL),
    ]


if __name__ == "__main__":
    sys.exit(reported(measure(rounds_asked(ROUNDS), Path(sys.argv[2]) if len(sys.argv) > 2 else LAB)))
