"""Campaigns record the same bytes, whatever the hash seed, the number of jobs, and what a process recorded before."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lab.recording.opening import find_runs, open_run
from lab.runs.suite import load_suite
from tests.sim_runs import digests, text

SYSTEMS: Mapping[str, Mapping[str, Any]] = {
    "recommender": {"faults": [{"type": "network-partition", "target": "features->db", "at": "25s", "for": "20s"}]},
    "fraud": {"faults": [{"type": "network-latency", "target": "features->cache", "at": "25s", "for": "20s"}]},
}
"""Scenarios of the same name, so that nothing but the system tells them apart."""
WAYS = (("0", 1), ("1", 2), ("random", 2))
"""Hash seeds, and how many jobs run at once."""


def recorded(where: Path, targets: Sequence[str], *, hash_seed: str, jobs: int, seeds: int = 2) -> dict[str, str]:
    """Digests of all files that could be observed, by system, scenario, seed and name, of a campaign made anew."""
    command = [sys.executable, "-m", "lab", "run", *targets, "--seeds", str(seeds), "--jobs", str(jobs)]
    command += ["--runs-dir", str(where), "--engine", "chance", "--no-report", "--quiet", "--fresh"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONHASHSEED": hash_seed}, check=False, capture_output=True, text=True
    )
    assert done.returncode in (0, 1, 4), done.stderr
    found = {}
    for path in find_runs(where):
        run = open_run(path)
        name = f"{run.system}/{run.scenario}/{run.seed}"
        found |= {f"{name}/{file}": digest for file, digest in digests(run.observed).items()}
    return found


@pytest.mark.slow
def test_two_systems_in_one_process_record_what_each_records_alone(tmp_path: Path) -> None:
    """Plans of both are compiled in each process, and worlds of both are open, in another order each time."""
    files = []
    for system, content in SYSTEMS.items():
        (tmp_path / system).mkdir()
        file = tmp_path / system / "busy.scenario.yaml"
        file.write_text(text(name="busy", system=system, duration_s=60, rate_per_s=15, **content), encoding="utf-8")
        files.append(str(file))
    alone: dict[str, str] = {}
    for number, file in enumerate(files):
        alone |= recorded(tmp_path / f"alone-{number}", [file], hash_seed="0", jobs=1)
    assert sum(name.endswith("spans.parquet") for name in alone) == 4
    assert recorded(tmp_path / "in turn", files, hash_seed="1", jobs=1) == alone
    assert recorded(tmp_path / "at once", files[::-1], hash_seed="random", jobs=2) == alone


@pytest.mark.long
@pytest.mark.parametrize("suite", SYSTEMS)
def test_every_scenario_of_a_suite_records_the_same_bytes(tmp_path: Path, suite: str) -> None:
    ways = [
        recorded(tmp_path / f"{number}", [suite], hash_seed=hash_seed, jobs=jobs)
        for number, (hash_seed, jobs) in enumerate(WAYS)
    ]
    runs = {name.rpartition("/spans.parquet")[0] for name in ways[0] if name.endswith("/spans.parquet")}
    assert len(runs) == 2 * len(load_suite(suite).scenarios)
    assert ways[1] == ways[0]
    assert ways[2] == ways[0]
