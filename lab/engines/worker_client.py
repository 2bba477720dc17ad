"""The lab's end of a worker process: started once per engine, asked case by case, killed when it does not answer."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from lab.engines.capture import LARGEST_ANSWER_BYTES, STDERR_TAIL_BYTES
from lab.engines.processes import Guard, NoAnswerError, ending, stop


class Worker:
    """One engine in one process. After a NoAnswerError check `alive`: a dead worker is not asked again."""

    @staticmethod
    def command(name: str) -> list[str]:
        """The command of an engine's worker."""
        return [sys.executable, "-m", "lab.engines.worker", name]

    def __init__(self, words: Sequence[str], home: Path, environment: Mapping[str, str]) -> None:
        self._log = (home / "stderr.log").open("w+b")
        self._process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=home,
            env=dict(environment),
            start_new_session=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        self._guard = Guard(self._process)
        self._requests: IO[bytes] = self._process.stdin
        self._answers: IO[bytes] = self._process.stdout
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.alive = True

    def _read(self) -> None:
        while line := self._answers.readline(LARGEST_ANSWER_BYTES + 1):
            self._lines.put(line)
        self._lines.put(b"")

    def ask(self, request: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """The worker's answer to a request, or NoAnswerError with the reason; a worker that died or hung is closed."""
        start = self._log.seek(0, 2)
        with suppress(OSError):  # it is gone; the reader says so below
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            self.close()
            raise NoAnswerError(f"timed out after {timeout_s:g} s") from None
        if len(line) > LARGEST_ANSWER_BYTES:
            self.close()
            raise NoAnswerError(f"answered more than {LARGEST_ANSWER_BYTES} bytes")
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        returncode = self._process.wait()
        self._log.seek(max(start, self._log.seek(0, 2) - STDERR_TAIL_BYTES))
        stderr = self._log.read()
        self.close()
        raise NoAnswerError(ending(returncode, stderr))

    def close(self) -> None:
        """Kills the process and what it started; safe to repeat."""
        self.alive = False
        stop(self._process)
        self._guard.dismiss()
        self._reader.join()
        for stream in (self._requests, self._answers, self._log):
            with suppress(OSError):  # an unsent request to a process that is gone
                stream.close()
