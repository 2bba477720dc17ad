"""What length costs: the shipped scenario of 48 hours beside the naive SimPy model, and requests from 10⁴ to 10⁷.

python benchmarks/long_run.py days          `lab run` of the 48 hours with twin, diagnosis and grades: CPU, memory
python benchmarks/long_run.py flat [most]   the chain through the recorder, 1 % of traces kept: CPU, memory
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

from end_to_end import naive_s
from measuring import ENVIRONMENT, LAB, Figure, reported

from lab.scenario import load_scenario

SCENARIO = "recommender/slow-staleness"
DAYS_GOAL, MEMORY_GOAL_GB, FLAT_GOAL = 0.25, 1.5, 1.2
COUNTS = (10_000, 100_000, 1_000_000, 10_000_000)
NAIVE_SAMPLE = 100_000
"""Requests that the naive model simulates before, and again after: one costs it as much however many there are."""
TIMEOUT_S = 4 * 3600


class Peak(threading.Thread):
    """The most memory that a process and its descendants hold together (resident, shared pages counted once each)."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self.bytes = 0
        self.is_over = False

    def run(self) -> None:
        while not self.is_over:
            self.bytes = max(self.bytes, sum(_held(pid) for pid in _family(self._pid)))
            time.sleep(0.2)


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def _held(pid: int) -> int:
    """Its proportional set size, so that shared pages count once over all processes."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def days(name: str = SCENARIO, *, more: tuple[str, ...] = ()) -> tuple[list[Figure], str]:
    """The scenario from the command to the verdict; and the verdict."""
    requests = 2 * load_scenario(name).scenario.requests
    naive = naive_s(1, NAIVE_SAMPLE)
    with tempfile.TemporaryDirectory() as directory:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        words = [*LAB, "run", name, "--engine", "rules", "--fresh", "--jobs", "1", "--json", *more]
        with subprocess.Popen(
            words, cwd=directory, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            peak = Peak(process.pid)
            peak.start()
            printed, _ = process.communicate(timeout=TIMEOUT_S)
            peak.is_over = True
        wall_s = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if process.returncode not in (0, 1):
            raise SystemExit(f"{' '.join(words)} ended with exit code {process.returncode}")
        kept = sum(path.stat().st_size for path in Path(directory).glob("runs/*/*/observed/**/*") if path.is_file())
    took_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    naive = (naive + naive_s(2, NAIVE_SAMPLE)) / 2 * requests / NAIVE_SAMPLE
    detail = f"{requests / 1e6:.1f} million requests with the twin, {wall_s / 60:.1f} min, {kept / 1e6:.0f} MB on disk"
    return [
        Figure(f"{name} / naive", (took_s / naive,), DAYS_GOAL, detail=detail),
        Figure("its memory, GB", (peak.bytes / 1e9,), MEMORY_GOAL_GB, digits=2, detail="all processes together"),
    ], verdict(printed)


def verdict(printed: bytes) -> str:
    """What the run was said to be, in a line."""
    (case,) = json.loads(printed)["cases"]
    named = [f"{found['kind']} of {found['culprit']}" for found in case["answer"].get("findings", [])]
    grades = ", ".join(f"{grade['grader']} {grade['outcome']}" for grade in case["grades"])
    return f"{case['outcome']}: {case['answer']['verdict']}, {'; '.join(named) or 'nothing named'} ({grades})"


def flat(most: int = COUNTS[-1]) -> list[Figure]:
    """CPU of a request by how many there are; each count in a process of its own, for its memory.

    With what each recording costs that holds nearly nothing, and without it.
    """
    found = {}
    for count in (count for count in COUNTS if count <= most):
        words = [sys.executable, __file__, "count", str(count)]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, cwd=os.getcwd())
        found[count] = json.loads(done.stdout)
    us = [one["us"] for one in found.values()]
    more_us = [one["us"] - one["empty_ms"] * 1e3 / one["requests"] for one in found.values()]
    detail = ", ".join(f"{count:.0e}: {one['us']:.2f} µs, {one['mb']:.0f} MB" for count, one in found.items())
    empty = f"a recording of hardly any requests takes {median(one['empty_ms'] for one in found.values()):.0f} ms"
    return [
        Figure("CPU of a request, most / least", (max(us) / min(us),), FLAT_GOAL, digits=2, detail=detail),
        Figure("the same without what an empty recording costs", (max(more_us) / min(more_us),), FLAT_GOAL, digits=2,
               detail=empty),
    ]  # fmt: skip


def count_alone(count: int) -> None:
    """Prints CPU a request and peak memory of so many requests of the chain, which are recorded with 1 % of traces.

    Few requests are recorded several times; the median counts.
    """
    from recorded_chain import recorded

    from lab.runs.memory import keep_pages

    keep_pages()  # as processes do that make recordings
    recorded(COUNTS[0])
    gc.collect()
    empty_s = median(recorded(60, rate_per_s=0.5)[0] for _ in range(5))
    took = [recorded(count) for _ in range(max(1, 10 * COUNTS[0] // count))]
    requests = took[0][1]
    us = median(took_s for took_s, _ in took) / requests * 1e6
    print(json.dumps({"us": us, "requests": requests, "empty_ms": empty_s * 1e3, "mb": _peak_mb()}))


def _peak_mb() -> float:
    """The most memory that this process has held; `ru_maxrss` would begin with what its parent held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM:"))


def main(words: list[str]) -> int:
    match words:
        case ["days", *more]:
            figures, told = days(more=tuple(more))
            print(told)
            return reported(figures)
        case ["flat", *most]:
            return reported(flat(int(float(most[0])) if most else COUNTS[-1]))
        case ["count", count]:
            count_alone(int(count))
            return 0
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
