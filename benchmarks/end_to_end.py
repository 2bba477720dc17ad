"""CPU of a ten-minute scenario at 50 requests/s, from the command to the verdict, beside the naive SimPy model.

Of each shipped system twice: `lab run` started afresh, as its users start it, with all its processes and imports; and
the same job in a warm process, as workers of campaigns run it, its engine's process counted. Run, full twin, diagnosis
and grades are in it, the page is not. In the same round the naive model of `engine_vs_naive.py` merely simulates as
many requests as run and twin have; it records and judges nothing. Models are trained and kernels compiled by a first,
unmeasured run.

    python benchmarks/end_to_end.py [rounds]
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean
from time import process_time

from engine_vs_naive import run_naive
from measuring import LAB, Figure, cpu_s, reported, rounds_asked

ROUNDS = 5
WARM_RUNS = 3
"""Of each round, whose mean counts: one takes a second or two, in which a machine may be a third faster or slower."""
GOALS: dict[str, tuple[float, float]] = {"recommender": (0.5, 0.15), "fraud": (0.6, 0.25)}
"""By system: of `lab run`, and of the same in a warm process."""
REQUESTS = 2 * 600 * 50
"""Of the run and of its twin."""
SCENARIO = """\
schema_version: 1
name: ten-minutes
system: {system}
seed: 1
duration: 600s
load: {{stages: [{{for: 600s, rate: 50/s}}]}}
faults:
  - {{id: f1, type: network-partition, target: features->db, at: 240s, for: 180s, with: {{fraction: 50%}}}}
decoys:
  - {{id: d1, type: deploy, target: model, at: 220s}}
"""
"""In both systems the features come from a cache, and where it misses from a database."""
RUN = ("--engine", "rules", "--fresh", "--no-report", "--json", "--jobs", "1")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def written(system: str, directory: str | Path) -> Path:
    """The scenario's file for a system."""
    path = Path(directory) / f"{system}.scenario.yaml"
    path.write_text(SCENARIO.format(system=system), encoding="utf-8")
    return path


def naive_s(seed: int, requests: int) -> float:
    """CPU of the naive model for so many requests, all of which it simulates; it keeps no spans."""
    return run_naive(seed, requests, records=False).cpu_s


def living_children_s() -> float:
    """CPU so far of this process' living children and theirs, and of their children that have ended."""
    total, parents = 0.0, {os.getpid()}
    for stat in sorted(Path("/proc").glob("[0-9]*/stat"), key=lambda path: int(path.parent.name)):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) in parents:
            parents.add(int(stat.parent.name))
            total += sum(map(int, fields[11:15])) * TICK_S
    return total


class Warm:
    """A worker's process: the same job again and again, its engine's process waiting in between."""

    def __init__(self, path: Path) -> None:
        from lab.engines.host import EngineHost
        from lab.runs.campaign import Job
        from lab.scenario import load_scenario

        self._job = Job(load_scenario(path), 1, ("rules",), fresh=True)
        self._root = path.parent / "warm"
        self._stack = ExitStack()
        self._host = self._stack.enter_context(EngineHost())

    def run_s(self) -> float:
        """CPU of one more job, recorded anew."""
        from lab.runs.campaign import run_job

        gc.collect()
        # To look at children takes CPU too, which is not the job's.
        children_s = living_children_s()
        began_s = process_time()
        result = run_job(self._job, self._root, self._host)
        took_s = process_time() - began_s
        took_s += living_children_s() - children_s
        if not result.assessments:
            raise SystemExit(f"the job came to nothing: {result.problem}")
        return took_s

    def close(self) -> None:
        """Ends the engine's process."""
        self._stack.close()


def measure(rounds: int = ROUNDS) -> list[Figure]:
    """Both ratios of each system, in the same rounds."""
    cold: dict[str, list[float]] = {system: [] for system in GOALS}
    warm: dict[str, list[float]] = {system: [] for system in GOALS}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        runs, workers = {}, {}
        for system in GOALS:
            path = written(system, name)
            runs[system] = [*LAB, "run", path.name, *RUN]
            cpu_s(runs[system], name)
            workers[system] = Warm(path)
            stack.callback(workers[system].close)
            workers[system].run_s()
            workers[system].run_s()
        for seed in range(rounds):
            naive = naive_s(seed, REQUESTS)
            for system in GOALS:
                cold[system].append(cpu_s(runs[system], name) / naive)
                warm[system].append(fmean(workers[system].run_s() for _ in range(WARM_RUNS)) / naive)
    return [
        figure
        for system, (goal, warm_goal) in GOALS.items()
        for figure in (
            Figure(f"{system}: ten minutes at 50/s, lab run / naive", tuple(cold[system]), goal),
            Figure(f"{system}: the same in a warm worker / naive", tuple(warm[system]), warm_goal),
        )
    ]


if __name__ == "__main__":
    sys.exit(reported(measure(rounds_asked(ROUNDS))))
