"""The command line as its users meet it: help, variables, and what each command prints."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from lab.cli import COMMANDS, cli
from lab.cli.console import MAX_SHOWN
from lab.errors import ExitCode, Problem
from tests.cli_cases import CHAIN, CUT, lab, run_json, write, write_suite

# Help and what it costs.


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"], ["evaluate", "--help"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    heavy = "{'numpy', 'pandas', 'sklearn', 'pyarrow', 'scipy', 'simpy'}"
    code = f"import sys; from lab.cli import main; code = main({words}); print(code, {heavy} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "0 set()"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(name, "--help") == 0
    text = capsys.readouterr().out
    assert COMMANDS[name] in " ".join(text.split())
    assert f"lab {name}" in text.split("Examples:")[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_can_be_set_by_a_variable(name: str) -> None:
    import click

    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    options = [p for p in command.params if isinstance(p, click.Option)]
    assert [p.name for p in options if not p.show_envvar] == []


def test_a_variable_sets_an_option(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_RUN_SEED", "42")
    monkeypatch.setenv("LAB_RUNS_DIR", "elsewhere")
    _, document = run_json(capsys, "run", "quiet.scenario.yaml", "--engine", "constant", "--no-report")
    assert document["cases"][0]["seed"] == 42
    assert Path(document["cases"][0]["path"]).parts[0] == "elsewhere"


def test_completion_scripts_are_for_the_lab(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("completion", "zsh") == 0
    assert "_LAB_COMPLETE=zsh_complete" in capsys.readouterr().out


# The other commands.


def test_validate_says_ok_or_every_problem_at_its_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.scenario.yaml").write_text(
        Path("cut.scenario.yaml").read_text().replace("seed:", "sead:").replace("8/s", "8")
    )
    assert lab("validate", "cut.scenario.yaml", "bad.scenario.yaml", CHAIN) == ExitCode.INVALID
    printed = capsys.readouterr()
    assert printed.out.splitlines() == ["OK  cut.scenario.yaml", f"OK  {CHAIN}"]
    assert "bad.scenario.yaml:4:1: unknown key 'sead'" in printed.err
    assert "did you mean 'seed'?" in printed.err
    assert "bad.scenario.yaml:6:" in printed.err
    assert "2 problems in 1 of 3 files" in printed.err
    code, document = run_json(capsys, "validate", "bad.scenario.yaml")
    assert (code, document["files"][0]["problems"][0]["line"]) == (ExitCode.INVALID, 4)


def test_validate_checks_every_known_file_of_a_directory(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "below").mkdir()
    write_suite("culprit_top1 >= 0")
    for name in ("bad.rules.yaml", "bad.suite.yaml", "below/bad.system.yaml"):
        Path(name).write_text("schema_version: 1\nnosuch: 1\n")
    Path("notes.yaml").write_text("nothing: of the lab\n")
    assert lab("validate", ".") == ExitCode.INVALID
    printed = capsys.readouterr()
    assert printed.out.split() == ["OK", "cut.scenario.yaml", "OK", "quiet.scenario.yaml", "OK", "small.suite.yaml"]
    for name in ("bad.rules.yaml", "bad.suite.yaml", "below/bad.system.yaml"):
        assert f"{name}:" in printed.err
    assert "in 3 of 6 files" in printed.err
    Path("other.scenario.yaml").write_text(Path("quiet.scenario.yaml").read_text())
    for name in ("bad.rules.yaml", "bad.suite.yaml", "below/bad.system.yaml"):
        Path(name).unlink()
    assert lab("validate", ".") == ExitCode.INVALID
    assert "is also the name of" in capsys.readouterr().err
    (folder / "empty").mkdir()
    assert lab("validate", "empty") == ExitCode.INVALID


def test_of_very_many_problems_of_one_file_the_first_are_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use = CUT.removeprefix("faults: [").removesuffix("]\n").replace("at: 30s", "at: 30")
    write("many", f"faults: [{', '.join([use] * 90)}]\n")
    assert lab("validate", "many.scenario.yaml") == ExitCode.INVALID
    validated = capsys.readouterr().err
    assert validated.count("many.scenario.yaml:7:") == MAX_SHOWN
    assert "many.scenario.yaml: … and 149 more problems" in validated
    assert "179 problems in 1 of 1 file" in validated
    assert lab("plan", "many.scenario.yaml") == ExitCode.INVALID
    assert "… and 149 more problems" in capsys.readouterr().err
    _, document = run_json(capsys, "validate", "many.scenario.yaml")
    assert len(document["files"][0]["problems"]) == 179


def test_validate_plan_and_run_agree(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("mild", CUT.replace("for: 25s", "for: 25s, with: {fraction: 950%}"))
    output = []
    for command in ("validate", "plan", "run"):
        assert lab(command, "mild.scenario.yaml") == ExitCode.INVALID
        output.append(capsys.readouterr().err.splitlines()[:3])
    assert output[0] == output[1] == output[2]
    assert "bad value for 'fraction'" in output[0][0]


def test_on_github_a_located_problem_marks_the_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lab.cli.console import show_problem

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    show_problem(Problem("100% wrong", "a,b.yaml", 3, 7, hint="two\nlines"))
    assert "::error file=a%2Cb.yaml,line=3,col=7::100%25 wrong. two%0Alines\n" in capsys.readouterr().err


def test_plan_shows_levers_times_and_truth(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("plan", "cut.scenario.yaml") == ExitCode.OK
    text = capsys.readouterr().out
    assert "f1: network-partition of orders->db (network) 30–55 s" in text
    _, document = run_json(capsys, "plan", "cut.scenario.yaml")
    acts = [(act["at_s"], act["event"], act["lever"], act["element"]) for act in document["timeline"]]
    assert acts == [(30.0, "pull", "link.cut", "orders->db"), (55.0, "revert", "link.cut", "orders->db")]
    assert sorted(path.name for path in folder.iterdir()) == ["cut.scenario.yaml", "quiet.scenario.yaml"]


def test_faults_are_listed_with_docs_and_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    code, document = run_json(capsys, "faults")
    found = {fault["name"]: fault for fault in document["faults"]}
    assert code == ExitCode.OK
    assert set(found["network-partition"]["parameters"]["properties"]) == {"direction", "fraction"}
    assert found["deploy"]["decoy"]
    assert all(fault["doc"] for fault in found.values())
    assert lab("faults", "network-partition") == ExitCode.OK
    assert "both | request | response" in capsys.readouterr().out


def test_engines_are_listed_with_docs(capsys: pytest.CaptureFixture[str]) -> None:
    from lab.cli.evaluate import FLOORS

    _, document = run_json(capsys, "engines")
    found = {engine["name"]: engine for engine in document["engines"]}
    assert {"rules", *FLOORS} <= set(found)
    assert found["chance"]["doc"].startswith("Blames everything equally")
    assert lab("engines") == ExitCode.OK
    assert "cmd:PROGRAM ARGS" in capsys.readouterr().out


def test_schema_prints_one_or_writes_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("schema", "suite") == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["title"] == "Chaos lab suite file, version 1"
    assert lab("schema", "--write", "made") == ExitCode.OK
    kinds = ["course", "diagnosis", "rules", "scenario", "suite", "system"]
    assert sorted(path.name for path in Path("made").iterdir()) == [f"{kind}.v1.json" for kind in kinds]


def test_doctor_finds_the_lab_able_and_leaves_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs/cut/.3-abc.x.tmp").mkdir(parents=True)
    before = sorted(folder.rglob("*"))
    code, document = run_json(capsys, "doctor")
    checks = {check["name"]: check for check in document["checks"]}
    assert (code, document["ok"]) == (ExitCode.OK, True)
    assert "runs/cut/.3-abc.x.tmp" in checks["half recordings"]["detail"]
    assert checks["testbed stack"]["ok"] is None
    assert "Docker" in checks["testbed stack"]["detail"]
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("mode", "ok", "said"),
    [
        ("interpreted", None, "interpreted, with the same results"),
        ("compiled", False, "LAB_KERNEL=compiled, but numba is not installed"),
        ("auto", None, "eight times as long (numba is not installed)"),
        ("fast", False, "LAB_KERNEL: 'fast'; expected one of"),
    ],
)
def test_doctor_says_how_kernels_run_as_runs_do(
    mode: str,
    ok: bool | None,
    said: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = metadata.version

    def version(name: str) -> str:
        if name == "numba":
            raise metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setenv("LAB_KERNEL", mode)
    code, document = run_json(capsys, "doctor")
    [kernels] = [check for check in document["checks"] if check["name"] == "kernels"]
    assert said in kernels["detail"]
    assert kernels["ok"] is ok
    packages = [check for check in document["checks"] if check["name"] == "packages"]
    assert [check["ok"] for check in packages] == [True, None]  # the lab can do without
    assert (code == ExitCode.OK) is (ok is None)


def test_doctor_says_when_recordings_cannot_be_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("in the way")
    assert lab("doctor", "--runs-dir", "file/runs") == ExitCode.INTERNAL
    assert "not writable" in capsys.readouterr().out
