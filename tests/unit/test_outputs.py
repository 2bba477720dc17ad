"""What is printed and written when the place for it is bad: the verdict is never lost, and nothing runs in vain."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lab.cli import main
from lab.cli.console import escaped, stdout
from lab.errors import ExitCode

ROOT = Path(__file__).parents[2]
QUIET = f"""\
schema_version: 1
name: quiet
system: {ROOT / "tests/systems/chain.system.yaml"}
seed: 3
duration: 60s
load: {{stages: [{{for: 60s, rate: 8/s}}]}}
"""
FULL = Path("/dev/full")
needs_full_device = pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "GITHUB_ACTIONS", "LAB_DEBUG", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    Path("quiet.scenario.yaml").write_text(QUIET, encoding="utf-8")
    return tmp_path


def run(*words: object) -> int:
    return main(["run", "quiet.scenario.yaml", "--engine", "constant", "--jobs", "1", *map(str, words)])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "nowhere/x.json"], "there is no directory nowhere"),
        (["-o", "folder.json"], "is a directory"),
        (["-o", "/proc/x.json"], "cannot be written"),
        (["-o", "x.txt"], "unknown format '.txt'"),
        (["--runs-dir", "quiet.scenario.yaml/runs"], "recordings cannot be kept here: not a directory"),
        (["--runs-dir", "/proc/nope"], "recordings cannot be kept here"),
    ],
)
def test_a_place_nothing_can_be_written_to_is_refused_before_anything_runs(
    folder: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder.json").mkdir()
    assert run(*words) == ExitCode.INVALID
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()


@needs_full_device
@pytest.mark.parametrize("as_json", [False, True])
def test_an_output_that_cannot_be_written_in_the_end_costs_neither_the_verdict_nor_the_others(
    folder: Path, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("full.json").symlink_to(FULL)
    outputs = ("-o", "full.json", "-o", "kept.json", "-o", "kept.html")
    assert run(*outputs, *(["--json"] if as_json else [])) == ExitCode.INVALID
    printed = capsys.readouterr()
    if as_json:
        assert json.loads(printed.out)["cases"][0]["outcome"] == "fail"
    else:
        assert "✗ FAIL  quiet" in printed.out
    assert "full.json: cannot be written: no space left on device" in printed.err
    assert "internal error" not in printed.err
    assert json.loads(Path("kept.json").read_text())["exit_code"] == ExitCode.FAILED
    assert Path("kept.html").is_file()


def test_every_impossible_engine_is_reported_before_the_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--engine", "http://[::1", "--engine", "rulez") == ExitCode.INVALID
    message = capsys.readouterr().err
    assert "engine 'http://[::1' is not a URL" in message
    assert "unknown engine 'rulez'" in message
    assert not Path("runs").exists()


def lab(folder: Path, words: str) -> subprocess.CompletedProcess[str]:
    """A command line of a shell in a folder; `lab` there is this one."""
    path = os.pathsep.join([str(ROOT), *sys.path])
    script = f'lab() {{ {sys.executable} -m lab "$@"; }}\n{words}'
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_reader_that_had_enough_costs_neither_files_nor_the_exit_code(folder: Path) -> None:
    words = "lab run quiet.scenario.yaml --engine constant -o results.json | head -1; exit ${PIPESTATUS[0]}"
    ended = lab(folder, words)
    assert (ended.returncode, ended.stdout, ended.stderr) == (ExitCode.FAILED, "✗ FAIL  quiet  seed 3  constant\n", "")
    assert json.loads((folder / "results.json").read_text())["exit_code"] == ExitCode.FAILED
    assert (folder / "runs" / "index.html").is_file()
    assert lab(folder, "lab schema scenario | head -1; exit ${PIPESTATUS[0]}").returncode == ExitCode.OK


@needs_full_device
def test_a_result_that_cannot_be_printed_is_an_error_and_not_an_internal_one(folder: Path) -> None:
    ended = lab(folder, "lab faults > /dev/full")
    assert ended.returncode == ExitCode.INVALID
    assert ended.stderr == "error: the output could not be printed in full: no space left on device\n"


def test_a_closed_stdout_is_no_error(folder: Path) -> None:
    assert lab(folder, "lab faults >&-").returncode == ExitCode.OK


def test_control_characters_of_an_answer_do_not_reach_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finding = {"culprit": "db\x1b[2J", "boundary": "network", "kind": "k\x9b", "onset_s": 1, "confidence": 1}
    answer = json.dumps({"schema_version": 1, "verdict": "fault", "findings": [finding]})
    Path("engine.py").write_text(f"print({answer!r})", encoding="utf-8")
    engine = f"cmd:{sys.executable} engine.py"
    assert main(["run", "quiet.scenario.yaml", "--engine", engine, "--jobs", "1"]) == ExitCode.FAILED
    text = capsys.readouterr().out
    assert r"k\x9b of db\x1b[2J (network)" in text
    assert not {"\x1b", "\x9b"} & set(text)
    assert main(["diagnose", "runs", "--engine", engine]) == main(["grade", "runs"]) - 1 == ExitCode.OK
    assert not {"\x1b", "\x9b"} & set(capsys.readouterr().out)
    assert escaped("a\tb\nc\rd") == "a\tb\nc\\x0dd"


@pytest.mark.parametrize("variable", ["NO_COLOR", "CI"])
def test_without_colour_there_is_no_escape_at_all(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", variable: "1"}.items():
        monkeypatch.setenv(name, value)
    console = stdout()
    with console.capture() as captured:
        console.print("fail", style="bold red")
    assert captured.get() == "fail\n"


def test_a_variable_names_an_engine_on_each_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_RUN_ENGINES", "constant\n cmd:sh -c 'exit 9'\n")
    assert main(["run", "quiet.scenario.yaml", "--jobs", "1", "--json"]) == ExitCode.FAILED
    assert [case["engine"] for case in json.loads(capsys.readouterr().out)["cases"]] == [
        "constant",
        "cmd:sh -c 'exit 9'",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", ""], "an empty name is not a scenario"),
        (["run", "/"], "too much to look through"),
        (["run", "x" * 300], "file name too long"),
        (["run", "quiet.scenario.yaml", "--runs-dir", ""], "an empty name is not a path"),
        (["run", "quiet.scenario.yaml", "-o", "x" * 300 + ".json"], "file name too long"),
        (["run", "quiet.scenario.yaml", "-o", "socket.json"], "this is a socket"),
        (["validate", "x" * 300 + ".scenario.yaml"], "file name too long"),
        (["validate", "fifo.scenario.yaml"], "this is a fifo"),
        (["plan", "fifo.scenario.yaml"], "this is a fifo"),
        (["diagnose", ""], "an empty name is not a path"),
        (["grade", "x" * 300], "file name too long"),
        (["report", ""], "an empty name is not a path"),
        (["schema", "--write", ""], "an empty name is not a path"),
        (["schema", "--write", "/proc/schemas"], "schemas cannot be written here"),
        (["schema", "--write", "fifo.scenario.yaml"], "schemas cannot be written here"),
        (["schema", "--write", "quiet.scenario.yaml/x"], "schemas cannot be written here"),
    ],
)
def test_a_name_that_leads_nowhere_is_the_users_to_mend(
    folder: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo("fifo.scenario.yaml")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.json")
        assert main(words) == ExitCode.INVALID
    printed = capsys.readouterr()
    assert message in printed.err.lower()
    assert "internal error" not in printed.err
