"""Scenarios of two systems may share a name: run, graded or shown together they are named by system too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from lab.cli.selection import select
from lab.errors import ExitCode, UserError
from lab.recording.opening import find_runs, open_run
from lab.report import render_report
from lab.runs.suite import load_suite
from lab.scenario import load_scenario
from tests.cli_cases import CHAIN, CUT, HEALTHY, lab, run, run_json, write

OTHER = "detour"
BOTH = ("chain/cut", f"{OTHER}/cut")


@pytest.fixture
def two(folder: Path) -> tuple[str, str]:
    """Two scenarios `cut`, each with its own fault, of two systems that differ in their names only."""
    (folder / "there").mkdir()
    text = CHAIN.read_text(encoding="utf-8")
    assert "name: chain\n" in text
    system = Path(f"there/{OTHER}.system.yaml")
    system.write_text(text.replace("name: chain\n", f"name: {OTHER}\n"), encoding="utf-8")
    first = write("cut", CUT)
    second = Path("there/cut.scenario.yaml")
    faults = CUT.replace("at: 30s", "at: 31s")
    second.write_text(first.read_text().replace(str(CHAIN), system.name).replace(CUT, faults), encoding="utf-8")
    return str(first), str(second)


def cases(document: Any) -> dict[str, Any]:
    return {case["scenario"]: case for case in document["cases"]}


def test_those_that_share_a_name_are_named_by_system_and_the_others_are_not(two: tuple[str, str]) -> None:
    names = [loaded.name for loaded in select([*two, "quiet.scenario.yaml"]).scenarios]
    assert names == [*BOTH, "quiet"]
    assert [loaded.name for loaded in select([two[1]]).scenarios] == ["cut"]


def test_two_of_one_name_and_system_are_refused(two: tuple[str, str]) -> None:
    Path("copy.scenario.yaml").write_text(Path(two[0]).read_text())
    with pytest.raises(UserError, match="scenario 'cut' is also the name of") as error:
        select([*two, "copy.scenario.yaml"])
    assert "system and scenario name" in error.value.problems[0].hint


def test_a_suite_may_list_both(two: tuple[str, str]) -> None:
    Path("both.suite.yaml").write_text(f"schema_version: 1\nname: both\nscenarios: {json.dumps([*two])}\n")
    assert [loaded.name for loaded in load_suite("both.suite.yaml").scenarios] == list(BOTH)


def test_both_run_in_one_command_and_are_told_apart_wherever_they_are_named(
    two: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*two, "--engine", HEALTHY)
    assert run(*words, "--seeds", 2, "-o", "results.json", "-o", "results.xml") == ExitCode.FAILED
    printed = capsys.readouterr()
    assert [printed.out.count(f"{name}  seed 3") for name in BOTH] == [1, 1]
    assert "Replay  lab run cut.scenario.yaml --seed 3" in printed.out
    document = json.loads(Path("results.json").read_text())
    assert [(case["scenario"], case["seed"]) for case in document["cases"]] == [
        (name, seed) for name in BOTH for seed in (3, 4)
    ]
    assert list(document["scenarios"]) == list(BOTH)
    assert {suite.get("name") for suite in Xml.parse("results.xml").iter("testsuite")} >= set(BOTH)

    # Later commands, which know the recordings only, name them alike.
    code, graded = run_json(capsys, "grade", "runs")
    assert (code, set(graded["scenarios"])) == (ExitCode.FAILED, set(BOTH))
    page = render_report([open_run(path) for path in find_runs(Path("runs"))])
    assert all(name in page for name in BOTH)

    # What failed last is known by file.
    _, again = run_json(capsys, "run", "--last-failed", "--jobs", 1, "--no-report")
    assert [(case["scenario"], case["seed"]) for case in again["cases"]] == [
        (name, seed) for name in BOTH for seed in (3, 4)
    ]


def test_a_recording_is_the_same_as_when_its_scenario_is_run_alone(
    two: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, together = run_json(capsys, "run", *two, "--engine", HEALTHY, "--jobs", 1, "--no-report")
    made = {path: path.joinpath("run.json").stat().st_mtime_ns for path in find_runs(Path("runs"))}
    assert len(made) == 2
    for name, file in zip(BOTH, two, strict=True):
        code, alone = run_json(capsys, "run", file, "--engine", HEALTHY, "--jobs", 1, "--no-report")
        assert code == ExitCode.FAILED
        assert cases(alone)["cut"]["path"] == cases(together)[name]["path"], "it was reused"
        assert open_run(Path(cases(alone)["cut"]["path"])).scenario == "cut"
    assert {path: path.joinpath("run.json").stat().st_mtime_ns for path in find_runs(Path("runs"))} == made


def test_a_part_of_a_command_keeps_the_names_of_the_whole(
    two: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """So that results can be compared with a baseline that was made of all of it."""
    run(*two, "--engine", HEALTHY, "-o", "before.json")
    capsys.readouterr()
    words = ("run", *two, "-k", "cut", "--baseline", "before.json", "--fail-on", "regression", "--engine", HEALTHY)
    assert lab(*words, "--no-report", "--jobs", 1) == ExitCode.OK


def test_results_that_were_kept_under_other_names_are_not_taken(
    two: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """`--resume` goes on with the same campaign only; one that names its scenarios otherwise is another."""
    run_json(capsys, "run", two[0], "--engine", HEALTHY, "--jobs", 1, "--no-report")
    _, both = run_json(capsys, "run", *two, "--engine", HEALTHY, "--jobs", 1, "--no-report", "--resume")
    assert set(cases(both)) == set(BOTH)
    _, again = run_json(capsys, "run", *two, "--engine", HEALTHY, "--jobs", 1, "--no-report", "--resume")
    assert again["cases"] == both["cases"]


def test_a_scenario_alone_has_its_own_name(two: tuple[str, str]) -> None:
    assert load_scenario(two[1]).name == "cut"
