"""The lab's clock counts whole nanoseconds, so that sums of times are exact."""

from __future__ import annotations

NS = 1_000_000_000
"""Nanoseconds in a second."""


def to_ns(seconds: float) -> int:
    """Seconds to whole nanoseconds."""
    return round(seconds * NS)
