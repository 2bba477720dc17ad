"""What `lab run`, `lab evaluate` and the commands about recordings print and write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.errors import ExitCode
from tests.cli_cases import HEALTHY, lab, run, run_json


def test_text_comes_in_order_verdicts_numbers_report_replay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = lab("run", "cut.scenario.yaml", "quiet.scenario.yaml", "--engine", "constant", "--seeds", 2, "--jobs", 1)
    text = capsys.readouterr().out
    assert code == ExitCode.FAILED
    places = [
        text.index(part)
        for part in (
            "✗ FAIL  cut  seed 3  constant",
            "truth   network-partition of orders->db (network) 30–55 s",
            "why     culprit: answered front",
            "✗ FAIL  quiet  seed 4",
            "culprit_top1",
            "0 of 2  ✗ 2",
            "Report  runs/index.html",
            "Replay  lab run cut.scenario.yaml --seed 3 --engine constant",
        )
    ]
    assert places == sorted(places)
    assert "\x1b" not in text
    assert Path("runs/index.html").is_file()


def test_few_cases_have_no_tables_and_what_passed_has_no_replay(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("run", "quiet.scenario.yaml", "--jobs", 1, "--no-report", "--engine", HEALTHY)
    lab(*words)
    output = capsys.readouterr().out
    assert "✓ pass  quiet" in output
    assert not any(word in output for word in ("Metrics", "Scenarios", "Replay"))
    lab(*words, "-v")
    assert "Metrics: value" in capsys.readouterr().out
    lab("run", "cut.scenario.yaml", "quiet.scenario.yaml", *words[2:], "--seeds", 2, "-q")
    output = capsys.readouterr().out
    assert "Metrics: value" in output
    assert "Replay  lab run cut.scenario.yaml --seed 3" in output
    assert "quiet" not in output


def test_json_is_one_document_on_stdout_and_the_same_in_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("cut.scenario.yaml", "--engine", "constant", "--engine", HEALTHY, "-o", "results.json", "--no-report")
    code, document = run_json(capsys, "run", *words)
    assert code == document["exit_code"] == ExitCode.FAILED
    assert [case["engine"] for case in document["cases"]] == ["constant", HEALTHY]
    assert document["cases"][0]["truth"]["faults"][0]["culprit"] == "orders->db"
    assert document["metrics"]["constant"]["culprit_top1"]["n"] == 1
    assert document["paths"] == {"runs": "runs", "reports": []}
    assert json.loads(Path("results.json").read_text()) == document


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}, {"CI": "true"}])
def test_colour_only_where_it_is_wanted(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.cli.console import stdout

    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", **variables}.items():
        monkeypatch.setenv(name, value)
    console = stdout()
    with console.capture() as captured:
        console.print("fail", style="red")
    assert ("\x1b[31m" in captured.get()) == (not variables)


def test_seeds_come_from_the_options_the_suite_or_the_scenario() -> None:
    from lab.cli.selection import parse_seeds

    own = (7,)
    assert parse_seeds(None).of(own) == (7,)
    assert parse_seeds("3").of(own) == (7, 8, 9)
    assert parse_seeds("2", 40).of(own) == (40, 41)
    assert parse_seeds(None, 40).of(own) == (40,)
    assert parse_seeds("1000-1002").of(own) == (1000, 1001, 1002)


@pytest.mark.slow
def test_a_directory_stands_for_its_scenarios_and_one_given_twice_runs_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, document = run_json(capsys, "run", ".", "cut.scenario.yaml", "--engine", "constant", "--no-report")
    assert [case["scenario"] for case in document["cases"]] == ["cut", "quiet"]


def test_recordings_are_diagnosed_graded_and_reported_later(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("cut.scenario.yaml", "--engine", "constant")
    capsys.readouterr()
    assert lab("diagnose", "runs", "--engine", "constant") == ExitCode.OK
    assert "1. model-regression of front (model)" in capsys.readouterr().out
    code, document = run_json(capsys, "grade", "runs")
    assert (code, [case["engine"] for case in document["cases"]]) == (ExitCode.FAILED, ["constant"])
    assert lab("grade", "runs/cut", "--engine", HEALTHY) == ExitCode.FAILED
    assert "culprit-top-k" in capsys.readouterr().out
    assert lab("report", "runs") == ExitCode.OK
    assert capsys.readouterr().out.strip() == "runs/index.html"


@pytest.mark.slow
def test_an_evaluation_says_its_seeds_and_keeps_no_recording(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from lab.cli.figures import markdown

    suite = Path("both.suite.yaml")
    suite.write_text("schema_version: 1\nname: both\nscenarios: [quiet.scenario.yaml, cut.scenario.yaml]\n")
    seeds = ("--seeds", "20-21", "--control-seeds", "20-23")
    words = ("evaluate", suite, *seeds, "--engine", "constant", "--jobs", 2)
    code, document = run_json(capsys, *words, "--engine", HEALTHY, "-o", "figures.md")
    assert code == ExitCode.FAILED
    assert Path("figures.md").read_text(encoding="utf-8") == markdown(document) + "\n"
    assert document["seeds"] == {"faults": [20, 21], "controls": [20, 21, 22, 23]}
    assert document["metrics"][HEALTHY]["false_alarm_ratio"]["n"] == 4
    assert document["confusions"][HEALTHY] == [
        {"true": "network-partition of orders->db", "answer": "healthy", "cases": 2}
    ]
    [against] = document["comparisons"]
    assert (against["engine"], against["floor"], against["better"], against["worse"]) == (HEALTHY, "constant", 4, 0)
    assert {case["path"] for case in document["cases"]} == {""}
    assert [path.name for path in Path("runs").iterdir()] == ["results"]


def test_an_evaluation_of_one_run_reports_one_and_of_no_controls(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("one.suite.yaml").write_text("schema_version: 1\nname: one\nscenarios: [cut.scenario.yaml]\n")
    lab("evaluate", "one.suite.yaml", "--seeds", "20-20", "--engine", HEALTHY, "--jobs", 1)
    output = capsys.readouterr().out
    assert "1 run with faults, seed 20\n" in output
    assert "controls" not in output


def test_an_evaluation_has_a_hundred_control_runs_by_itself(folder: Path) -> None:
    from lab.cli.evaluate import EVALUATION_SEEDS, make_jobs
    from lab.cli.selection import select
    from lab.testbeds.installed import choose

    jobs = make_jobs(select(["."]), None, None, ("constant",), choose("sim"))
    assert [job.seed for job in jobs if job.loaded.scenario.faults] == list(EVALUATION_SEEDS)
    assert [job.seed for job in jobs if not job.loaded.scenario.faults] == list(range(1000, 1100))
