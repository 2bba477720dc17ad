"""Runs engines on recordings so that they see `observed/` and nothing else, and so that no failure goes unnoticed.

Every case is a copy of `observed/` in a neutrally named directory: no path, argument or environment variable tells
the engine the scenario. This keeps honest engines honest; it is no sandbox for hostile ones.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from lab.contracts import Diagnosis, DiagnosisError, EngineFailure
from lab.engines import COMMAND, REMOTE, check_engine
from lab.engines.processes import NoAnswerError, neutral_environment, run_command, worker_environment
from lab.engines.remote import post
from lab.engines.worker_client import Worker

TIMEOUT_S = 120.0
_PREFIX = "rca-"
_NEW_S = 60.0
"""A directory this young may be one whose owner is about to lock it."""


class EngineHost:
    """A context in which engines are asked. Python engines live in one worker process each until the context ends.

    `timeout_s` bounds one answer, an engine's start-up included.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self._workers: dict[str, Worker] = {}
        self._cases = 0
        self._home: Path | None = None
        self._lock: int | None = None

    def __enter__(self) -> EngineHost:
        sweep()
        self._home = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        self._lock = _locked(self._home)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def diagnose(self, spec: str, observed: Path) -> Diagnosis | EngineFailure:
        """An engine's answer on one recording's `observed/`, or why there is none. UserError for an impossible spec."""
        check_engine(spec)
        with self._copy(observed) as copy:
            try:
                return _diagnosis(self._answer(spec, copy))
            except NoAnswerError as error:
                # The copy's random path would make two equal campaigns' results differ.
                reason = str(error).replace(str(copy.parent), ".").replace(str(copy.parent.parent), ".")
                return EngineFailure(reason.encode(errors="backslashreplace").decode())

    @contextmanager
    def _copy(self, observed: Path) -> Iterator[Path]:
        if self._home is None:
            raise RuntimeError("EngineHost is used outside its context")
        self._cases += 1
        case = self._home / f"case-{self._cases}"
        try:
            # copyfile: contents without times, which would order the files as the lab wrote them.
            yield Path(shutil.copytree(observed, case / "observed", copy_function=shutil.copyfile))
        finally:
            shutil.rmtree(case, ignore_errors=True)

    def _answer(self, spec: str, observed: Path) -> Any:
        if spec.startswith(COMMAND):
            printed = run_command(spec, observed, self.timeout_s, neutral_environment(observed.parent))
            return _parsed(printed)
        if spec.startswith(REMOTE):
            return _parsed(post(spec, observed, self.timeout_s))
        answer = self._worker(spec, observed.parent.parent).ask(observed, self.timeout_s)
        if "error" in answer:
            raise NoAnswerError(answer["error"])
        return answer["diagnosis"]

    def _worker(self, name: str, home: Path) -> Worker:
        worker = self._workers.get(name)
        if worker is None or not worker.alive:
            own = home / f"worker-{self._cases}"
            own.mkdir()
            worker = self._workers[name] = Worker(name, own, worker_environment(own))
        return worker


def sweep() -> None:
    """Removes the copies that killed labs left in the temporary directory: those of this user that nobody holds."""
    for home in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            known = home.lstat()
            if not stat.S_ISDIR(known.st_mode) or known.st_uid != os.getuid() or time.time() - known.st_mtime < _NEW_S:
                continue
            lock = _locked(home)
            if lock is not None:
                shutil.rmtree(home, ignore_errors=True)
                os.close(lock)


def _locked(directory: Path) -> int | None:
    """A lock on a directory that ends with this process at the latest; None where another process holds it."""
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        seen = text.strip()[:80]
        raise NoAnswerError(f"answered nonsense: not JSON ({error}): {seen!r}") from error


def _diagnosis(answer: Any) -> Diagnosis:
    try:
        # Half a surrogate pair is a JSON string, but no file can hold it.
        json.dumps(answer, ensure_ascii=False).encode()
        return Diagnosis.from_json(answer)
    except (DiagnosisError, TypeError, OverflowError, RecursionError, UnicodeEncodeError) as error:
        raise NoAnswerError(f"answered nonsense: {error}") from error
