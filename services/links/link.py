"""A link of the topology: its listener, its upstream, its connections and its faults."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from .faults import DIRECTIONS, Direction, Fault, Throttle
from .pacing import Bandwidth
from .relay import Connection, Lane

_BACKLOG = 1024


@dataclass(slots=True)
class Traffic:
    """What passed in one direction."""

    bytes: int = 0


@dataclass(slots=True)
class Stats:
    """What happened to the link's connections."""

    connections: int = 0
    resets: int = 0
    upstream_errors: int = 0


class Link:
    """Listens for one link and relays to its upstream."""

    def __init__(self, name: str, upstream_host: str, upstream_port: int, random: Random) -> None:
        self.name = name
        self.upstream_host = upstream_host
        self.upstream_port = upstream_port
        self.random = random
        self.faults: Mapping[str, Fault] = {}
        self.bandwidth: Bandwidth | None = None
        self.connections: set[Connection] = set()
        self.traffic: dict[Direction, Traffic] = {direction: Traffic() for direction in DIRECTIONS}
        self.stats = Stats()
        self.port = 0
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> None:
        """Starts accepting; `port` 0 takes a free one, which is then `self.port`. OSError when it is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, host, port, backlog=_BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self) -> Lane:
        return Connection(self).request

    def set_faults(self, faults: Mapping[str, Fault]) -> None:
        """Replaces the link's faults; every connection follows at once."""
        if self.bandwidth:
            self.bandwidth.close()
        throttle = faults.get(Throttle.kind)
        self.bandwidth = Bandwidth(throttle.bytes_per_s) if isinstance(throttle, Throttle) else None
        self.faults = faults
        for connection in list(self.connections):
            connection.replan()

    def close(self) -> None:
        """Stops listening and resets what is open."""
        if self._server:
            self._server.close()
        for connection in list(self.connections):
            connection.reset()
