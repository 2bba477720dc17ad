"""Frames in use and free: a stack of freed ones, then those that never were used."""

from __future__ import annotations

from lab.compiled import kernel
from lab.testbeds.sim.plane.layout import *


@kernel
def take(t: Tables) -> int:
    """A frame to use. There must be room."""
    head = t.head
    head[H_LIVE] += 1
    f = head[H_FREE]
    if f >= 0:
        head[H_FREE] = t.frame[f, F_NEXT]
        return f
    f = head[H_FRAMES]
    head[H_FRAMES] = f + 1
    return f


@kernel
def give(t: Tables, f: int) -> None:
    """Frees a frame."""
    head = t.head
    t.frame[f, F_NEXT] = head[H_FREE]
    t.frame[f, F_FLAGS] = -1
    head[H_FREE] = f
    head[H_LIVE] -= 1


@kernel
def keep(t: Tables, f: int, flags: int) -> None:
    """Sets a frame's flags, and frees it where nothing needs it any more."""
    t.frame[f, F_FLAGS] = flags
    if flags & FLAG_KEPT == 0:
        give(t, f)
