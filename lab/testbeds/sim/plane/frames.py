"""Frames in use and free: a stack of freed ones, then those that never were used."""

from __future__ import annotations

from lab.compiled import kernel
from lab.testbeds.sim.plane.layout import *


@kernel
def take(frame: Array, free: int, used: int) -> tuple[int, int, int]:
    """A frame; then the first free one and the number ever used, after that."""
    if free >= 0:
        return free, frame[free, F_NEXT], used
    return used, free, used + 1


@kernel
def give(frame: Array, f: int, free: int, live: int) -> tuple[int, int]:
    """Frees a frame. Returns the first free one and the number in use."""
    frame[f, F_NEXT] = free
    frame[f, F_FLAGS] = -1
    return f, live - 1


@kernel
def give_unless_kept(frame: Array, f: int, free: int, live: int) -> tuple[int, int]:
    """Frees a frame where nothing needs it any more. Returns as `give` does."""
    if frame[f, F_FLAGS] & FLAG_KEPT == 0:
        return give(frame, f, free, live)
    return free, live
