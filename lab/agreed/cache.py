"""The cache's policy and its function library as text: `FUNCTION LOAD REPLACE`, then `FCALL apply_policy 0`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_NUMBER = r"([0-9.]+)"
_VALUES = re.compile(rf"= {_NUMBER}, {_NUMBER}, {_NUMBER}, {_NUMBER}, {_NUMBER}\n")


@dataclass(frozen=True)
class CachePolicy:
    """How the cache keeps and answers. The library's text holds all of it, so that it can be read back.

    `ttl_s`: how long entries live, in scenario seconds, of which `time_scale` pass in a real one. Shares (0 to 1) of
    the keys, chosen by the key's own hash: frozen are neither refreshed nor expired, mixed answer with another key's
    entry. `keys_count`: keys 0 to this have visitors. ValueError for what is outside.
    """

    ttl_s: float
    time_scale: float = 1.0
    frozen_share: float = 0.0
    mixed_share: float = 0.0
    keys_count: int = 2000

    def __post_init__(self) -> None:
        if not (self.ttl_s > 0 and self.time_scale > 0 and self.keys_count >= 1):
            raise ValueError("expected a time to live and a time scale above 0, and at least one key")
        if not (0 <= self.frozen_share <= 1 and 0 <= self.mixed_share <= 1):
            raise ValueError("expected a share from 0 to 1")

    def library(self) -> str:
        """The library with this policy."""
        shares = f"{self.frozen_share:.6f}, {self.mixed_share:.6f}"
        values = f"{self.ttl_s:.6f}, {self.time_scale:.6f}, {shares}, {self.keys_count}"
        text = (Path(__file__).parent / "entries.lua").read_text(encoding="utf-8")
        return text.replace("@POLICY@", values)

    @classmethod
    def of(cls, text: str) -> CachePolicy | None:
        """The policy in the text of a library; None where it is another library."""
        found = _VALUES.search(text)
        if found is None:
            return None
        ttl_s, time_scale, frozen, mixed, keys = (float(value) for value in found.groups())
        return cls(ttl_s, time_scale, frozen, mixed, int(keys))


def key(user_id: int) -> str:
    """The key of a user's entry."""
    return f"user:{user_id}"
