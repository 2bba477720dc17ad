"""Waiting for what must happen. Limits are so generous that no machine's speed decides a test."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 120.0
"""How long anything may take that takes a moment: a machine under load may be many times slower than the last one."""

Found = TypeVar("Found")


def eventually(look: Callable[[], Found], within_s: float = PATIENCE_S, every_s: float = 0.05) -> Found:
    """What `look` gives once that is true; AssertionError when it never comes to be."""
    until_s = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < until_s, f"it did not happen within {within_s:g} s"
        time.sleep(every_s)
    return found


def took_s(action: Callable[[], object]) -> float:
    """How long an action takes, in seconds."""
    began_s = time.monotonic()
    action()
    return time.monotonic() - began_s


def least_s(measure: Callable[[], float], below_s: float, within_s: float = PATIENCE_S) -> float:
    """A time that nothing disturbs, in seconds: the least of as many measurements as it needs to be below the limit.

    A busy machine can only lengthen what is timed, so one measurement below the limit shows that nothing else does.
    AssertionError when none is.
    """
    until_s, least = time.monotonic() + within_s, float("inf")
    while True:
        least = min(least, measure())
        if least < below_s:
            return least
        assert time.monotonic() < until_s, f"the least was {least:g} s, expected below {below_s:g} s"
