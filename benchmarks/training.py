"""How long a poll takes while 50 participants poll one `lab train`, beside an endpoint of it that does nothing.

Each participant has a session of their own, whose clock runs, and polls it once a second as a page does; between polls
they ask who they are. The figure is the ratio of the 95th percentiles of how long the answers took.

    python benchmarks/training.py
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

from measuring import LAB, Figure, reported

PARTICIPANTS = 50
ROUNDS = 5
ROUND_S = 8
GOAL = 5.0
SCENARIO = """\
schema_version: 1
name: polled
system: recommender
seed: 1
duration: 300s
load: {stages: [{for: 300s, rate: 30/s}]}
faults: [{id: f1, type: network-partition, target: "features->db", at: 100s, for: 100s}]
"""


@contextmanager
def served() -> Iterator[tuple[str, int, str]]:
    """A `lab train --group`: its host and port, and the token to join with."""
    with tempfile.TemporaryDirectory() as directory:
        scenario = Path(directory) / "polled.scenario.yaml"
        scenario.write_text(SCENARIO, encoding="utf-8")
        words = ["train", str(scenario), "--group", "--port", "0", "--no-open", "--state", directory]
        server = subprocess.Popen([*LAB, *words], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            told = "".join(server.stdout.readline() for _ in range(2))
            url, token = re.findall(r"(http://\S+)/\?token=(\S+)", told)[0]
            parts = urlsplit(url)
            yield str(parts.hostname), int(parts.port or 80), token
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate()


class Participant:
    """One participant's connection, which is kept open."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self.host, self.port, self.token, self.session = host, port, token, ""

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer."""
        sent = b"" if body is None else json.dumps(body).encode()
        self.writer.write(
            f"{method} /api/v1{path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Length: {len(sent)}\r\n\r\n".encode()
            + sent
        )
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(re.findall(r"content-length: (\d+)", head)[0])
        found = json.loads(await self.reader.readexactly(length))
        assert head.split(" ", 2)[1].startswith("2"), (head, found)
        return found

    async def joined(self, number: int) -> Participant:
        """Somebody new, with a session."""
        made = await self.ask("POST", "/participants", {"name": f"participant {number}"})
        new = Participant(self.host, self.port, made["token"])
        await new.connect()
        new.session = (await new.ask("POST", "/sessions", {"exercise": "own-1"}))["id"]
        return new

    async def began(self) -> None:
        """Waits for the recording, and lets the clock run."""
        while (await self.ask("GET", f"/sessions/{self.session}"))["status"] != "ready":
            await asyncio.sleep(0.2)
        await self.ask("POST", f"/sessions/{self.session}/clock", {"pause": False})

    async def polling(self, first_s: float) -> tuple[list[float], list[float]]:
        """How long polls took, and bare requests between them; each once a second, whatever the answers take."""
        took_s: tuple[list[float], list[float]] = ([], [])
        for turn in range(2 * ROUND_S):
            await asyncio.sleep(max(0.0, first_s + turn / 2 - time.perf_counter()))
            began_s = time.perf_counter()
            await self.ask("GET", "/me" if turn % 2 else f"/sessions/{self.session}")
            took_s[turn % 2].append(time.perf_counter() - began_s)
        return took_s


async def _round(everybody: list[Participant]) -> tuple[float, ...]:
    """The 95th percentile of both in milliseconds: of polls, and of bare requests."""
    now_s, each_s = time.perf_counter() + 0.1, 0.5 / len(everybody)
    found = await asyncio.gather(*(one.polling(now_s + number * each_s) for number, one in enumerate(everybody)))
    return tuple([1e3 * p95([took for mine in found for took in mine[i]]) for i in (0, 1)])


async def _measured(host: str, port: int, token: str) -> list[tuple[float, ...]]:
    door = Participant(host, port, token)
    await door.connect()
    everybody = [await door.joined(number) for number in range(PARTICIPANTS)]
    await asyncio.gather(*(one.began() for one in everybody))
    await _round(everybody)
    return [await _round(everybody) for _ in range(ROUNDS)]


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return quantiles(values, n=20)[-1]


def measure() -> list[Figure]:
    """The ratio of each round."""
    with served() as server:
        rounds = asyncio.run(_measured(*server))
    polls, bare = (median(one[i] for one in rounds) for i in (0, 1))
    ratios = tuple(poll / least for poll, least in rounds)
    told = f"each once a second, p95 {polls:.1f} ms and of GET /api/v1/me between them {bare:.1f} ms"
    return [Figure(f"{PARTICIPANTS} participants polling, p95 / bare endpoint", ratios, GOAL, digits=2, detail=told)]


if __name__ == "__main__":
    sys.exit(reported(measure()))
