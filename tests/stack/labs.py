"""Labs as processes of their own, forked from one that has imported the lab and done nothing else.

A Python of its own for each of hundreds would spend most of the tests' time on importing the same modules.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import TextIO

_forked = multiprocessing.get_context("forkserver")
_forked.set_forkserver_preload(
    ["tests.stack.holder", "lab.cli.recover", "lab.cli.config_file", "docker", "psycopg", "redis", "pytest"]
)


class Lab:
    """`lab ARGUMENTS...` in a process of its own, with pipes; `hold` is a command of `holder.py`."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        here, there = zip(*(_pipe(is_input=number == 0) for number in range(3)), strict=True)
        self._process = _forked.Process(
            target=_become, args=(tuple(arguments), there, {**os.environ, **(environment or {})})
        )
        self._process.start()
        for end in there:
            end.close()
        self.stdin, self.stdout, self.stderr = (_opened(end, number) for number, end in enumerate(here))

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        for pipe in (self.stdin, self.stdout, self.stderr):
            pipe.close()

    def wait(self, timeout: float) -> int:
        """The exit code, negative after a signal; TimeoutError when it does not end."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"the lab did not end within {timeout:g} s")
        return self._process.exitcode


def lab_to_end(arguments: Sequence[str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Runs a lab until it ends; what it prints is little enough for a pipe."""
    lab = Lab(arguments)
    try:
        code = lab.wait(timeout)
        return subprocess.CompletedProcess(list(arguments), code, lab.stdout.read(), lab.stderr.read())
    finally:
        lab.kill()


def _pipe(*, is_input: bool) -> tuple[Connection, Connection]:
    """(the test's end, the lab's end)"""
    reader, writer = _forked.Pipe(duplex=False)
    return (writer, reader) if is_input else (reader, writer)  # type: ignore[return-value]


def _opened(end: Connection, number: int) -> TextIO:
    number_of_copy = os.dup(end.fileno())
    end.close()
    return os.fdopen(number_of_copy, "w" if number == 0 else "r", encoding="utf-8")


def _become(arguments: Sequence[str], pipes: Sequence[Connection], environment: Mapping[str, str]) -> None:
    """In the new process: becomes the lab."""
    from tests.stack import holder

    sys.argv = ["lab", *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    for number, pipe in enumerate(pipes):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False) for number in range(3)
    )
    code = holder.main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
