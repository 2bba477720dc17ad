"""Compiled kernels in the user's cache: one file each, which carries its own checksum.

A file is trusted only where it belongs to this user and nobody else may write it: what is in it is run.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

UNUSED_DAYS = 90
"""After how long a kernel that nobody loads is deleted."""
_MAGIC = b"chaos-lab kernel 1"


class Built(NamedTuple):
    """A compiled kernel: the name of its function and the object file that defines it."""

    symbol: str
    code: bytes


def cache_directory() -> Path:
    """Where the lab keeps for this user what it can make again."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("LAB_CACHE_DIR") or user_cache_path("chaos-lab"))


def kernels_directory() -> Path:
    """Where compiled kernels are kept."""
    return cache_directory() / "kernels"


def kept_count() -> int:
    """How many compiled kernels are kept, of any version."""
    return len(list(kernels_directory().glob("*.o")))


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Waits until no other process of this user builds this kernel."""
    import fcntl

    handle = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read(path: Path, key: str) -> Built | None:
    """A kept kernel; None where there is none, or none that can be trusted."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o022:
            return None
        with open(handle, "rb", closefd=False) as file:
            content = file.read()
    except OSError:
        return None
    finally:
        os.close(handle)
    head, _, rest = content.partition(b"\n")
    symbol, _, code = rest.partition(b"\n")
    if head != _head(key, rest):
        return None
    with suppress(OSError):
        os.utime(path)  # it is in use: see `prune`
    return Built(symbol.decode(), code)


def write(path: Path, key: str, built: Built) -> None:
    """Keeps a kernel: there is the whole file, or none. OSError."""
    rest = built.symbol.encode() + b"\n" + built.code
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".kernel-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_head(key, rest) + b"\n" + rest)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _head(key: str, rest: bytes) -> bytes:
    return b" ".join([_MAGIC, key.encode(), hashlib.sha256(rest).hexdigest().encode()])


def prune(directory: Path) -> None:
    """Deletes what nobody has loaded for `UNUSED_DAYS`: kernels of older versions, and what killed builds left.

    A process that is just loading one has read it whole, or does not find it and builds it again.
    """
    before = time.time() - UNUSED_DAYS * 86_400
    for pattern in ("*.o", ".kernel-*", "*.lock"):
        for path in directory.glob(pattern):
            if pattern == "*.lock" and path.with_suffix(".o").exists():
                continue
            with suppress(OSError):
                if path.lstat().st_mtime < before:
                    path.unlink()
