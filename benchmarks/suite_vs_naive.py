"""The shipped suite, as `make run` runs it, beside the naive SimPy model: its CPU, and when its first verdict comes.

Before and after each run of the suite the naive model of `engine_vs_naive.py` simulates its 20,000 requests in this
process; the suite's CPU, all its processes counted, is told in such rounds. Exit code 1 when the whole suite needs more
CPU than before verdicts were printed as they come, noise allowed for, or when the first verdict comes after a fifth of
the suite's time.

    python benchmarks/suite_vs_naive.py [rounds] [path of another version's lab]
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from end_to_end import spread
from engine_vs_naive import run_naive

NEEDED = 54.4
"""Naive rounds of CPU that the suite, of 21 scenarios, needed at c79266e, before verdicts were printed as they come."""
NOISE = 1.15
"""How far a busy machine moves the ratio of one round."""
MAY_NEED = NEEDED * NOISE
FIRST_VERDICT_BEFORE = 0.2
"""Share of the suite's time."""
ROUNDS = 1
LAB = Path(sys.executable).with_name("lab")
MARKS = ("✓ ", "✗ ", "? ", "! ")


class Took(NamedTuple):
    """What one run of the suite took: CPU and wall-clock seconds, and seconds until its first verdict."""

    cpu_s: float
    wall_s: float
    first_verdict_s: float


def run_suite(lab: Path, directory: str) -> Took:
    """Runs the suite in an empty directory, so that nothing can be reused."""
    command = [str(lab), "run", "recommender"]
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    first_s = float("inf")
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
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


def main(rounds: int, lab: Path) -> int:
    """Prints the figures; 1 when one of them is too high."""
    ratios, shares, naive_s = [], [], [run_naive(0, records=False).cpu_s]
    for seed in range(1, rounds + 1):
        with tempfile.TemporaryDirectory() as directory:
            took = run_suite(lab, directory)
        naive_s.append(run_naive(seed, records=False).cpu_s)
        ratios.append(took.cpu_s / ((naive_s[-2] + naive_s[-1]) / 2))
        shares.append(took.first_verdict_s / took.wall_s)
        print(f"suite: {took.cpu_s:.1f} s CPU, first verdict after {took.first_verdict_s:.1f} of {took.wall_s:.1f} s")
    print(f"naive model, a round: {spread(naive_s)} s CPU")
    print(f"suite / naive round: {spread(ratios)}, {NEEDED:g} before, at most {MAY_NEED:.1f}")
    print(f"first verdict / whole suite: {spread(shares)}, below {FIRST_VERDICT_BEFORE:g}")
    return int(median(ratios) > MAY_NEED or median(shares) >= FIRST_VERDICT_BEFORE)


if __name__ == "__main__":
    rounds_asked = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    sys.exit(main(rounds_asked, Path(sys.argv[2]) if len(sys.argv) > 2 else LAB))
