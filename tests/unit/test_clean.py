"""Superseded recordings are removed, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.errors import ExitCode
from lab.recording.opening import find_runs
from tests.cli_cases import lab, run, run_json


def make_two_versions() -> tuple[Path, Path]:
    """An old and a new recording of one scenario and seed, and one of another seed."""
    run("quiet.scenario.yaml", "--seeds", 2)
    old, _ = find_runs(Path("runs"))
    os.utime(old / "run.json", (1, 1))
    scenario = Path("quiet.scenario.yaml")
    scenario.write_text(scenario.read_text() + "title: changed\n")
    run("quiet.scenario.yaml")
    (new,) = (path for path in find_runs(Path("runs")) if path.name.startswith("3-") and path != old)
    return old, new


def test_of_each_scenario_and_seed_the_latest_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = make_two_versions()
    capsys.readouterr()
    _, document = run_json(capsys, "clean", "--dry-run")
    assert document["removed"] == [str(old)]
    assert document["bytes"] > 1000
    assert old.is_dir()
    assert lab("clean") == ExitCode.OK
    assert not old.exists()
    assert new.is_dir()
    assert len(find_runs(Path("runs"))) == 2
    assert "1 recording removed" in capsys.readouterr().out


def test_all_removes_every_recording_and_nothing_else(folder: Path) -> None:
    make_two_versions()
    (folder / "runs" / "quiet" / "notes").mkdir()
    (folder / "runs" / "quiet" / "notes" / "run.json").write_text("{}")
    (folder / "runs" / "mine.txt").write_text("mine")
    assert lab("clean", "--all") == ExitCode.OK
    assert [path.name for path in find_runs(Path("runs"))] == ["notes"]
    assert (folder / "runs" / "mine.txt").read_text() == "mine"


def test_where_there_are_no_recordings_there_is_nothing_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("clean", "--runs-dir", "nowhere") == ExitCode.OK
    assert "0 recordings removed" in capsys.readouterr().out
