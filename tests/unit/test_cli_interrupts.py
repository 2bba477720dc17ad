"""What an interrupt or a kill leaves of a run: no process and no half recording."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent

import pytest

from lab import cli
from lab.errors import ExitCode
from tests.cli_cases import CUT, run, write
from tests.waiting import PATIENCE_S, eventually


def test_a_run_clears_what_a_killed_one_left_but_not_what_another_is_writing(folder: Path) -> None:
    old, fresh = Path("runs/cut/.3-abc.old1.tmp"), Path("runs/cut/.3-abc.new1.tmp")
    for path in (old, fresh):
        path.mkdir(parents=True)
    os.utime(old, (time.time() - 3600,) * 2)
    run("quiet.scenario.yaml", "--engine", "constant")
    assert (old.exists(), fresh.exists()) == (False, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signal_sent", "jobs"), [(signal.SIGINT, 2), (signal.SIGTERM, 2), (signal.SIGINT, 1), (signal.SIGHUP, 2)]
)
def test_an_interrupt_ends_every_process_and_leaves_no_half_recording(
    signal_sent: signal.Signals, jobs: int, folder: Path
) -> None:
    write("long", CUT, duration=3600, rate=300)
    temporary = folder / "temporary"
    temporary.mkdir()
    words = [sys.executable, "-m", "lab", "run", "long.scenario.yaml", "--seeds", "3", "--jobs", str(jobs)]
    process = subprocess.Popen(
        [*words, "--engine", "constant"],
        env=os.environ | {"TMPDIR": str(temporary), "PYTHONFAULTHANDLER": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    eventually(lambda: len(list(temporary.glob("rca-*"))) == jobs)  # each process has opened its engine host
    time.sleep(0.3)
    if signal_sent in (signal.SIGINT, signal.SIGHUP):
        os.killpg(process.pid, signal_sent)  # as a terminal does
    else:
        process.send_signal(signal_sent)
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGABRT)  # so that each process says where it hangs
        pytest.fail(process.communicate()[1])
    assert process.returncode == ExitCode.INTERRUPTED
    assert (out, "Traceback" in err) == ("", False)
    assert [path for path in folder.glob("runs/*/*") if path.parent.name != "results"] == []
    assert list(folder.glob("runs/**/*.parquet")) == []  # no job was done
    assert list(temporary.glob("rca-*")) == []


HELD = """
import sys
from lab import cli
def wait(*_, **__):
    try:
        print("held", flush=True)
        sys.stdin.read()
    finally:
        print("put back", *(" " * 100_000), file=sys.stderr)
        sys.stdout.write("results")
cli.cli.main = wait
sys.exit(cli.main())
"""
"""The command line around a command that waits, and prints while it ends."""


@contextmanager
def lab_waiting(**streams: int) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", HELD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **streams
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_the_lab_in_order_also_where_nobody_reads_any_more(
    number: signal.Signals, tmp_path: Path
) -> None:
    with lab_waiting(stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stderr.close()
        process.send_signal(number)
        assert process.wait(timeout=PATIENCE_S) == ExitCode.INTERRUPTED
    with (tmp_path / "err").open("wb") as kept, lab_waiting(stderr=kept.fileno()) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.send_signal(number)
        assert process.wait(timeout=PATIENCE_S) == ExitCode.INTERRUPTED
    errors = (tmp_path / "err").read_text(encoding="utf-8")
    assert errors.startswith("put back")
    assert errors.splitlines()[1:] == ["interrupted; what was complete is kept"]


LOST = """
class Cleared:
    def __del__(self):
        __import__("signal").raise_signal(__import__("signal").{name})
Cleared()
"""
"""A signal while an object is cleared up, where Python ignores what is raised."""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_that_comes_while_python_clears_up_ends_the_lab_too(name: str) -> None:
    waits = "        __import__('time').sleep(600)"
    code = HELD.replace("        sys.stdin.read()", indent(LOST.format(name=name), " " * 8) + waits)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            _, errors = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert process.returncode == ExitCode.INTERRUPTED
    assert b"Traceback" not in errors


def test_who_calls_the_lab_hears_of_other_errors_while_python_clears_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __del__(self) -> None:
            raise ValueError

    said: list[type[BaseException]] = []

    def hook(error: sys.UnraisableHookArgs) -> None:
        said.append(error.exc_type)

    def command(*_: object, **__: object) -> None:
        Broken()

    monkeypatch.setattr(sys, "unraisablehook", hook)
    monkeypatch.setattr(cli.cli, "main", command)
    assert cli.main([]) == ExitCode.OK
    assert said == [ValueError]
    assert sys.unraisablehook is hook


def test_signals_without_end_do_not_kill_a_lab_that_leaves() -> None:
    with lab_waiting(stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.01)
        assert process.returncode == ExitCode.INTERRUPTED


def test_a_terminal_that_was_closed_ends_the_lab_in_order(tmp_path: Path) -> None:
    """Then the kernel sends SIGHUP, and every write to it fails."""
    terminal, its = pty.openpty()
    command = [sys.executable, "-c", HELD.replace("sys.stdin.read()", "__import__('time').sleep(600)")]
    with subprocess.Popen(
        ["setsid", "--ctty", "--wait", *command], stdin=its, stdout=its, stderr=its, start_new_session=True
    ) as process:  # fmt: skip
        try:
            os.close(its)
            assert os.read(terminal, 100).strip() == b"held"
            os.close(terminal)
            assert process.wait(timeout=PATIENCE_S) == ExitCode.INTERRUPTED
        finally:
            process.kill()


def test_a_lab_under_nohup_outlives_its_terminal() -> None:
    with subprocess.Popen(
        ["nohup", sys.executable, "-c", HELD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            process.send_signal(signal.SIGHUP)
            out, _ = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert (process.returncode, out) == (ExitCode.OK, b"results")
