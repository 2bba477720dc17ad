"""What a child process prints, with bounds on its size and on the wait for it."""

from __future__ import annotations

import selectors
import subprocess
import time

LARGEST_ANSWER_BYTES = 16 * 2**20
STDERR_TAIL_BYTES = 2**16
"""Of stderr only the end is ever shown, so only the end is kept."""
GRACE_S = 1.0
"""How long output may still come once the process has ended: a child of it may hold the pipe open for ever."""
_CHUNK_BYTES = 2**16
_POLL_S = 0.05


class TooMuchOutputError(Exception):
    """A process printed more than any answer needs."""


def captured(process: subprocess.Popen[bytes], timeout_s: float) -> tuple[bytes, bytes]:
    """Stdout and the end of stderr of a process that ended. TimeoutError or TooMuchOutputError: it still runs."""
    assert process.stdout is not None
    assert process.stderr is not None
    printed, errors = bytearray(), bytearray()
    deadline_s = time.monotonic() + timeout_s
    ended_s: float | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, printed)
        selector.register(process.stderr, selectors.EVENT_READ, errors)
        while selector.get_map():
            for key, _ in selector.select(_POLL_S):
                chunk = key.fileobj.read1(_CHUNK_BYTES)  # type: ignore[union-attr]
                if not chunk:
                    selector.unregister(key.fileobj)
                buffer: bytearray = key.data
                buffer += chunk
            if len(printed) > LARGEST_ANSWER_BYTES:
                raise TooMuchOutputError
            del errors[:-STDERR_TAIL_BYTES]
            now_s = time.monotonic()
            if ended_s is None and process.poll() is not None:
                ended_s = now_s
            if ended_s is not None and now_s > ended_s + GRACE_S:
                break
            if ended_s is None and now_s > deadline_s:
                raise TimeoutError
    try:
        process.wait(max(0.0, deadline_s - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error
    return bytes(printed), bytes(errors)
