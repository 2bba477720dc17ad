"""CPU of one ten-minute scenario at 50 requests/s: run, twin, diagnosis, grades, imports included.

`lab run` is started afresh as its users start it, and all CPU of its processes is counted. The models are trained
and cached by a first, unmeasured run. Exit code 1 above 10 s of CPU, or when the recorder's buffer holds 100 bytes a
span or more.

    python benchmarks/end_to_end.py [rounds]
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

MAX_CPU_S = 10.0
MAX_BYTES_A_SPAN = 100.0
ROUNDS = 3
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
testbed.run()
recorder = testbed._recorder
print(recorder.buffer_bytes / recorder.spans_count)
"""


def cpu_s(command: list[str], directory: str) -> tuple[float, str]:
    """CPU seconds of a command with all its processes, and what it printed; an error where it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=directory, check=True, stdout=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout


def main(rounds: int) -> int:
    """Prints the figures; 1 when one of them is too high."""
    run = [
        sys.executable,
        "-m",
        "lab",
        "run",
        "ten.scenario.yaml",
        "--engine",
        "rules",
        "--no-report",
        "--fresh",
        "--json",
        "--jobs",
        "1",
    ]
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "ten.scenario.yaml").write_text(SCENARIO, encoding="utf-8")
        cpu_s(run, directory)
        took = sorted(cpu_s(run, directory)[0] for _ in range(rounds))
        _, printed = cpu_s([sys.executable, "-c", BUFFER], directory)
    bytes_a_span = json.loads(printed)
    print(f"run, twin, diagnosis and grades: {took[len(took) // 2]:.2f} s CPU (of {rounds} rounds {took[0]:.2f} to "
          f"{took[-1]:.2f}; at most {MAX_CPU_S:g})")  # fmt: skip
    print(f"recorder's buffer: {bytes_a_span:.1f} bytes a span side, unused room included (below {MAX_BYTES_A_SPAN:g})")
    return int(took[len(took) // 2] > MAX_CPU_S or bytes_a_span >= MAX_BYTES_A_SPAN)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
