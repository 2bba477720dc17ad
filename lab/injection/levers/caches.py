"""Levers of caches: their refresh, their keys, their content."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lab.injection.levers.record import ActValue, LeverValue, Share

__all__ = ["CacheFlush", "CacheFreeze", "CacheMixKeys"]


class CacheFreeze(LeverValue, lever="cache.freeze", on={"cache"}, content=True, kept="journalled"):
    """Stops refresh and expiry of a share of the keys."""

    fraction: Share = 1.0


class CacheMixKeys(LeverValue, lever="cache.mix-keys", on={"cache"}, content=True, kept="journalled"):
    """Answers a share of the keys with another key's entry."""

    fraction: Annotated[Share, Field(examples=[0.2])]


class CacheFlush(ActValue, act="cache.flush", on={"cache"}, content=True):
    """Drops every entry; only the refill brings them back."""
