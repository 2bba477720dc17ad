"""Cost of the fault proxy's pass-through beside haproxy's, on loopback, in one run.

Prints CPU per request of both (paired rounds) and the latency each adds at p50. Exit code 1 when the fault proxy costs
more than 1.5 times haproxy's CPU, or a request through it takes more than 3 times what it takes through haproxy; 2 when
haproxy is not installed.

    python benchmarks/proxy_vs_haproxy.py
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import uvloop

CPU_RATIO_MAX = 1.5
P50_RATIO_MAX = 3.0
START_WITHIN_S = 60.0
ROUNDS = 3
ROUND_S = 0.6
CONNECTIONS = 16
REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\n\r\n".ljust(200, b" ")
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n".ljust(440, b"x")
SERVICES = Path(__file__).resolve().parents[1] / "services"


class Server(asyncio.Protocol):
    """Answers every fixed-size request with a fixed-size response."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.pending_bytes = 0

    def data_received(self, data: bytes) -> None:
        self.pending_bytes += len(data)
        while self.pending_bytes >= len(REQUEST):
            self.pending_bytes -= len(REQUEST)
            self.transport.write(RESPONSE)  # type: ignore[attr-defined]


class Client(asyncio.Protocol):
    """Sends the next request when the last is answered, until told to stop; notes each latency."""

    def __init__(self) -> None:
        self.latencies_s: list[float] = []
        self.received_bytes = 0
        self.sent_s = 0.0
        self.running = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.sent_s = time.perf_counter()
        self.transport.write(REQUEST)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if self.received_bytes == len(RESPONSE):
            self.received_bytes = 0
            self.latencies_s.append(time.perf_counter() - self.sent_s)
            if self.running:
                self.send()


async def load(port: int, connections: int, seconds: float) -> list[float]:
    """Closed-loop load on keep-alive connections for so long; returns the latencies."""
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(Client, "127.0.0.1", port) for _ in range(connections)]
    await asyncio.sleep(seconds)
    for transport, client in opened:
        client.running = False
        transport.close()
    return [latency_s for _, client in opened for latency_s in client.latencies_s]


def cpu_s(pid: int) -> float:
    """CPU time of a process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(stack: ExitStack, command: list[str], **environment: str) -> subprocess.Popen[str]:
    """Starts a process that ends with the stack."""
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)

    def end() -> None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=START_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    stack.callback(end)
    return process


def wait_for_port(port: int) -> None:
    """Returns when something listens; ConnectionError where that takes too long."""
    deadline_s = time.monotonic() + START_WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except ConnectionError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.02)


def start_haproxy(stack: ExitStack, binary: str, port: int, upstream: int) -> int:
    """Starts haproxy on one thread in TCP mode; returns its process id."""
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    config = directory / "haproxy.cfg"
    config.write_text(
        "global\n  nbthread 1\n  maxconn 1000\n"
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
        f"listen bench\n  bind 127.0.0.1:{port}\n  server upstream 127.0.0.1:{upstream}\n",
        encoding="ascii",
    )
    return start(stack, [binary, "-db", "-q", "-f", str(config)]).pid


def start_links(stack: ExitStack, port: int, upstream: int) -> int:
    """Starts the fault proxy without faults; returns its process id."""
    links = json.dumps([{"link": "bench", "listen": port, "upstream": f"127.0.0.1:{upstream}"}])
    command = [sys.executable, "-m", "links"]
    environment = {"LINKS_CONFIG": links, "LINKS_API": "127.0.0.1:0", "LINKS_TOKEN": "nobody-calls"}
    return start(stack, command, PYTHONPATH=str(SERVICES), **environment).pid


def cpu_per_request_s(pid: int, port: int) -> float:
    """CPU the proxy spends on one request under load."""
    before_s = cpu_s(pid)
    count = len(uvloop.run(load(port, CONNECTIONS, ROUND_S)))
    return (cpu_s(pid) - before_s) / count


def p50_s(port: int) -> float:
    """Median latency of one connection."""
    return statistics.median(uvloop.run(load(port, 1, ROUND_S / 2)))


async def serve(port: int) -> None:
    """The upstream's process."""
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port)
    await server.serve_forever()


def measure(haproxy: str) -> int:
    """Measures both and prints the comparison; returns the exit code."""
    with ExitStack() as stack:
        ports = {"direct": free_port(), "haproxy": free_port(), "links": free_port()}
        start(stack, [sys.executable, __file__, "--upstream", str(ports["direct"])])
        pids = {
            "haproxy": start_haproxy(stack, haproxy, ports["haproxy"], ports["direct"]),
            "links": start_links(stack, ports["links"], ports["direct"]),
        }
        for port in ports.values():
            wait_for_port(port)
        for name, pid in pids.items():  # warm-up
            cpu_per_request_s(pid, ports[name])
        cpu = {name: [] for name in pids}  # type: dict[str, list[float]]
        p50 = {name: [] for name in ports}  # type: dict[str, list[float]]
        for _ in range(ROUNDS):
            for name, pid in pids.items():
                cpu[name].append(cpu_per_request_s(pid, ports[name]))
            for name, port in ports.items():
                p50[name].append(p50_s(port))
    return report(cpu, p50)


def report(cpu: dict[str, list[float]], p50_s_by_round: dict[str, list[float]]) -> int:
    """Prints the figures beside what is required; returns the exit code."""
    ratio = statistics.median(own / other for own, other in zip(cpu["links"], cpu["haproxy"], strict=True))
    slower = statistics.median(
        own / other for own, other in zip(p50_s_by_round["links"], p50_s_by_round["haproxy"], strict=True)
    )
    p50 = {name: statistics.median(values) for name, values in p50_s_by_round.items()}
    for name, values in cpu.items():
        print(
            f"{name:8} CPU per request {statistics.median(values) * 1e6:6.2f} µs   "
            f"adds {(p50[name] - p50['direct']) * 1e3:6.3f} ms at p50"
        )
    print(f"CPU ratio links / haproxy: {ratio:.2f} (at most {CPU_RATIO_MAX})")
    print(f"p50 ratio links / haproxy: {slower:.2f} (at most {P50_RATIO_MAX})")
    return 0 if ratio <= CPU_RATIO_MAX and slower <= P50_RATIO_MAX else 1


def main() -> int:
    """Runs the benchmark, or its upstream."""
    if sys.argv[1:2] == ["--upstream"]:
        uvloop.run(serve(int(sys.argv[2])))
        return 0
    haproxy = shutil.which("haproxy", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if haproxy is None:
        print("haproxy is not installed: nothing to compare with", file=sys.stderr)
        return 2
    return measure(haproxy)


if __name__ == "__main__":
    sys.exit(main())
