"""What CI systems show: JUnit XML, GitHub's marks and summary."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.cli import main
from lab.engines.confinement import landlock_abi
from lab.errors import ExitCode
from tests.cli_cases import write


def test_junit_has_a_test_for_each_case_and_each_threshold(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("empty", rate=0)
    Path("both.suite.yaml").write_text(
        "schema_version: 1\nname: both\nscenarios: [quiet.scenario.yaml, empty.scenario.yaml]\n"
        "engines: [constant]\nthresholds: [false_alarm_ratio <= 5%, false_alarm_ratio > 5%, kind > 5%]\n",
        encoding="utf-8",
    )
    words = ["run", "both.suite.yaml", "-o", "results.xml", "--no-report", "--jobs", "1"]
    assert main(words) == ExitCode.FAILED
    root = ElementTree.parse("results.xml").getroot()
    quiet, empty, limits = root
    assert [root.get(count) for count in ("name", "tests", "failures", "errors", "skipped")] == [
        "both", "6", "2", "0", "2",
    ]  # fmt: skip
    assert (quiet.get("name"), empty.get("name"), limits.get("name")) == ("quiet", "empty", "both thresholds")
    properties = {p.get("name"): p.get("value") for p in quiet.iter("property")}
    assert (properties["seed"], properties["engine"]) == ("3", "constant")
    assert properties["isolation"].startswith("landlock-abi" if landlock_abi() else "none")
    [test] = quiet.iter("testcase")
    assert (test.get("classname"), test.get("name")) == ("quiet.seed 3.constant", "false-alarm")
    assert test.get("time") is None
    [failure] = test
    assert failure.get("message", "").startswith("answered fault: front, expected healthy")
    assert "truth: nothing was injected" in str(failure.text)
    assert [result.tag for test in empty.iter("testcase") for result in test] == ["skipped"]
    assert [[result.tag for result in limit] for limit in limits] == [["failure"], [], ["skipped"], []]


def test_in_junit_a_crash_is_an_error_and_an_axis_that_decides_nothing_fails_no_build(folder: Path) -> None:
    words = ["run", "cut.scenario.yaml", "--engine", "cmd:false", "--engine", "constant", "--engine", "chance"]
    assert main([*words, "-o", "r.xml", "--jobs", "1"]) == ExitCode.FAILED
    crashed, constant, chance = ElementTree.parse("r.xml").getroot()
    of = {
        suite: {test.get("name"): [result.tag for result in test] for test in suite.iter("testcase")}
        for suite in (crashed, constant, chance)
    }
    assert of[crashed]["culprit"] == ["error"]
    assert of[crashed]["onset"] == ["skipped"]
    assert of[constant]["culprit"] == ["failure"]
    assert of[constant]["kind"] == ["skipped"]
    assert crashed.get("errors") == "1"
    [error] = crashed.iter("error")
    assert "exited with status 1" in error.get("message", "")


def test_github_gets_marks_at_the_scenario_and_a_summary(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
    Path("summary.md").write_text("before\n", encoding="utf-8")
    spec = "cmd:sh -c 'echo \"a|b %0A<i>\" >&2; exit 1'"
    words = ["run", "cut.scenario.yaml", "quiet.scenario.yaml", "--engine", spec, "--engine", "constant", "--json"]
    assert main([*words, "--jobs", "1"]) == ExitCode.FAILED
    printed = capsys.readouterr()
    json.loads(printed.out)
    marks = [line for line in printed.err.splitlines() if line.startswith("::error ")]
    assert len(marks) == 4
    line = 1 + next(i for i, text in enumerate(Path("cut.scenario.yaml").read_text().splitlines()) if "name" in text)
    assert marks[0].startswith(f"::error file=cut.scenario.yaml,line={line},col=1::cut seed 3: cmd:sh")
    assert "a|b %250A<i>" in marks[0]
    summary = Path("summary.md").read_text(encoding="utf-8")
    assert summary.startswith("before\n### lab run\n")
    assert "| cut | ✗ 1 | ✗ 1 |" in summary
    assert "a\\|b %0A&lt;i&gt;" in summary


def test_a_scenario_outside_of_the_repository_is_marked_in_no_file(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    main(["run", "../quiet.scenario.yaml", "--engine", "constant", "--jobs", "1", "--no-report"])
    [mark] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("::error")]
    assert mark.startswith("::error::quiet seed 3")


def test_nothing_is_marked_elsewhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "quiet.scenario.yaml", "--engine", "constant", "--jobs", "1"])
    assert "::error" not in capsys.readouterr().err


def test_junit_holds_whatever_an_engine_says(folder: Path) -> None:
    spec = "cmd:printf '\\001\\033<&>\\357\\277\\277'"
    assert main(["run", "quiet.scenario.yaml", "--engine", spec, "-o", "r.xml", "--jobs", "1"]) == ExitCode.FAILED
    text = ElementTree.parse("r.xml").getroot().findtext("testsuite/testcase/error")
    assert "<&>" in str(text)
