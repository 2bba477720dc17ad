"""A campaign that was killed goes on from what it finished, and comes to the same results."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import ExitCode
from lab.runs import campaign, runner
from lab.runs.dataset import WHOLE
from tests.cli_cases import CUT, HEALTHY, lab, run_json, write
from tests.gates import gated_engine
from tests.waiting import PATIENCE_S, eventually

WORDS = ("run", ".", "--seeds", "3", "--engine", "constant", "--engine", HEALTHY, "--no-report")


OUTPUTS = (Path("results.json"), Path("results.xml"))


def finished() -> int:
    """How many jobs have their rows on disk."""
    return len(list(Path("runs/results").glob("*/*.parquet")))


def dataset_bytes() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path("runs/results").glob("*/*.parquet")}


def undisturbed(words: tuple[str, ...]) -> tuple[object, ...]:
    """The results files and the dataset of a campaign that nothing disturbed; its traces are removed."""
    outputs = [word for path in OUTPUTS for word in ("-o", path)]
    assert lab(*words, "--jobs", 1, *outputs) == ExitCode.FAILED
    found = (*map(Path.read_bytes, OUTPUTS), dataset_bytes())
    shutil.rmtree("runs")
    for path in OUTPUTS:
        path.unlink()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_campaign_killed_at_any_job_and_resumed_gives_the_same_results(
    jobs: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kill_after = random.SystemRandom().randint(1, 5)
    with gated_engine() as gate:
        words = ("run", ".", "--seeds", "3", "--engine", "constant", "--engine", gate.engine, "--no-report")
        gate.free = 6
        expected = undisturbed(words)
        gate.free = kill_after
        command = [sys.executable, "-m", "lab", *words, "--jobs", str(jobs)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:  # so many jobs are finished, and every worker is in the middle of another one
                eventually(lambda: finished() == kill_after and gate.waiting == min(jobs, 6 - kill_after))
            finally:
                process.kill()
        gate.open()
        capsys.readouterr()
        outputs = [word for path in OUTPUTS for word in ("-o", path)]
        assert lab(*words, "--jobs", jobs, "--resume", *outputs) == ExitCode.FAILED
    assert f"{kill_after} of 6 runs were finished before" in capsys.readouterr().err
    assert (*map(Path.read_bytes, OUTPUTS), dataset_bytes()) == expected, f"killed after {kill_after}"


def interrupted_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupts the campaign of `WORDS` when so many jobs are finished."""
    real, made = campaign.run_job, list[None]()

    def counting(*words: object, **more: object) -> object:
        if len(made) == count:
            raise KeyboardInterrupt
        made.append(None)
        return real(*words, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("lab.runs.pool.run_job", counting)
        assert lab(*WORDS, "--jobs", 1) == ExitCode.INTERRUPTED


def test_an_interrupt_says_how_to_go_on_and_what_was_finished_is_not_done_again(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_after(4, monkeypatch)
    assert "the same command with --resume goes on" in capsys.readouterr().err
    assert run_json(capsys, "results")[1]["campaigns"][0]["runs"] == {"finished": 4, "of": 6}
    made: list[int] = []
    monkeypatch.setattr(runner, "check_room", lambda *_: made.append(1))  # once for every run that is made
    assert lab(*WORDS, "--jobs", 1, "--resume") == ExitCode.FAILED
    out, err = capsys.readouterr()
    assert "4 of 6 runs were finished before" in err
    assert out.count("✗ FAIL") + out.count("✓ pass") == 12, "the verdicts of all are shown"
    assert len(made) == 2
    assert lab(*WORDS, "--jobs", 1, "--resume") == ExitCode.FAILED
    assert "6 of 6 runs were finished before" in capsys.readouterr().err
    assert len(made) == 2


def test_without_resume_everything_is_asked_again_and_its_results_replace_the_earlier(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_after(4, monkeypatch)
    assert lab(*WORDS, "--jobs", 1) == ExitCode.FAILED
    assert lab(*WORDS, "--jobs", 1) == ExitCode.FAILED
    assert finished() == 1
    capsys.readouterr()
    assert run_json(capsys, "results")[1]["campaigns"][0]["runs"] == {"finished": 6, "of": 6}


def test_a_run_whose_recording_is_gone_is_made_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lab(*WORDS, "--jobs", 1)
    expected = dataset_bytes()
    shutil.rmtree(next(Path("runs/cut").glob("4-*")))
    capsys.readouterr()
    lab(*WORDS, "--jobs", 1, "--resume")
    assert "5 of 6 runs were finished before" in capsys.readouterr().err
    assert len(list(Path("runs/cut").glob("4-*"))) == 1
    assert dataset_bytes() == expected


def test_a_run_without_a_verdict_is_made_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs").mkdir()
    Path("runs/quiet").write_text("in the way")
    assert lab(*WORDS, "--jobs", 1) == ExitCode.INTERNAL
    Path("runs/quiet").unlink()
    capsys.readouterr()
    assert lab(*WORDS, "--jobs", 1, "--resume", "-o", "results.json") == ExitCode.FAILED
    assert "3 of 6 runs were finished before" in capsys.readouterr().err
    assert json.loads(Path("results.json").read_text())["not_graded"] == []
    assert [path.name for path in Path("runs/results").glob("*/*.parquet")] == [WHOLE]


def test_failures_from_before_do_not_stop_a_campaign_that_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = ("run", "cut.scenario.yaml", "--seeds", "3", "--engine", "constant", "--no-report", "--jobs", 1, "-x")
    lab(*failing)
    for done in (1, 2, 3):
        assert finished() == (done if done < 3 else 1)
        capsys.readouterr()
        lab(*failing, "--resume")
        assert f"{done} of 3 runs were finished before" in capsys.readouterr().err


def test_an_engine_that_was_edited_is_asked_about_everything_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.py").write_text('print(\'{"schema_version": 1, "verdict": "healthy"}\')\n')
    words = ("run", "quiet.scenario.yaml", "--engine", f"cmd:{sys.executable} mine.py", "--engine-read", sys.prefix)
    words = (*words, "--no-report", "--jobs", 1, "--resume")
    lab(*words)
    lab(*words)
    assert "1 of 1 runs were finished before" in capsys.readouterr().err
    Path("mine.py").write_text('print(\'{"schema_version": 1, "verdict": "healthy"}\')  # corrected\n')
    lab(*words)
    assert "0 of 1 runs were finished before" in capsys.readouterr().err


@pytest.mark.slow
def test_workers_and_their_engines_stay_for_the_whole_campaign(folder: Path) -> None:
    temporary = folder / "temporary"
    temporary.mkdir()
    with gated_engine() as gate:
        words = (
            "run",
            ".",
            "--seeds",
            "3",
            "--engine",
            "constant",
            "--engine",
            gate.engine,
            "--no-report",
            "--jobs",
            "2",
        )
        gate.free = 4
        command = [sys.executable, "-m", "lab", *words]
        environment = os.environ | {"TMPDIR": str(temporary)}
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                eventually(lambda: finished() == 4 and gate.waiting == 2)
                homes = list(temporary.glob("rca-*"))
                engines = [path.name for home in homes for path in home.iterdir() if path.name.isdigit()]
            finally:
                gate.open()
                process.wait(PATIENCE_S)
    assert len(homes) == 2, "a host of engines in each of the two workers"
    assert engines == ["1", "1"], "one process of the engine in each, for all jobs"


@pytest.mark.slow
def test_no_worker_outlives_a_killed_lab(folder: Path) -> None:
    write("long", CUT, duration=3600, rate=300)
    temporary = folder / "temporary"
    temporary.mkdir()
    words = [sys.executable, "-m", "lab", "run", "long.scenario.yaml", "--seeds", "2", "--jobs", "2"]
    words += ["--engine", "constant", "--no-report"]
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: len(list(temporary.glob("rca-*"))) == 2)
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
    eventually(lambda: not list(temporary.glob("rca-*")), within_s=PATIENCE_S)
