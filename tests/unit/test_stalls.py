"""A machine that stalls makes a run inconclusive: the ticker sees it, the status tells it, nobody is graded on it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from lab.errors import ExitCode, InconclusiveRunError
from lab.recording.rundir import INCONCLUSIVE, RunDirectory
from lab.runs.campaign import JobResult, check_gradable, conclude
from lab.testbeds.stack.ticker import Stalls, Ticker
from tests.waiting import eventually

RAN_S, INTERVAL_S = 120.0, 1.0


def stalls(*lengths_s: float) -> Stalls:
    return Stalls(tuple((float(n), length_s) for n, length_s in enumerate(lengths_s)))


def test_a_tick_that_comes_late_is_a_stall_as_long_as_it_was_late() -> None:
    with Ticker() as ticker:
        pid = ticker._process.pid
        eventually(lambda: is_asleep(pid))
        os.kill(pid, signal.SIGSTOP)
        began_s = time.time()
        time.sleep(0.6)
        stood_still_s = time.time() - began_s
        os.kill(pid, signal.SIGCONT)
    assert ticker.stalls is not None
    at_s, longest_s = max(ticker.stalls.each, key=lambda stall: stall[1])
    assert longest_s >= stood_still_s - 0.1
    assert at_s >= began_s - 0.1


def is_asleep(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def test_a_ticker_that_did_not_survive_knows_of_no_stalls_rather_than_of_none() -> None:
    with Ticker() as ticker:
        os.kill(ticker._process.pid, signal.SIGKILL)
    assert ticker.stalls is None


@pytest.mark.parametrize(
    ("lengths_s", "expected"),
    [
        ((), ""),
        ((0.9, 0.9), ""),
        ((1.0,), "the machine stalled for 1.0 s of 120 s, at most 1.0 s at once; a scrape interval takes 1 s"),
        ((0.5,) * 5, "the machine stalled for 2.5 s of 120 s, at most 0.5 s at once; 2% of the run is allowed"),
    ],
    ids=["none", "short ones", "one as long as an interval", "many"],
)
def test_a_run_may_stall_for_less_than_an_interval_at_once_and_for_little_in_all(
    lengths_s: tuple[float, ...], expected: str
) -> None:
    assert stalls(*lengths_s).too_much(RAN_S, INTERVAL_S) == expected


def test_a_run_that_ended_before_it_began_was_not_stalled() -> None:
    assert stalls().too_much(-3.0, INTERVAL_S) == ""


def test_stalls_before_the_run_are_not_its_own() -> None:
    assert Stalls(((10.0, 1.0), (20.0, 2.0), (30.0, 3.0))).since(21.5) == Stalls(((20.0, 2.0), (30.0, 3.0)))


def run_with_status(tmp_path: Path, status: str) -> RunDirectory:
    return RunDirectory(tmp_path, {"status": status, "scenario": {"name": "quiet"}, "seed": 1})


def test_a_disturbed_run_is_neither_aborted_nor_failed(tmp_path: Path) -> None:
    why = stalls(3.0).too_much(RAN_S, INTERVAL_S)
    with pytest.raises(InconclusiveRunError, match=r"inconclusive: the machine stalled for 3\.0 s") as error:
        check_gradable(run_with_status(tmp_path, INCONCLUSIVE + why))
    disturbed = JobResult("quiet", 1, str(tmp_path), (), str(error.value), error.value.exit_code)
    assert disturbed.is_inconclusive
    assert conclude([disturbed]).exit_code is ExitCode.INCONCLUSIVE
    aborted = JobResult("quiet", 2, "", (), "stopped", ExitCode.INTERNAL)
    assert conclude([disturbed, aborted]).exit_code is ExitCode.INTERNAL


def test_a_disturbed_run_is_shown_as_inconclusive_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from lab.cli.console import stdout
    from lab.cli.junit import write_junit
    from lab.cli.results import campaign_json
    from lab.cli.verdicts import print_cases

    campaign = conclude([JobResult("quiet", 1, "", (), "the machine stalled", ExitCode.INCONCLUSIVE)])
    print_cases(stdout(), campaign.results)
    printed = capsys.readouterr().out
    assert "INCONCLUSIVE" in printed.upper()
    assert "the machine stalled" in printed
    [told] = campaign_json(campaign)["not_graded"]
    assert (told["outcome"], told["reason"]) == ("inconclusive", "the machine stalled")
    write_junit(campaign, tmp_path / "junit.xml", "stack")
    text = (tmp_path / "junit.xml").read_text(encoding="utf-8")
    assert "<skipped" in text
    assert "<error" not in text
