"""The memory of a process that makes recordings: given back when a job is done, and kept at hand while it lasts."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's `mallopt` (malloc.h)."""
_KEPT_BYTES, _ARRAY_BYTES = 128 << 20, 32 << 20
"""What stays with the process at most when it is freed, and up to which size arrays come from there."""


@contextmanager
def freed() -> Iterator[None]:
    """Gives the memory of what is done inside back, by looking through nothing but what was made there.

    A run is a web of cycles around large arrays, which the collector's counts of objects do not see. Everything that
    was there before, most of it loaded modules, takes longer to look through than what a run leaves.
    """
    from lab.signals import forget_recorded

    keep_pages()
    gc.freeze()
    try:
        yield
    finally:
        forget_recorded()
        gc.collect()
        gc.unfreeze()


@cache
def keep_pages() -> None:
    """Lets the C library keep some of what was freed, instead of asking the system for it again for the next array.

    A page that the system hands out anew is zeroed first: a twentieth of a job's CPU. Other libraries than glibc have
    no such setting and are left alone.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _ARRAY_BYTES)
        library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
