"""The levers of a job: frozen, delayed. With a lease they end by themselves unless set again."""

from __future__ import annotations

import time
from typing import Any

_FOREVER = float("inf")


class Control:
    """What keeps the job from its schedule."""

    def __init__(self) -> None:
        self._frozen_until_s = 0.0
        self._delay_s = 0.0
        self._delay_until_s = 0.0

    @property
    def is_frozen(self) -> bool:
        """No run starts."""
        return time.monotonic() < self._frozen_until_s

    @property
    def delay_s(self) -> float:
        """How much later than scheduled a run starts, in scenario seconds."""
        return self._delay_s if time.monotonic() < self._delay_until_s else 0.0

    def freeze(self, is_frozen: bool, lease_s: float | None = None) -> None:
        """Sets or lifts the freeze."""
        self._frozen_until_s = _until(lease_s) if is_frozen else 0.0

    def delay(self, seconds: float, lease_s: float | None = None) -> None:
        """Sets the delay; 0 lifts it. ValueError below 0."""
        if not 0 <= seconds < _FOREVER:
            raise ValueError(f"seconds: expected 0 or more, got {seconds}")
        self._delay_s, self._delay_until_s = seconds, _until(lease_s)

    def describe(self) -> dict[str, Any]:
        """The present state."""
        return {"frozen": self.is_frozen, "delay_s": self.delay_s}


def _until(lease_s: float | None) -> float:
    if lease_s is None:
        return _FOREVER
    if not lease_s > 0:
        raise ValueError(f"lease_s: expected more than 0, got {lease_s}")
    return time.monotonic() + lease_s
