"""Child processes of engines: their environment, how they are stopped, and their last output."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import site
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.engines import COMMAND
from lab.engines.capture import LARGEST_ANSWER_BYTES, TooMuchOutputError, captured
from lab.engines.launcher import CANNOT_START
from lab.engines.options import EngineOptions


class NoAnswerError(Exception):
    """An engine gave no usable answer; the message is the reason shown with the failed case."""


_TELLING = re.compile("LAB_|PYTEST_|GITHUB_(?!TOKEN$)|MAKE|MFLAGS|PWD$|OLDPWD$|_$")
"""Variables of the lab and of what starts it."""
_SHORTEST_NAME = 6
SCRATCH = "scratch"
"""Where an engine's home and temporary files lie in its folder."""
_ROUNDS = 5


def import_path() -> list[str]:
    """This process's import path, absolute."""
    return [str(Path(entry or ".").absolute()) for entry in sys.path]


def neutral_environment(folder: Path, options: EngineOptions, path: Sequence[str] = ()) -> dict[str, str]:
    """This process's environment without variables that reveal the run. Keys and proxies that an engine needs stay.

    Home and temporary files lie in `folder`. `path` is the import path of Python.
    """
    kept = {name: value for name, value in os.environ.items() if not _TELLING.match(name)}
    for name in [name for name, value in kept.items() if name != "PATH" and _reveals(value, options)]:
        del kept[name]
    scratch = folder / SCRATCH
    scratch.mkdir(exist_ok=True)
    own = {"PWD": str(folder), "HOME": str(scratch), "TMPDIR": str(scratch), "PYTHONUSERBASE": site.getuserbase()}
    for name in [name for name in kept if name.startswith("XDG_")]:
        del kept[name]
    return kept | own | ({"PYTHONPATH": os.pathsep.join(path)} if path else {})


def _reveals(value: str, options: EngineOptions) -> bool:
    """Whether a value names a place of truth, or a scenario."""
    here = Path.cwd()
    places = [str(place) for place in options.hidden if not here.is_relative_to(place)]
    return any(place in value for place in places) or any(
        re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", value)
        for name in options.names
        if len(name) >= _SHORTEST_NAME
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kills a process that leads its own session, with everything it started there, and reaps it."""
    # Gone already: it ended by itself, and so did its children.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def end_left(folder: Path) -> None:
    """Kills what an engine left in sessions of its own: processes whose environment names its folder. Best effort.

    A process that emptied its environment is not found, nor is any where there is no /proc.
    """
    mark = os.fsencode(folder / SCRATCH)
    for _ in range(_ROUNDS):  # one may just have been started by another
        found = [pid for pid in _processes() if _environment_holds(pid, mark)]
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    except OSError:  # no such file system here
        return []


def _environment_holds(pid: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # gone, or another user's
        return False


class Guard:
    """Kills a process's session when this process dies without having had the time to, as by SIGKILL.

    A shell waits for the end of a pipe that only this process holds open. Best effort: where there is no shell,
    nothing watches.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._watcher: subprocess.Popen[bytes] | None = None
        with suppress(OSError):
            self._watcher = subprocess.Popen(
                ["/bin/sh", "-c", 'read _; kill -s KILL -- "-$0"', str(process.pid)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )

    def dismiss(self) -> None:
        """Ends the watch; safe to repeat."""
        if self._watcher is not None and self._watcher.stdin is not None:
            self._watcher.kill()
            self._watcher.stdin.close()
            self._watcher.wait()


@contextmanager
def guarded(process: subprocess.Popen[bytes], folder: Path) -> Iterator[None]:
    """Stops the process at the end, however this process ends, and what it left behind."""
    guard = Guard(process)
    try:
        yield
    finally:
        stop(process)
        end_left(folder)
        guard.dismiss()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def last_words(stderr: bytes) -> str:
    """The end of what a process wrote to stderr, short enough for a table cell."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-3:])[-400:]


def ending(returncode: int, stderr: bytes) -> str:
    """How a process ended and its last words."""
    how = f"was killed by signal {-returncode}" if returncode < 0 else f"exited with status {returncode}"
    words = last_words(stderr)
    if returncode == CANNOT_START and words.startswith(("cannot start ", "cannot be confined: ")):
        return words  # written by the launcher, not by the engine
    return f"{how}: {words}" if words else how


def command_line(spec: str) -> list[str]:
    """The words of a `cmd:` engine; files named relative to here are made absolute, since the engine runs elsewhere."""
    program, *arguments = shlex.split(spec.removeprefix(COMMAND))
    program = shutil.which(program) or program
    return [os.path.abspath(word) if is_file(word) else word for word in (program, *arguments)]


def is_file(word: str) -> bool:
    """Whether a word of a command names a file; one that no file can be called, such as a long text, does not."""
    try:
        return Path(word).is_file()
    except (OSError, ValueError):
        return False


def run_command(words: Sequence[str], folder: Path, timeout_s: float, environment: Mapping[str, str]) -> str:
    """Runs a command in a folder and returns what it printed."""
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )
    except OSError as error:
        raise NoAnswerError(f"cannot start {words[0]}: {error.strerror or error}") from error
    with guarded(process, folder):
        try:
            printed, stderr = captured(process, timeout_s)
        except TimeoutError as error:
            raise NoAnswerError(f"timed out after {timeout_s:g} s") from error
        except TooMuchOutputError as error:
            raise NoAnswerError(f"answered more than {LARGEST_ANSWER_BYTES} bytes") from error
    if process.returncode != 0:
        raise NoAnswerError(ending(process.returncode, stderr))
    return printed.decode(errors="replace")
