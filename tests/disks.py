"""Small disks, full disks and disks that cannot be written: real file systems, where this process may mount one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def disk(at: Path, size: str = "64k") -> Iterator[Path]:
    """A file system of this size; the test is skipped where none can be mounted."""
    at.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)]
    done = subprocess.run(mount, check=False, capture_output=True, text=True) if shutil.which("mount") else None
    if done is None or done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip() if done else 'there is no mount'}")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def fill(at: Path, leave_bytes: int = 0) -> Path:
    """Fills a file system but for so many bytes; returns the file that does it."""
    filler = at / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
        file.truncate(max(0, file.tell() - leave_bytes))
    return filler


def make_read_only(at: Path) -> None:
    """Makes a mounted file system one that is only read."""
    subprocess.run(["mount", "-o", "remount,ro", str(at)], check=True)
