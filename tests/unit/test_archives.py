"""Recordings as they come out of an archive: a broken one hides no other, and one that is only read is graded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main
from lab.errors import ExitCode
from lab.recording import rundir

CHAIN = Path(__file__).parents[1] / "systems" / "chain.system.yaml"
QUIET = f"""\
schema_version: 1
name: quiet
system: {CHAIN}
duration: 60s
load: {{stages: [{{for: 60s, rate: 8/s}}]}}
"""


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[Path]:
    """Three recordings of a control, each graded for an engine that saw a fault there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    Path("quiet.scenario.yaml").write_text(QUIET, encoding="utf-8")
    main(["run", "quiet.scenario.yaml", "--engine", "constant", "--seeds", "1-3", "--jobs", "1", "--no-report"])
    capsys.readouterr()
    return sorted(Path("runs/quiet").iterdir())


def break_answer(run: Path) -> Path:
    (run / "diagnosis" / "constant.json").write_text('{"engine": "constant", "verdict": "guilty"}', encoding="utf-8")
    return run / "diagnosis" / "constant.json"


def break_run_file(run: Path) -> Path:
    text = (run / "run.json").read_text(encoding="utf-8")
    (run / "run.json").write_text(text.replace('"seed": 3', '"seed": 4'), encoding="utf-8")
    return run / "run.json"


def test_the_good_recordings_are_graded_and_every_problem_is_reported(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = [break_answer(runs[1]), break_run_file(runs[2])]
    assert main(["grade", "runs", "--json"]) == ExitCode.INVALID
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert [case["seed"] for case in document["cases"]] == [1]
    assert document["exit_code"] == ExitCode.INVALID
    assert sorted(problem["file"] for problem in document["problems"]) == sorted(map(str, broken))
    assert all(f"{file}: " in printed.err for file in broken)
    assert "internal error" not in printed.err


def test_the_good_recordings_get_pages_and_every_problem_is_reported(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = [break_answer(runs[1]), break_run_file(runs[2])]
    (runs[0] / "grades" / "other.json").write_text("{}", encoding="utf-8")
    broken.append(runs[0] / "grades" / "other.json")
    assert main(["report", "runs"]) == ExitCode.INVALID
    assert not Path("runs/index.html").exists()
    assert all(f"{file}: " in capsys.readouterr().err for file in broken[2:])
    broken[2].unlink()
    assert main(["report", "runs"]) == ExitCode.INVALID
    assert "quiet" in (runs[0] / "report.html").read_text(encoding="utf-8")
    index = Path("runs/index.html").read_text(encoding="utf-8")
    assert f'href="{runs[0].relative_to("runs")}/report.html"' in index


def test_the_good_recordings_are_diagnosed(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    break_run_file(runs[2])
    assert main(["diagnose", "runs", "nowhere", "--engine", "constant", "--json"]) == ExitCode.INVALID
    document = json.loads(capsys.readouterr().out)
    assert [answer["seed"] for answer in document["diagnoses"]] == [1, 2]
    assert [problem["what"] for problem in document["problems"]] == ["no such directory", "recording was changed"]


def test_nothing_but_broken_recordings_is_invalid_input(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    broken = break_run_file(runs[2])
    for command in ("grade", "report", "diagnose"):
        assert main([command, str(runs[2])]) == ExitCode.INVALID
        printed = capsys.readouterr()
        assert (printed.out, printed.err.split(": ")[0]) == ("", str(broken))


def test_a_recording_that_cannot_be_written_to_is_graded_all_the_same(
    runs: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(rundir, "write_json", refuse)
    assert main(["grade", str(runs[0])]) == ExitCode.FAILED
    printed = capsys.readouterr()
    assert "✗ FAIL  quiet  seed 1" in printed.out
    warning = f"warning: {runs[0]}/grades/constant.json: not kept with the recording: permission denied\n"
    assert printed.err == warning
    assert main(["diagnose", "runs", "--engine", "constant", "--engine", "chance"]) == ExitCode.OK
    printed = capsys.readouterr()
    assert printed.out.count("something is wrong") == 6
    assert printed.err.splitlines()[-1] == "warning: and 3 more files not kept"
