"""Processes of this machine: identified by number and start time, signalled safely, children that end with the lab."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_STATE, _STARTED = 0, 19
"""Fields of `/proc/PID/stat` after the name in brackets: one letter, and clock ticks since boot."""


def born(pid: int) -> str:
    """The start time of a process, which distinguishes it from a later one of its number; empty without one."""
    fields = _stat(pid)
    if fields:
        return f"{_boot()}/{fields[_STARTED]}"
    if Path("/proc/self/stat").exists():
        return ""
    asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], check=False, capture_output=True, text=True)
    return asked.stdout.strip()


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped, as by SIGSTOP or Ctrl-Z: it answers no signal but the last one."""
    fields = _stat(pid)
    return bool(fields) and fields[_STATE] in "Tt"


def send(pid: int, known: str, number: int) -> bool:
    """Signals the process whose start time is `known`; False if it has ended. PermissionError: another user's."""
    with _handle(pid) as handle:
        if born(pid) != known:
            return False
        try:
            if handle is None:
                os.kill(pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
    return True


@contextmanager
def _handle(pid: int) -> Iterator[int | None]:
    """A handle of the process that has the number now, not of a later one with the same number."""
    handle = None
    with suppress(OSError, AttributeError):  # gone, or a system without such handles
        handle = os.pidfd_open(pid)
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return ""


@contextmanager
def ended_with_us(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that changes the stack, and so may not outlast the lab that started it, nor may what it started.

    Whatever ends the block kills it; a lab that is killed takes it along (on Linux). It is in a session of its own:
    an interrupt at the terminal is the lab's to pass on.
    """
    with subprocess.Popen(
        command,
        start_new_session=True,
        preexec_fn=_end_with_parent,  # noqa: PLW1509  # it is one system call
        **options,
    ) as process:
        try:
            yield process
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise


_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
