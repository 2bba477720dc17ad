"""Defaults from a file: where it is looked for, what outranks it, and how its mistakes are told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.errors import ExitCode
from tests.cli_cases import lab


def settings(capsys: pytest.CaptureFixture[str], *words: str) -> dict[tuple[str, str], tuple[Any, str]]:
    capsys.readouterr()
    assert lab("config", *words, "--json") == ExitCode.OK
    settings = json.loads(capsys.readouterr().out)["settings"]
    return {(one["command"], one["option"]): (one["value"], one["from"]) for one in settings}


def test_without_a_file_nothing_is_set(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert settings(capsys) == {}
    assert settings(capsys, "run")["run", "runs-dir"] == ("runs", "default")


@pytest.mark.parametrize(("name", "head"), [("chaos-lab.toml", ""), ("pyproject.toml", "tool.chaos-lab")])
def test_a_file_here_or_above_sets_options_of_all_commands_or_of_one(
    name: str, head: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"[{head}]" if head else "", 'engine = ["constant"]', f"[{head}.run]" if head else "[run]", "jobs = 1"]
    (folder / name).write_text("\n".join([*lines, "no-report = true", 'runs-dir = "kept"', ""]))
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    found = settings(capsys)
    assert found["run", "engine"] == found["diagnose", "engine"] == (["constant"], f"../../{name}:2")
    assert found["run", "jobs"] == (1, f"../../{name}:4")
    assert found["run", "runs-dir"][0] == "../../kept"  # meant from the file's directory
    # And it is so that a run is made.
    assert lab("run", "../../quiet.scenario.yaml") == ExitCode.FAILED
    assert "✗ FAIL  quiet  seed 3  constant" in capsys.readouterr().out
    assert not (folder / "kept" / "index.html").exists()
    assert (folder / "kept" / "quiet").is_dir()


def test_the_command_line_outranks_the_environment_which_outranks_the_file(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("chaos-lab.toml").write_text('[run]\nengine = ["constant"]\nseed = 5\nno-report = true\n')
    monkeypatch.setenv("LAB_RUN_SEED", "6")
    assert settings(capsys)["run", "seed"] == ("6", "LAB_RUN_SEED")
    lab("run", "quiet.scenario.yaml")
    assert "quiet  seed 6  constant" in capsys.readouterr().out
    lab("run", "quiet.scenario.yaml", "--seed", 7)
    assert "quiet  seed 7  constant" in capsys.readouterr().out
    monkeypatch.delenv("LAB_RUN_SEED")
    lab("run", "quiet.scenario.yaml")
    assert "quiet  seed 5  constant" in capsys.readouterr().out


def test_settings_of_one_command_take_precedence_over_those_of_all(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("chaos-lab.toml").write_text('engine = ["constant"]\n[run]\nengine = ["chance"]\n')
    found = settings(capsys)
    assert found["run", "engine"] == (["chance"], "chaos-lab.toml:3")
    assert found["evaluate", "engine"] == (["constant"], "chaos-lab.toml:1")


def test_the_own_file_comes_first_and_a_project_without_the_table_is_passed_over(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("chaos-lab.toml").write_text("[run]\njobs = 1\n")
    Path("pyproject.toml").write_text("[tool.chaos-lab.run]\njobs = 2\n")
    assert settings(capsys)["run", "jobs"][0] == 1
    Path("below").mkdir()
    Path("below/pyproject.toml").write_text('[project]\nname = "other"  # tool.chaos-lab is elsewhere\n')
    monkeypatch.chdir("below")
    assert settings(capsys)["run", "jobs"][0] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('runsdir = "x"', "chaos-lab.toml:1:1: unknown key 'runsdir'\n  hint:     did you mean 'runs-dir'?"),
        ("\n[rnu]\njobs = 1", "chaos-lab.toml:2:2: unknown key 'rnu'\n  hint:     did you mean 'run'?"),
        ("[run]\n  engines = 1", "chaos-lab.toml:2:3: unknown key 'engines'\n  hint:     did you mean 'engine'?"),
        (
            "[run]\nfresh = 1",
            "chaos-lab.toml:2:1: 'fresh' cannot have this value\n  seen:     1\n  expected: true or false",
        ),
        (
            "[run]\njobs = 0",
            "chaos-lab.toml:2:1: 'jobs' cannot have this value\n  seen:     0\n  expected: in the range x>=1",
        ),
        (
            "[run]\nseeds = 0",
            "chaos-lab.toml:2:1: 'seeds' cannot have this value\n  seen:     0\n  expected: a count from 1",
        ),
        ("[run]\njobs = true", "expected: a string or a number"),
        ("[run]\nengine = [1]", "expected: a list of strings"),
        ("[run]\nseed = 2020-01-01", "expected: a string or a number"),
        ('[run]\ntestbed = "sin"', "seen:     'sin'\n  expected: one of 'sim', 'stack'"),
        ("run = 1", "unknown key 'run'"),
        ("[runs-dir]\na = 1", "unknown key 'runs-dir'"),
        ("run = {jobs = 0}", "chaos-lab.toml: run.jobs: 'jobs' cannot have this value"),
        ("jobs = ", "chaos-lab.toml:1:8: not valid TOML: Invalid value"),
        ("[run]\njobs = 1\n[run]\n", "chaos-lab.toml:3:"),
    ],
)
def test_a_mistake_is_reported_with_its_place(
    text: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("chaos-lab.toml").write_text(text + "\n")
    assert lab("run", "quiet.scenario.yaml") == ExitCode.INVALID
    assert message in capsys.readouterr().err


def test_every_problem_is_reported_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("chaos-lab.toml").write_text('a = 1\n[run]\nb = 2\njobs = "many"\n')
    assert lab("config") == ExitCode.INVALID
    output = capsys.readouterr().err
    assert all(f"chaos-lab.toml:{line}:1" in output for line in (1, 3, 4))


def test_help_shows_the_default_that_holds_here(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("chaos-lab.toml").write_text('runs-dir = "elsewhere"\n')
    lab("run", "--help")
    assert "default: elsewhere" in " ".join(capsys.readouterr().out.split())


def test_a_config_file_costs_nothing_heavy(folder: Path) -> None:
    Path("chaos-lab.toml").write_text('runs-dir = "elsewhere"\n')
    heavy = "{'numpy', 'pandas', 'simpy', 'docker', 'pyarrow'}"  # options of testbeds are pydantic models
    code = f"import sys; from lab.cli import main; main(['list', '--help']); print({heavy} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "set()"
