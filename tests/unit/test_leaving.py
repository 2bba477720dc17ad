"""How worker processes leave when they are asked to: through their job, whatever that does about failures."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from lab.engines.options import EngineOptions
from lab.runs import leaving, pool
from tests.waiting import PATIENCE_S, eventually

WORKER = """
import signal, time
from lab.runs.leaving import at_work, leave_when_asked
def say(word): print(word, flush=True)
def asked(): signal.raise_signal(signal.SIGTERM)
def job():
{job}
leave_when_asked(lambda: say("last"))
at_work(job)
say("idle")
asked()
say("not reached")
"""

CASES = {
    "idle": ("say('done')", ["done", "idle", "last"]),
    "in a job": ("try: asked(); say('went on')\nfinally: say('put away')", ["put away", "last"]),
    "where failures of plug-ins are caught": (
        "try: asked()\nexcept (Exception, SystemExit): say('taken for a failure')", ["last"],
    ),
    "often while it puts away": (
        "try: asked()\nfinally:\n    asked(); time.sleep(1); say('put away')", ["put away", "last"],
    ),
    "often while it handles another failure": (
        "try: asked()\nfinally:\n    try: 1 / 0\n    except ZeroDivisionError: asked(); time.sleep(1); say('put away')",
        ["put away", "last"],
    ),
    "often in the end of a block": (
        ("from contextlib import contextmanager\n@contextmanager\ndef held():\n    try: yield\n"
        "    finally: asked(); time.sleep(1); say('put away')\nwith held(): asked()"), ["put away", "last"],
    ),
    "where what is raised is lost": (
        "try: asked()\nexcept: pass\ntry: time.sleep(600)\nfinally: say('put away')", ["put away", "last"],
    ),
    "while an object is cleared up": (
        "class Gone:\n    def __del__(self): asked()\ntry:\n    Gone(); time.sleep(600)\nfinally: say('put away')",
        ["put away", "last"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("job", "said"), CASES.values(), ids=CASES)
def test_a_worker_that_is_asked_leaves_in_order(job: str, said: list[str]) -> None:
    code = WORKER.format(job=indent(job, "    "))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.stdout.split("\n")[:-1], done.stderr) == (said, "")
    assert done.returncode == leaving.STATUS


def test_a_job_that_fails_fails_as_it_would_and_the_worker_is_idle_then() -> None:
    code = WORKER.format(job="    raise ValueError('no')").replace(
        "at_work(job)", "try: at_work(job)\nexcept ValueError: say('failed')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.stdout.split(), done.returncode) == (["failed", "idle", "last"], leaving.STATUS)


def start_putting_away(*given: Any) -> None:
    """In a worker: its jobs are paths, and last until they are stopped; then what they put away takes its time."""

    def at_work(path: Path, *_: object, **__: object) -> None:
        try:
            path.with_suffix(".begun").touch()
            time.sleep(PATIENCE_S)
        finally:
            for _ in range(int(path.name) * 100):
                time.sleep(0.01)
            path.with_suffix(".put_away").touch()

    pool._start_worker(*given)
    pool.run_job = at_work  # type: ignore[assignment]


@pytest.mark.slow
def test_a_worker_that_leaves_sooner_does_not_cut_short_what_another_puts_away(tmp_path: Path) -> None:
    jobs = [tmp_path / "0", tmp_path / "1"]
    given = (multiprocessing.RawArray("d", 2), pool._Settings(tmp_path, True, EngineOptions()))
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), start_putting_away, given) as workers:
        for number, job in enumerate(jobs):
            workers.submit(pool._work, number, job)  # type: ignore[arg-type]
        eventually(lambda: all(job.with_suffix(".begun").exists() for job in jobs))
        pool._stop_children()
    assert [job.with_suffix(".put_away").exists() for job in jobs] == [True, True]
