"""Samples at every scrape: the cache's own counts, the version the model server serves, the services' /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import redis.asyncio as redis

from services.collector.pages import samples_of

TIMEOUT = aiohttp.ClientTimeout(total=2.0)
SCRAPED = ("process_cpu_seconds_total", "telemetry_dropped_total", "otlp_spans_dropped")
Sample = tuple[str, str, float]
"""(component, metric, value)"""


def cache_samples(name: str, info: Mapping[str, Any]) -> list[Sample]:
    """What Redis' INFO says of the interval since its counts were reset. Calls are those of the entries library."""
    calls = [info[f"cmdstat_{command}"] for command in ("fcall_ro", "fcall") if f"cmdstat_{command}" in info]
    count = sum(call["calls"] for call in calls)
    samples = [
        (name, "cache.hit.count", float(info["keyspace_hits"])),
        (name, "cache.miss.count", float(info["keyspace_misses"])),
        (name, "cache.expired.count", float(info["expired_keys"])),
        (name, "cache.entries", float(info.get("db0", {}).get("keys", 0))),
        (name, "server.request.count", float(count)),
        (name, "server.error.count", float(sum(call["failed_calls"] + call["rejected_calls"] for call in calls))),
    ]
    if count:
        samples.append((name, "server.request.duration.mean", sum(call["usec"] for call in calls) / count / 1e6))
        latency = info.get("latency_percentiles_usec_fcall_ro") or info["latency_percentiles_usec_fcall"]
        samples += [(name, f"server.request.duration.{p}", latency[p] / 1e6) for p in ("p50", "p95")]
    return samples


async def sample_cache(name: str, client: redis.Redis) -> list[Sample]:
    """Reads and resets the cache's counts; nothing where it does not answer."""
    try:
        async with client.pipeline(transaction=True) as both:
            both.info("stats", "keyspace", "commandstats", "latencystats")
            both.config_resetstat()
            info, _ = await both.execute()
        return cache_samples(name, info)
    except (redis.RedisError, OSError, KeyError):
        return []


async def served_version(session: aiohttp.ClientSession, url: str) -> int | None:
    """The newest version that TF Serving's status page calls available; None where it does not say."""
    try:
        async with session.get(url, timeout=TIMEOUT) as response:
            states = (await response.json())["model_version_status"]
        return max((int(state["version"]) for state in states if state["state"] == "AVAILABLE"), default=None)
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError):
        return None


async def scrape(session: aiohttp.ClientSession, targets: Mapping[str, str]) -> list[Sample]:
    """Chosen counters of the services' Prometheus pages; a service that does not answer is left out."""

    async def one(component: str, url: str) -> list[Sample]:
        try:
            async with session.get(url, timeout=TIMEOUT) as response:
                found = list(samples_of(await response.text(), *SCRAPED))
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return []
        return [(component, sample.name, float(sample.value)) for sample in found if sample.name in SCRAPED]

    found = await asyncio.gather(*(one(component, url) for component, url in targets.items()))
    return [sample for samples in found for sample in samples]
