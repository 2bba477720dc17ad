"""A world without users: the help desk under `examples/world`, asked by a job alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.cli import main
from lab.errors import ExitCode
from tests.distributions import installed_here

EXAMPLE = Path(__file__).parents[2] / "examples" / "world"
SYSTEM = """\
schema_version: 1
name: asked-by-a-job
world: {name: desk, settings: {topics: 6}}
warmup: 30s
components:
  asking: {kind: job, period: 10s, steps: [{name: ask, call: desk, operation: take_question, timeout: 2s}]}
  desk: {kind: service, workers: 8, service_time: {mean: 5ms}}
links: {asking->desk: {}}
slos: [{name: fresh, sli: job_age_periods, above: 1.75, for: 30s}]
"""
STALLED = {
    "schema_version": 1,
    "name": "stalled",
    "system": "jobs.system.yaml",
    "duration": "300s",
    "faults": [{"id": "f1", "type": "feed-stall", "target": "asking", "at": "120s", "for": "100s"}],
}


def test_its_tables_are_empty_and_its_fault_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("jobs.system.yaml").write_text(SYSTEM, encoding="utf-8")
    Path("stalled.scenario.yaml").write_text(json.dumps(STALLED), encoding="utf-8")
    Path("site").mkdir()
    with installed_here(EXAMPLE, tmp_path / "site"):
        code = main(["run", "stalled.scenario.yaml", "--engine", "rules", "--jobs", "1", "--runs-dir", "runs"])
    assert code == ExitCode.OK, capsys.readouterr().out
    [recorded] = Path("runs/stalled").glob("*/observed/questions.parquet")
    assert recorded.stat().st_size > 0
