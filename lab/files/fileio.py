"""Reads and writes files safely: never half written, only regular files replaced, no waiting for pipes.

Every file that a command writes goes through `write_file`. Every file that another program may have put in the place of
one of the lab's is read by `read_file`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
import time
from io import BufferedReader
from pathlib import Path

READER_TIMEOUT_S = 60.0
"""How long a FIFO may be without a reader before writing to it is given up."""
_POLL_S = 0.05

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}
_STREAMED = (stat.S_IFIFO, stat.S_IFCHR)


def kind_of(mode: int) -> str:
    """What a file of a mode is, in words; empty for a regular file."""
    return _KINDS.get(stat.S_IFMT(mode), "" if stat.S_ISREG(mode) else "of an unknown kind")


def read_file(path: Path, limit: int | None = None) -> bytes:
    """The bytes of a regular file, at most `limit` of them. OSError where it is something else; never waits.

    A FIFO without a writer would block its reader for ever; a device may have no end.
    """
    with _regular(path) as file:
        return file.read() if limit is None else file.read(limit)


def sha256_of(path: Path) -> str:
    """SHA-256 of a regular file in hex, however large it is. OSError as `read_file`."""
    with _regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _regular(path: Path) -> BufferedReader:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    kind = kind_of(os.fstat(handle).st_mode)
    if kind:
        os.close(handle)
        code = errno.EISDIR if kind == "a directory" else errno.EINVAL
        raise OSError(code, f"this is {kind}, not a regular file", str(path))
    return os.fdopen(handle, "rb")


def write_file(path: Path, content: str | bytes, *, streams: bool = True) -> Path:
    """Writes a file whole or not at all, and returns its path; OSError where that is impossible.

    A symbolic link stays, what it points to is replaced. FIFOs and character devices are written to as they stand, or
    refused without `streams`: nobody names one as a file of a recording, and a FIFO is waited for. Directories, sockets
    and block devices are refused. A replaced file keeps its mode.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    target = Path(os.path.realpath(path))
    mode = _mode(target)
    if mode is not None and streams and stat.S_IFMT(mode) in _STREAMED:
        _stream(target, data)
    elif mode is not None and not stat.S_ISREG(mode):
        raise OSError(errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL, f"this is {kind_of(mode)}", str(path))
    else:
        _replace(target, data, mode)
    return path


def place_problem(path: Path) -> str:
    """Why `write_file` could not write here, as far as can be known before; empty if it could."""
    try:
        target = Path(os.path.realpath(path))
        mode = _mode(target)
        if mode is None and not target.parent.is_dir():
            return f"there is no directory {target.parent if path.is_symlink() else path.parent}"
    except OSError as error:
        return reason(error)
    except ValueError as error:  # a null character
        return str(error)
    if mode is None:
        return unwritable(target.parent)
    if stat.S_IFMT(mode) not in (*_STREAMED, stat.S_IFREG):
        return f"this is {kind_of(mode)}"
    if not os.access(target, os.W_OK):
        return "permission denied"
    return unwritable(target.parent) if stat.S_ISREG(mode) else ""


def unwritable(directory: Path) -> str:
    """Why no file can be made in a directory, or in the nearest one above it that is there; empty if it can.

    Leaves nothing behind.
    """
    place = directory
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    try:
        handle, staged = _staged(place)
        os.close(handle)
        staged.unlink()
    except OSError as error:
        return reason(error)
    return ""


def reason(error: OSError) -> str:
    """What the system says went wrong, in lower case."""
    return (error.strerror or str(error)).lower()


def _mode(target: Path) -> int | None:
    try:
        return os.lstat(target).st_mode  # of a resolved path: a link that is left is one of a loop
    except FileNotFoundError:
        return None


def _staged(directory: Path) -> tuple[int, Path]:
    """A new file of a short name that nothing else has; the mode is what the process gives its files."""
    staged = directory / f".lab-{secrets.token_hex(8)}.tmp"
    return os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), staged


def _replace(target: Path, data: bytes, mode: int | None) -> None:
    handle, staged = _staged(target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
        os.replace(staged, target)
    except BaseException:
        with contextlib.suppress(OSError):
            staged.unlink()
        raise


def _stream(target: Path, data: bytes) -> None:
    handle = _opened(target)
    with os.fdopen(handle, "wb", buffering=0) as file:
        os.set_blocking(handle, True)
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]


def _opened(target: Path) -> int:
    """A device, or a FIFO once it has a reader."""
    deadline_s = time.monotonic() + READER_TIMEOUT_S
    while True:
        try:
            return os.open(target, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > deadline_s:
                raise OSError(errno.ENXIO, "this FIFO has no reader", str(target)) from None
            time.sleep(_POLL_S)
