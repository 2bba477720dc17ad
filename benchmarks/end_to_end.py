"""CPU of one ten-minute scenario at 50 requests/s beside the naive SimPy model: run, twin, diagnosis, grades, imports.

`lab run` is started afresh as its users start it, and all CPU of its processes is counted. In the same round the naive
model of `engine_vs_naive.py` merely simulates as many requests as run and twin have, without recording or judging
anything. The models are trained and cached by a first, unmeasured run. Exit code 1 when `lab run` needs more than twice
the naive model's CPU (it needed 1.5 times as much when this was written), or when the recorder's buffer holds 100 bytes
a span or more.

    python benchmarks/end_to_end.py [rounds]
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from engine_vs_naive import REQUESTS as NAIVE_REQUESTS
from engine_vs_naive import run_naive

MAY_NEED = 2.0
MAX_BYTES_A_SPAN = 100.0
ROUNDS = 3
REQUESTS = 2 * 600 * 50
"""Of the run and of its twin."""
SCENARIO = """\
schema_version: 1
name: ten-minutes
system: recommender
seed: 1
duration: 600s
load: {stages: [{for: 600s, rate: 50/s}]}
faults:
  - {id: f1, type: network-partition, target: features->db, at: 240s, for: 180s, with: {fraction: 50%}}
decoys:
  - {id: d1, type: deploy, target: model, at: 220s}
"""
BUFFER = """
from pathlib import Path
from lab.scenario import load_scenario
from lab.testbeds.sim import SimTestbed

testbed = SimTestbed(load_scenario(Path("ten.scenario.yaml")), 1)
testbed.advance(600)
recorder = testbed._recorder
print(recorder.buffer_bytes / recorder.spans_count)
"""
RUN = ("run", "ten.scenario.yaml", "--engine", "rules", "--fresh", "--no-report", "--json", "--jobs", "1")


def cpu_s(command: list[str], directory: str) -> tuple[float, str]:
    """CPU seconds of a command with all its processes, and what it printed; an error where it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=directory, check=True, stdout=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout


def spread(values: list[float]) -> str:
    """The median of some rounds, and from where to where they lie."""
    return f"{median(values):.2f} (of {len(values)} rounds {min(values):.2f} to {max(values):.2f})"


def main(rounds: int) -> int:
    """Prints the figures; 1 when one of them is too high."""
    run = [sys.executable, "-m", "lab", *RUN]
    took, naive = [], []
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "ten.scenario.yaml").write_text(SCENARIO, encoding="utf-8")
        cpu_s(run, directory)
        for seed in range(rounds):
            naive.append(run_naive(seed, records=False).cpu_s * REQUESTS / NAIVE_REQUESTS)
            took.append(cpu_s(run, directory)[0])
        _, printed = cpu_s([sys.executable, "-c", BUFFER], directory)
    ratios = [own / other for own, other in zip(took, naive, strict=True)]
    bytes_a_span = json.loads(printed)
    print(f"run, twin, diagnosis and grades: {spread(took)} s CPU")
    print(f"naive model, {REQUESTS} requests: {spread(naive)} s CPU")
    print(f"lab run / naive: {spread(ratios)}, at most {MAY_NEED:g}")
    print(f"recorder's buffer: {bytes_a_span:.1f} bytes a span side, unused room included (below {MAX_BYTES_A_SPAN:g})")
    return int(median(ratios) > MAY_NEED or bytes_a_span >= MAX_BYTES_A_SPAN)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
