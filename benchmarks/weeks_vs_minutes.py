"""CPU of four weeks of a chain of jobs beside ten minutes of requests, each from the command to the verdict.

A shipped scenario of 28 days, a sample a day, beside the recommender's ten minutes at 50 requests/s of `end_to_end.py`:
run, full twin, diagnosis and grades of both, afresh and in a warm worker, in the same rounds.

    python benchmarks/weeks_vs_minutes.py [rounds]
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean

from end_to_end import RUN, WARM_RUNS, Warm, written
from measuring import LAB, Figure, cpu_s, reported, rounds_asked

from lab.cli.selection import SCENARIO
from lab.files.finding import find_file

ROUNDS = 5
WEEKS = "segmentation/features-kept"
GOAL = 1.0


def measure(rounds: int = ROUNDS) -> list[Figure]:
    """Both ratios, in the same rounds."""
    cold: list[float] = []
    warm: list[float] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        weeks = Path(name) / "weeks.scenario.yaml"
        weeks.write_text(find_file(WEEKS, SCENARIO, "scenario").read_text(encoding="utf-8"), encoding="utf-8")
        paths = (weeks, written("recommender", name))
        commands = [[*LAB, "run", path.name, *RUN] for path in paths]
        workers = [Warm(path) for path in paths]
        for command, worker in zip(commands, workers, strict=True):
            stack.callback(worker.close)
            cpu_s(command, name)
            worker.run_s()
            worker.run_s()
        for _ in range(rounds):
            longer, shorter = (cpu_s(command, name) for command in commands)
            cold.append(longer / shorter)
            longer, shorter = (fmean(worker.run_s() for _ in range(WARM_RUNS)) for worker in workers)
            warm.append(longer / shorter)
    return [
        Figure("segmentation: four weeks / recommender: ten minutes at 50/s, lab run", tuple(cold), GOAL),
        Figure("the same in a warm worker", tuple(warm), GOAL),
    ]


if __name__ == "__main__":
    sys.exit(reported(measure(rounds_asked(ROUNDS))))
