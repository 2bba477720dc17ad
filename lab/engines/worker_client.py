"""The lab's end of a worker process: started once per engine, asked case by case, killed when it does not answer."""

from __future__ import annotations

import json
import os
import secrets
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from lab.engines.capture import GRACE_S, LARGEST_ANSWER_BYTES, STDERR_TAIL_BYTES
from lab.engines.processes import Guard, NoAnswerError, end_left, ending, stop

_CHUNK_BYTES = 2**16
_POLL_S = 0.05
_NONSENSE = "answered nonsense on the pipe that is the lab's"


class Worker:
    """One engine in one process. After a NoAnswerError check `alive`: a dead worker is not asked again.

    The engine shares the process with the protocol and may write to its pipe: nothing that is read there is trusted.
    """

    @staticmethod
    def command(name: str) -> list[str]:
        """The command of an engine's worker."""
        return [sys.executable, "-m", "lab.engines.worker", name]

    def __init__(self, words: Sequence[str], home: Path, environment: Mapping[str, str]) -> None:
        self._home = home
        self._log = (home / "stderr.log").open("w+b")
        self._process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=home,
            env=dict(environment),
            start_new_session=True,
            bufsize=0,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        self._guard = Guard(self._process)
        self._requests: IO[bytes] = self._process.stdin
        self._answers: IO[bytes] = self._process.stdout
        for stream in (self._requests, self._answers):
            os.set_blocking(stream.fileno(), False)
        self._open = True

    @property
    def alive(self) -> bool:
        """Whether it can be asked: it has not been closed, and says nothing unasked."""
        if self._open and self._readable(0.0):
            self.close()
        return self._open

    def ask(self, request: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """The worker's answer to a request, or NoAnswerError with the reason; a worker that died or hung is closed."""
        start = self._log.seek(0, 2)
        number = secrets.token_hex(8)
        deadline_s = time.monotonic() + timeout_s
        try:
            with suppress(OSError):  # it is gone, or does not read; that it says nothing is found below
                self._requests.write(json.dumps({"id": number, **request}).encode() + b"\n")
            line = self._line(deadline_s)
            if line:
                return _answer(line, number)
            returncode = self._process.wait(max(0.0, deadline_s - time.monotonic()))
            self._log.seek(max(start, self._log.seek(0, 2) - STDERR_TAIL_BYTES))
            raise NoAnswerError(ending(returncode, self._log.read(STDERR_TAIL_BYTES)))
        except (TimeoutError, subprocess.TimeoutExpired):
            self.close()
            raise NoAnswerError(f"timed out after {timeout_s:g} s") from None
        except BaseException:
            self.close()
            raise

    def _line(self, deadline_s: float) -> bytes:
        """The next line, and nothing after it; empty where the process ended. TimeoutError past the deadline."""
        line, ended_s = bytearray(), None
        while not line.endswith(b"\n"):
            now_s = time.monotonic()
            if now_s > deadline_s:
                raise TimeoutError
            if ended_s is None and self._process.poll() is not None:
                ended_s = now_s
            if not self._readable(_POLL_S):
                if ended_s is not None and now_s > ended_s + GRACE_S:
                    return b""  # what it left behind holds the pipe open
                continue
            chunk = os.read(self._answers.fileno(), _CHUNK_BYTES)
            if not chunk:
                return b""
            if b"\n" in chunk[:-1]:
                raise NoAnswerError(f"{_NONSENSE}: more than one line")
            line += chunk
            if len(line) > LARGEST_ANSWER_BYTES:
                raise NoAnswerError(f"answered more than {LARGEST_ANSWER_BYTES} bytes")
        return bytes(line)

    def _readable(self, wait_s: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            return bool(selector.select(wait_s))

    def close(self) -> None:
        """Kills the process and what it started; safe to repeat."""
        if not self._open:
            return
        self._open = False
        stop(self._process)
        end_left(self._home)
        self._guard.dismiss()
        for stream in (self._requests, self._answers, self._log):
            with suppress(OSError):  # an unsent request to a process that is gone
                stream.close()


def _answer(line: bytes, number: str) -> dict[str, Any]:
    """What a line says in answer to the request of this number."""
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NoAnswerError(f"{_NONSENSE}: {line[:80]!r}") from error
    if not isinstance(reply, dict) or reply.get("id") != number:
        raise NoAnswerError(f"{_NONSENSE}: {line[:80]!r} is no answer to what was asked")
    return reply
