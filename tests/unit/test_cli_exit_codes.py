"""Exit codes of the command line, each with what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import ExitCode, NotRevertedError
from lab.runs import runner
from tests.cli_cases import CHAIN, HEALTHY, INVISIBLE, lab, run, write, write_suite


def test_0_when_every_case_passed(folder: Path) -> None:
    assert run("quiet.scenario.yaml", "--engine", HEALTHY) == ExitCode.OK


def test_1_when_a_case_failed(folder: Path) -> None:
    assert run("cut.scenario.yaml", "--engine", HEALTHY) == ExitCode.FAILED


def test_1_when_an_engine_gave_no_answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("quiet.scenario.yaml", "--engine", "cmd:false") == ExitCode.FAILED
    assert "no answer: exited with status 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rum"], "did you mean 'run'?"),
        (["run"], "Missing argument"),
        (["run", "cut.scenario.yaml", "--sead", "1"], "--seed"),
        (["run", "cat.scenario.yaml"], "cat.scenario.yaml"),
        (["run", "cut.scenario.yaml", "--engine", "constantly"], "did you mean 'constant'?"),
        (["run", "cut.scenario.yaml", "--seeds", "9-1"], "expected a count"),
        (["run", "cut.scenario.yaml", "--seed", "1", "--seeds", "1-2"], "contradict"),
        (["run", "cut.scenario.yaml", "-o", "results.pdf"], ".html or .json"),
        (["run", "cut.scenario.yaml", "-o", "nowhere/results.json"], "no directory nowhere"),
        (["run", "cut.scenario.yaml", "--testbed", "stack"], "has no world that is installed"),
        (["run", "small.suite.yaml", "cut.scenario.yaml"], "a suite is run by itself"),
        (["run", "cut.scenario.yaml", "--seed", str(2**63)], "the seed is too large"),
        (["run", "cut.scenario.yaml", "--seed", str(2**63 - 2), "--seeds", "3"], "the seed is too large"),
        (["run", CHAIN], "this is a system file, not a scenario"),
        (["plan", CHAIN], "this is a system file, not a scenario"),
        (["evaluate", "cut.scenario.yaml"], "is not a suite"),
        (["plan", "nonesuch"], "unknown scenario"),
        (["faults", "network-partitoin"], "did you mean 'network-partition'?"),
        (["grade", "nowhere"], "no such directory"),
        (["report", ".", "--title", "both"], "-o report.html"),
    ],
)
def test_2_and_a_helpful_message_for_wrong_usage(
    words: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_suite("culprit_top1 >= 0.5")
    before = sorted(folder.rglob("*"))
    assert lab(*words) == ExitCode.INVALID
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert sorted(folder.rglob("*")) == before


def test_3_when_a_run_was_aborted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write("impossible", "steady_state: [{sli: error_ratio, above: 50%}]\n")
    assert run(path, "quiet.scenario.yaml", "--engine", HEALTHY) == ExitCode.INTERNAL
    printed = capsys.readouterr().out
    assert "! not graded  impossible" in printed
    assert "steady state does not hold" in printed
    assert "✓ pass  quiet" in printed
    assert lab("--debug", "run", path, "--engine", HEALTHY, "--jobs", 1, "--no-report") == ExitCode.INTERNAL
    assert "RunAbortedError" in capsys.readouterr().err


def test_3_and_one_line_for_an_internal_error_with_a_way_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("lab.injection.faults.fault_types", fails)
    assert lab("faults") == ExitCode.INTERNAL
    message = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: oh" in message
    assert "LAB_DEBUG=1" in message
    assert "Traceback" not in message
    assert lab("--debug", "faults") == ExitCode.INTERNAL
    assert "Traceback" in capsys.readouterr().err


def test_4_when_a_fault_never_showed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write("unseen", INVISIBLE)
    assert run(path, "quiet.scenario.yaml", "--engine", HEALTHY) == ExitCode.INCONCLUSIVE
    assert "? inconclusive  unseen" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["run", "empty"], ["report", "empty"], ["grade", "empty"]])
def test_5_when_nothing_is_selected(words: list[str], folder: Path) -> None:
    Path("empty").mkdir()
    assert lab(*words) == ExitCode.NOTHING_SELECTED


def test_6_when_something_could_not_be_reverted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sticks(*_: object) -> None:
        raise NotRevertedError("db is still locked")

    monkeypatch.setattr(runner, "run_scenario", sticks)
    assert run("quiet.scenario.yaml", "--engine", HEALTHY) == ExitCode.NOT_REVERTED


def test_130_when_interrupted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run_scenario", interrupted)
    assert run("quiet.scenario.yaml", "--engine", HEALTHY) == ExitCode.INTERRUPTED
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("threshold", "code"),
    [
        ("false_alarm_ratio >= 0.5", ExitCode.OK),
        ("false_alarm_ratio <= 5%", ExitCode.FAILED),
        ("culprit_top1 >= 0.5", ExitCode.INCONCLUSIVE),
    ],
)
def test_a_suite_ends_with_its_thresholds_and_shows_its_failed_cases(
    threshold: str, code: ExitCode, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write_suite(threshold)) == code
    assert "✗ FAIL  quiet" in capsys.readouterr().out
