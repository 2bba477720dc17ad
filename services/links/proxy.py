"""All links of the proxy with their faults, and the clock that ends faults that are not renewed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from .faults import Fault
from .leases import LeaseTable
from .link import Link

Log = Callable[..., None]


class ConfigError(ValueError):
    """The list of links is not usable; the message says why."""


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """A link as configured: its name, the port to listen on (0: a free one), and where it leads."""

    name: str
    listen: int
    upstream_host: str
    upstream_port: int


def parse_links(document: Any) -> list[LinkConfig]:
    """Reads `[{"link": "features->db", "listen": 15432, "upstream": "db:5432"}, ...]`; else ConfigError."""
    if not isinstance(document, list) or not document:
        raise ConfigError("expected a non-empty list of links")
    links = [_parse_link(item) for item in document]
    names = [link.name for link in links]
    if len(set(names)) < len(names):
        raise ConfigError("two links have the same name")
    return links


def _parse_link(item: Any) -> LinkConfig:
    if not isinstance(item, dict) or set(item) != {"link", "listen", "upstream"}:
        raise ConfigError(f"expected link, listen and upstream, got {item!r}")
    host, _, port = str(item["upstream"]).rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"upstream: expected host:port, got {item['upstream']!r}")
    if not isinstance(item["listen"], int) or not 0 <= item["listen"] < 65536:
        raise ConfigError(f"listen: expected a port number, got {item['listen']!r}")
    return LinkConfig(str(item["link"]), item["listen"], host, int(port))


class Proxy:
    """The links and the leases of their faults. Unknown link names raise KeyError."""

    def __init__(self, configs: Iterable[LinkConfig], log: Log, random: Random) -> None:
        self._configs = list(configs)
        self.links: Mapping[str, Link] = {
            config.name: Link(config.name, config.upstream_host, config.upstream_port, random)
            for config in self._configs
        }
        self.leases = LeaseTable()
        self.expired_count = 0
        self._log = log
        self._timer: asyncio.TimerHandle | None = None

    async def start(self, host: str) -> None:
        """Starts every listener."""
        for config in self._configs:
            link = self.links[config.name]
            await link.listen(host, config.listen)
            self._log("listening", link=config.name, port=link.port)

    def close(self) -> None:
        """Resets every connection and stops listening."""
        if self._timer:
            self._timer.cancel()
        for link in self.links.values():
            link.close()

    def inject(self, link: str, fault: Fault, lease_s: float) -> None:
        """Sets a link's fault of this kind until the lease ends."""
        self.leases.put(self.links[link].name, fault, lease_s, time.monotonic())
        self._log("injected", link=link, fault=repr(fault), lease_s=lease_s)
        self._apply(link)

    def renew(self, link: str | None = None, kind: str | None = None) -> int:
        """Starts the leases again, of all faults or the named; returns how many."""
        return self.leases.renew(time.monotonic(), link, kind)  # the timer wakes early once, and sets itself again

    def revert(self, faults: Iterable[tuple[str, str]]) -> int:
        """Ends the faults named by (link, kind); returns how many were active. Safe to repeat."""
        return self._end(faults, "reverted")

    def _end(self, faults: Iterable[tuple[str, str]], event: str) -> int:
        count = 0
        for link, kind in faults:
            if self.leases.remove(self.links[link].name, kind):
                count += 1
                self._log(event, link=link, kind=kind)
                self._apply(link)
        return count

    def _apply(self, link: str) -> None:
        self.links[link].set_faults({kind: lease.fault for kind, lease in self.leases.of_link(link).items()})
        self._schedule()

    def _schedule(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        expiry_s = self.leases.next_expiry_s()
        if expiry_s is not None:
            delay_s = max(0.0, expiry_s - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._expire)

    def _expire(self) -> None:
        self.expired_count += self._end(self.leases.expired(time.monotonic()), "expired")
        self._schedule()
