"""What a cold `lab run` loads: nothing that takes longer to import than the run it is for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lab.runs.runner import run_scenario
from tests.simulated import scenario

FAULT = {"type": "network-partition", "target": "desk->db", "at": "50s", "for": "30s"}
HEAVY = ("pandas", "scipy", "sklearn", "numba")


def test_a_run_with_twin_answer_grades_and_report_loads_no_pandas_scipy_sklearn_or_numba(tmp_path: Path) -> None:
    loaded = scenario(tmp_path, duration_s=100, rate_per_s=5, faults=[FAULT])
    run_scenario(loaded, 1, tmp_path / "before")  # trains the model and compiles the kernel where they are not yet kept
    command = ["run", str(loaded.path), "--seed", "1", "--runs-dir", str(tmp_path / "runs"), "--engine", "rules"]
    code = (
        f"import sys; from lab.cli import main; code = main({command!r})\n"
        f"print('loaded', code, *sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["loaded", "0"]
    [page] = (tmp_path / "runs").glob("*/*/report.html")
    assert "partition" in page.read_text(encoding="utf-8")
