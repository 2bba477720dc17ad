"""The cache's function library as text, for whoever loads it: `FUNCTION LOAD REPLACE`, then `FCALL apply_policy 0`."""

from __future__ import annotations

from pathlib import Path


def library(ttl_s: float, frozen_share: float = 0.0) -> str:
    """The library with entries living `ttl_s` (real seconds) and this share of the keys frozen (0 to 1)."""
    if not (ttl_s > 0 and 0 <= frozen_share <= 1):
        raise ValueError("expected a time to live above 0 and a share from 0 to 1")
    text = (Path(__file__).parent / "entries.lua").read_text(encoding="utf-8")
    return text.replace("@TTL_MS@", str(max(1, round(ttl_s * 1000)))).replace("@FROZEN_SHARE@", f"{frozen_share:.6f}")


def key(user_id: int) -> str:
    """The key of a user's entry."""
    return f"user:{user_id}"
