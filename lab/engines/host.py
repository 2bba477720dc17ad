"""Runs engines on recordings: they see only `observed/`, and every failure is noticed.

Every case is a copy of `observed/` in a neutrally named directory: no path, argument or environment variable reveals
the engine the scenario. Where the system allows it the engine's processes are confined (`lab.engines.confinement`).
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
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any

from lab.contracts import Diagnosis, DiagnosisError, EngineFailure, Isolation
from lab.engines import COMMAND, REMOTE, check_engine, handed_over, top_module
from lab.engines.confinement import Confinement, cpu_limit_s, explained, landlock_abi
from lab.engines.options import EngineOptions
from lab.engines.processes import NoAnswerError, command_line, import_path, neutral_environment, run_command
from lab.engines.remote import post
from lab.engines.worker_client import Worker
from lab.registration.world import installed_worlds

_PREFIX = "rca-"
_LONGEST_REASON = 2_000
"""Characters: an exception's text may have millions."""
_NEW_S = 60.0
"""A directory this young may be one whose owner is about to lock it."""


class EngineHost:
    """A context in which engines are asked. Python engines live in one worker process each until the context ends."""

    def __init__(self, options: EngineOptions | None = None) -> None:
        self.options = options or EngineOptions()
        self._workers: dict[str, tuple[Worker, Path, Confinement | None]] = {}
        """By name; the path is where its cases are copied to, which it may read and not write to."""
        self._isolation: dict[str, Isolation] = {}
        self._numbers = 0
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
        for worker, _, _ in self._workers.values():
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
        try:
            return _diagnosis(self._answer(spec, observed))
        except NoAnswerError as error:
            confined = "landlock" in self.isolation(spec).by
            reason = explained(str(error), self.options, command_line(spec)) if confined else str(error)
            return EngineFailure(reason[:_LONGEST_REASON].encode(errors="backslashreplace").decode())

    def isolation(self, spec: str) -> Isolation:
        """What kept an engine from the truth when it was asked last."""
        return self._isolation.get(spec, Isolation())

    def describe(self, name: str) -> str:
        """What an installed Python engine says of itself, loaded in its own process; else NoAnswerError."""
        worker, _, _ = self._worker(name)
        return str(worker.ask({"describe": True}, self.options.timeout_s).get("doc", ""))

    def _folder(self) -> Path:
        """A new directory for one process and what it may write."""
        if self._home is None:
            raise RuntimeError("EngineHost is used outside its context")
        self._numbers += 1
        folder = self._home / str(self._numbers)
        folder.mkdir()
        return folder

    def _answer(self, spec: str, observed: Path) -> Any:
        if spec.startswith(REMOTE):
            self._isolation[spec] = Isolation("remote")
            return _parsed(post(spec, observed, self.options.timeout_s))
        return _parsed(self._run(spec, observed)) if spec.startswith(COMMAND) else self._in_worker(spec, observed)

    def _confinement(self, folder: Path, cases: Path | None = None) -> Confinement | None:
        if not self.options.confine or not landlock_abi():
            return None
        return Confinement(self.options, folder, folder.with_suffix(".policy"), cases)

    def _run(self, spec: str, observed: Path) -> str:
        folder, words, path = self._folder(), command_line(spec), list[str]()
        confinement = self._confinement(folder)
        try:
            copy, signals = copied(observed, folder / "observed")
            if confinement is not None:
                path = confinement.for_command(words)
                words = confinement.command(words, cpu=True)
            environment = neutral_environment(folder, self.options, path) | told(signals)
            with _neutral_reasons(folder, folder.parent):
                return run_command([*words, str(copy)], folder, self.options.timeout_s, environment)
        finally:
            self._isolation[spec] = confinement.isolation() if confinement else Isolation("none")
            shutil.rmtree(folder, ignore_errors=True)

    def _in_worker(self, name: str, observed: Path) -> Any:
        worker, cases, confinement = self._worker(name)
        case = Path(tempfile.mkdtemp(dir=cases))
        try:
            with _neutral_reasons(case, cases, cases.with_suffix("")):
                copy, signals = copied(observed, case / "observed")
                request = {"observed": str(copy), "environment": told(signals), "cpu_s": cpu_limit_s(self.options)}
                answer = worker.ask(request, self.options.timeout_s)
                if "error" in answer:
                    raise NoAnswerError(str(answer["error"]))
                return answer.get("diagnosis")
        finally:
            self._isolation[name] = confinement.isolation() if confinement else Isolation("none")
            shutil.rmtree(case, ignore_errors=True)

    def _worker(self, name: str) -> tuple[Worker, Path, Confinement | None]:
        known = self._workers.get(name)
        if known is not None and known[0].alive:
            return known
        folder = self._folder()
        # Beside the folder that the engine may write to: it could put a link where the lab is about to write.
        cases = folder.with_suffix(".cases")
        cases.mkdir()
        confinement = self._confinement(folder, cases)
        path = import_path() if confinement is None else confinement.for_worker([top_module(name), *_worlds()])
        words = Worker.command(handed_over(name, folder))
        if confinement is not None:
            words = confinement.command(words, cpu=False)
        environment = neutral_environment(folder, self.options, path) | {"PYTHONSAFEPATH": "1"}
        self._workers[name] = Worker(words, folder, environment), cases, confinement
        return self._workers[name]


def _worlds() -> list[str]:
    """Top-level modules of installed worlds: signals of their recordings are computed where an engine asks for them."""
    return sorted({entry.value.partition(":")[0].partition(".")[0] for entry in installed_worlds().values()})


def copied(observed: Path, copy: Path) -> tuple[Path, str | None]:
    """A copy of `observed/` for an engine, with the signals that are kept of it: nothing that it could not compute.

    Returns the copy and the SHA-256 of the signals beside it, None without any; `told` makes it known to the engine.
    """
    from lab.recording.rundir import SIGNALS_FILE
    from lab.signals.kept import trusted

    # copyfile: contents without times, which would order the files as the lab wrote them.
    shutil.copytree(observed, copy, copy_function=shutil.copyfile)
    signals = trusted(copy, observed.parent)
    if signals is None:
        return copy, None
    (copy.parent / SIGNALS_FILE).write_bytes(signals)
    return copy, sha256(signals).hexdigest()


def told(signals: str | None) -> dict[str, str]:
    """What the environment of an engine's process has to say of the signals beside its copy, by their SHA-256."""
    from lab.recording.rundir import SIGNALS_VARIABLE

    return {SIGNALS_VARIABLE: signals or ""}


@contextmanager
def _neutral_reasons(*folders: Path) -> Iterator[None]:
    """Random paths would make two equal campaigns' results differ; the innermost folder comes first."""
    try:
        yield
    except NoAnswerError as error:
        reason = str(error)
        for folder in folders:
            reason = reason.replace(str(folder), ".")
        raise NoAnswerError(reason) from error


def sweep() -> None:
    """Removes the copies that killed labs left in the temporary directory: those of this user that no process holds."""
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
