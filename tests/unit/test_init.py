"""What `lab init` writes validates and runs as it is, for any system, and nothing is ever replaced."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.engines.rules.tree import load_tree
from lab.errors import ExitCode
from lab.systems import files
from tests.cli_cases import lab, run, run_json
from tests.simulated import BOOKINGS, CHAIN, NIGHTLY


def test_the_first_scenario_validates_is_planned_and_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("init", "scenario", "--system", BOOKINGS) == ExitCode.OK
    output = capsys.readouterr().out
    assert output.startswith("wrote my-scenario.scenario.yaml\nnext:\n  lab validate my-scenario.scenario.yaml ")
    assert lab("validate", "my-scenario.scenario.yaml") == ExitCode.OK
    assert lab("plan", "my-scenario.scenario.yaml") == ExitCode.OK
    assert run("my-scenario.scenario.yaml", "--engine", "rules") == ExitCode.OK


@pytest.mark.parametrize(
    ("system", "fault"),
    [(CHAIN, "network-partition of front->orders"), (NIGHTLY, "feed-stall of load")],
    ids=["of a chain", "of jobs alone, in hours"],
)
def test_a_first_scenario_of_any_system_is_valid_and_can_be_planned(
    system: str, fault: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab("init", "scenario", "mine", "--system", system) == ExitCode.OK
    assert lab("plan", "mine.scenario.yaml") == ExitCode.OK
    printed = capsys.readouterr()
    assert "inject" not in printed.err, "there is time before the fault"
    assert f"f1: {fault}" in printed.out


def test_a_first_scenario_of_a_system_with_a_calendar_counts_in_its_periods(folder: Path) -> None:
    assert lab("init", "scenario", "--system", "segmentation") == ExitCode.OK
    text = Path("my-scenario.scenario.yaml").read_text(encoding="utf-8")
    assert "duration: 28d" in text
    assert "at: 12d, for: 10d" in text
    assert "onset_within: 2 periods" in text
    assert lab("plan", "my-scenario.scenario.yaml") == ExitCode.OK


def test_where_no_shipped_system_can_be_run_it_asks_for_one(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "system_names", lambda: ())
    assert lab("init", "scenario") == ExitCode.INVALID
    printed = capsys.readouterr().err
    assert "none of the systems that come with the lab can be run here" in printed
    assert "--system mine.system.yaml" in printed


def test_a_system_is_of_a_scenario_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("init", "engine", "--system", CHAIN) == ExitCode.INVALID
    assert "--system is for a scenario" in capsys.readouterr().err


@pytest.mark.slow
def test_the_first_engine_answers_and_is_right_where_calls_are_lost(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab("init", "engine", "ours")
    lab("init", "scenario", "ours", "--system", BOOKINGS)
    capsys.readouterr()
    code, document = run_json(
        capsys,
        "run",
        "ours.scenario.yaml",
        "quiet.scenario.yaml",
        "--no-report",
        "--engine",
        f"cmd:{sys.executable} ours.py",
    )
    assert [case["engine_failed"] for case in document["cases"]] == [False, False]
    assert code == ExitCode.OK


def test_the_first_rules_validate_and_name_what_they_have_a_rule_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab("init", "rules")
    lab("init", "scenario", "--system", BOOKINGS)
    assert [cause.kind for cause in load_tree(Path("my.rules.yaml")).causes] == ["network-partition", "cpu-throttle"]
    assert lab("validate", "my.rules.yaml") == ExitCode.OK
    assert run("my-scenario.scenario.yaml", "--engine", "rules:my.rules.yaml") == ExitCode.OK
    assert "✓ pass  my-scenario  seed 1  rules:my.rules.yaml" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["scenario", "engine", "rules"])
def test_nothing_is_replaced(kind: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--system", BOOKINGS] if kind == "scenario" else []
    lab("init", kind, "mine", *words)
    (path,) = (path for path in folder.iterdir() if path.name.startswith("mine"))
    path.write_text("precious")
    assert lab("init", kind, "mine", *words) == ExitCode.INVALID
    assert path.read_text() == "precious"
    assert "this file exists already; it was not changed" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../up", "Two Words", "", "a" * 81, "-x", "under_score"])
def test_a_name_that_no_file_can_have_is_refused(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(folder.iterdir())
    assert lab("init", "scenario", "--", name) == ExitCode.INVALID
    assert set(folder.iterdir()) == before
    assert "small letters, digits and hyphens" in capsys.readouterr().err
