"""Worker processes: what comes of a job, and that nothing of them is left."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.errors import Problem, UserError
from lab.investigation.workers import Failure, Workers
from tests.waiting import PATIENCE_S, eventually


def doubled(number: int, progress: Any) -> int:
    progress("f1 is injected", 0.5)
    return 2 * number


def process_of(progress: Any) -> int:
    return os.getpid()


def broken(progress: Any) -> None:
    raise ZeroDivisionError("of f1")


def refused(progress: Any) -> None:
    raise UserError(Problem("no room for needle", hint="make room"))


def dying(progress: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def waiting(file: Path, progress: Any) -> None:
    progress("waits", 0.25)
    try:
        file.write_text(str(os.getpid()))
        time.sleep(600)
    finally:
        file.unlink()


@pytest.fixture
def workers() -> Iterator[Workers]:
    found = Workers(1)
    yield found
    found.close()


def outcome(workers: Workers, function: Any, *given: Any) -> Any:
    """What came of a job: its result, or why it failed."""
    ended, found = threading.Event(), []

    def end(what: Any) -> None:
        found.append(what)
        ended.set()

    workers.submit(function, *given, then=end, failed=end)
    assert ended.wait(PATIENCE_S)
    return found[0]


@pytest.mark.slow
def test_what_a_job_gives_comes_back(workers: Workers):
    assert outcome(workers, doubled, 21) == 42


@pytest.mark.slow
@pytest.mark.parametrize("function", [broken, refused])
def test_why_a_job_failed_is_for_the_server_and_not_for_who_waits(
    workers: Workers, capsys: pytest.CaptureFixture[str], function: Any
):
    failure = outcome(workers, function)
    assert isinstance(failure, Failure)
    assert "f1" not in str(failure)
    assert "needle" not in str(failure)
    assert "ZeroDivisionError: of f1" in (errors := capsys.readouterr().err) or "no room for needle" in errors


@pytest.mark.slow
def test_a_worker_that_dies_fails_its_job_and_no_other(workers: Workers):
    assert outcome(workers, dying).what == "the process that simulates died"
    assert outcome(workers, doubled, 4) == 8


@pytest.mark.slow
def test_workers_are_ended_in_the_middle_and_leave_through_what_they_must_do(workers: Workers, tmp_path: Path):
    file = tmp_path / "held"
    told: list[Any] = []
    job = workers.submit(waiting, file, then=told.append, failed=told.append)
    eventually(lambda: file.is_file() and file.read_text())
    assert job.share == 0.25
    workers.close()
    eventually(lambda: not file.exists())
    assert told == [], "the server ends: nobody is told"


@pytest.mark.slow
def test_what_comes_of_a_job_while_the_server_ends_is_no_error(workers: Workers, capsys: pytest.CaptureFixture[str]):
    begun, ended = threading.Event(), threading.Event()

    def then(_: Any) -> None:
        begun.set()
        ended.wait(PATIENCE_S)
        workers.submit(doubled, 1, then=print, failed=print)

    workers.submit(doubled, 1, then=then, failed=then)
    assert begun.wait(PATIENCE_S)
    closing = threading.Thread(target=workers.close)
    closing.start()
    time.sleep(0.1)
    ended.set()
    closing.join()
    assert capsys.readouterr().err == ""
