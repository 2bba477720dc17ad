"""The options for engines' processes, as one record for the engine host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 120.0
"""How long one answer may take by default, an engine's start included."""
MEMORY_BYTES = 4 * 2**30
"""Data that one process of an engine may hold by default."""


@dataclass(frozen=True)
class EngineOptions:
    """Limits and permissions of engines.

    `timeout_s` bounds one answer, an engine's start included; `memory_bytes` the data of each of its processes.
    `reads` are paths that engines may read beside their own. `hidden` are directories that hold truth (recordings,
    scenario files): no permission covers them. `names` are words that no environment variable may contain.
    `confine=False` leaves engines' processes unconfined, as on systems without Landlock.
    """

    timeout_s: float = TIMEOUT_S
    memory_bytes: int = MEMORY_BYTES
    reads: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()
    confine: bool = True
