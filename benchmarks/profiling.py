"""Where a warm run spends its CPU: cProfile of one job of `end_to_end.py`, and the kernel's share.

Compiled kernels are one line each (`kernels.py … call`). The engine runs in a process of its own and is not in it.

    python benchmarks/profiling.py [rows]
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import tempfile
from pathlib import Path
from time import process_time

from end_to_end import SCENARIO, Warm

ROWS = 35


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "ten.scenario.yaml"
        path.write_text(SCENARIO, encoding="utf-8")
        worker = Warm(path)
        for _ in range(2):
            worker.run_s()
        profile = cProfile.Profile(process_time)
        profile.enable()
        worker.run_s()
        profile.disable()
        worker.close()
    pstats.Stats(profile).sort_stats("tottime").print_stats(rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
