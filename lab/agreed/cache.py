"""The cache's policy and its function library as text: `FUNCTION LOAD REPLACE`, then `FCALL apply_policy 0`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_NUMBER = r"([0-9.]+)"
_VALUES = re.compile(rf"= {_NUMBER}, {_NUMBER}, {_NUMBER}, {_NUMBER}, {{([a-z0-9=, ]*)}}\n")
_KIND = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class CachePolicy:
    """How the cache keeps and answers. The library's text holds all of it, so that it can be read back.

    `ttl_s`: how long entries live, in scenario seconds, of which `time_scale` pass in a real one. Shares (0 to 1) of
    the keys, chosen by the key's own hash: frozen are neither refreshed nor expired, mixed answer with another key's
    entry. `keys_counts`: by kind of key, its keys 0 to this have visitors; a key of no such kind is never mixed.
    ValueError for what is outside.
    """

    ttl_s: float
    time_scale: float = 1.0
    frozen_share: float = 0.0
    mixed_share: float = 0.0
    keys_counts: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (self.ttl_s > 0 and self.time_scale > 0 and all(count >= 1 for count in self.keys_counts.values())):
            raise ValueError("expected a time to live and a time scale above 0, and at least one key of each kind")
        if wrong := [kind for kind in self.keys_counts if not _KIND.fullmatch(kind)]:
            raise ValueError(f"expected small letters only in a kind of keys, got {wrong[0]!r}")
        if not (0 <= self.frozen_share <= 1 and 0 <= self.mixed_share <= 1):
            raise ValueError("expected a share from 0 to 1")

    def library(self) -> str:
        """The library with this policy."""
        shares = f"{self.frozen_share:.6f}, {self.mixed_share:.6f}"
        counts = ", ".join(f"{kind}={count}" for kind, count in self.keys_counts.items())
        values = f"{self.ttl_s:.6f}, {self.time_scale:.6f}, {shares}, {{{counts}}}"
        text = (Path(__file__).parent / "entries.lua").read_text(encoding="utf-8")
        return text.replace("@POLICY@", values)

    @classmethod
    def of(cls, text: str) -> CachePolicy | None:
        """The policy in the text of a library; None where it is another library."""
        found = _VALUES.search(text)
        if found is None:
            return None
        ttl_s, time_scale, frozen, mixed = (float(value) for value in found.groups()[:4])
        counts = dict(pair.split("=") for pair in found[5].split(", ") if pair)
        return cls(ttl_s, time_scale, frozen, mixed, {kind: int(count) for kind, count in counts.items()})


def key(kind: str, number: int) -> str:
    """The key of an entry: `user:5`. `kind`: small letters."""
    return f"{kind}:{number}"
