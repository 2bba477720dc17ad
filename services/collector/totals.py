"""Pages of running totals, scraped once an interval: what they said before, and what they say now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import aiohttp

from services.collector.samples import TIMEOUT

Page = TypeVar("Page")


class TotalsPage(Generic[Page]):
    """The page at `url`, as `read` understands its text (ValueError or KeyError where it does not)."""

    def __init__(self, url: str, read: Callable[[str], Page]) -> None:
        self._url = url
        self._read = read
        self._before: tuple[int, Page] | None = None

    async def scrape(self, session: aiohttp.ClientSession, interval: int) -> tuple[Page, Page] | None:
        """The page at the end of the interval before this one (by number), and now; None where one is missing."""
        try:
            async with session.get(self._url, timeout=TIMEOUT) as response:
                response.raise_for_status()
                now = self._read(await response.text())
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
            self._before = None
            return None
        before, self._before = self._before, (interval, now)
        return (before[1], now) if before is not None and before[0] == interval - 1 else None


def quantile_s(buckets: Mapping[float, float], share: float) -> float:
    """A quantile (s) of cumulated buckets, even within a bucket, as Prometheus has it."""
    wanted, low_s, below = share * max(buckets.values()), 0.0, 0.0
    for bound_s, count in buckets.items():
        if count >= wanted and count > below:
            return low_s if bound_s == float("inf") else low_s + (bound_s - low_s) * (wanted - below) / (count - below)
        low_s, below = bound_s, count
    return low_s


def difference(now: Mapping[float, float], before: Mapping[float, float]) -> dict[float, float]:
    """By key, how much totals have grown."""
    return {key: count - before.get(key, 0.0) for key, count in now.items()}
