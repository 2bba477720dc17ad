"""PostgreSQL and Redis as processes on loopback, by the images' own entrypoints, and the rules' Python twin."""

from __future__ import annotations

import json
import os
import queue
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]
PROTO_DIR = os.environ.get("LAB_PROTO_DIR", "")
PASSWORD = "only-for-this-test"
NOBODY = 65534


@dataclass(frozen=True)
class Content:
    """What a world has in the stores: its folder of `services`, its database, its services' names there."""

    world: str
    database: str
    roles: tuple[str, ...]
    users: tuple[str, ...]

    @property
    def environment(self) -> dict[str, str]:
        """What database and cache are told of it."""
        return {"WORLD": self.world, "DB_NAME": self.database}


SHOP = Content("shop", "recommender", ("features", "feed", "load"), ("features", "feed", "collector"))
DECISIONS = Content("decisions", "fraud", ("features", "aggregator", "load"), ("features", "aggregator", "collector"))


def password_of(name: str) -> str:
    """The password of a service's role in the database, and in the cache."""
    return f"{PASSWORD}-{name}"


def free_port() -> int:
    """A port for servers that cannot say which one they were given.

    Below those that the kernel gives to any connection: one of them may be in use again before the server is there.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    while True:
        port = random.SystemRandom().randrange(10_000, max(lowest, 20_000))
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def missing_parts() -> str:
    """Why these tests cannot run here, or nothing."""
    postgres = shutil.which("postgres") or next(Path("/usr/lib/postgresql").glob("*/bin/postgres"), None)
    wanted = {"PostgreSQL": postgres, "redis-server": shutil.which("redis-server")}
    return ", ".join(name for name, found in wanted.items() if not found)


def environment_of(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a service: this process's, the way to the modules, and what it is given."""
    path = os.pathsep.join(filter(None, (str(ROOT), PROTO_DIR)))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **given}


class Process:
    """A process whose JSON log lines can be waited for; ended by its own pid."""

    def __init__(self, command: list[str], environment: Mapping[str, str], **options: Any) -> None:
        self._process = subprocess.Popen(
            command,
            env=environment_of(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
        self.lines: list[str] = []
        self._new: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line)
            self._new.put(line)

    def wait_for(self, event: str) -> dict[str, Any]:
        """The first log line of an event that was not looked at before."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with suppress(queue.Empty, json.JSONDecodeError):
                line = json.loads(self._new.get(timeout=0.2))
                if isinstance(line, dict) and line.get("event") == event:
                    return line
            if self._process.poll() is not None:
                break
        raise AssertionError(f"no {event!r} in:\n" + "".join(self.lines[-40:]))

    def stop(self) -> None:
        """Ends the process."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill_all(self) -> None:
        """Kills the process and its children at once; it was given a session of its own."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@dataclass
class Database:
    """A running PostgreSQL with the schema applied."""

    port: int
    log_directory: Path
    name: str
    stop: Callable[[], None] = lambda: None

    def environment(self, role: str) -> dict[str, str]:
        """What a service is given that has this role."""
        return {
            "DB_HOST": "127.0.0.1", "DB_PORT": str(self.port), "DB_USER": role, "DB_PASSWORD": password_of(role),
            "DB_NAME": self.name,
        }  # fmt: skip

    def conninfo_of(self, role: str) -> str:
        """The way in for a role."""
        return f"host=127.0.0.1 port={self.port} dbname={self.name} user={role} password={password_of(role)}"

    @property
    def conninfo(self) -> str:
        """The lab's."""
        return self.conninfo_of("lab")

    def run(self, statements: str) -> list[tuple[Any, ...]]:
        """Runs SQL as the lab's levers would."""
        import psycopg

        with psycopg.connect(self.conninfo, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
            cursor = connection.execute(statements)
            return cursor.fetchall() if cursor.description else []


def as_nobody() -> dict[str, Any]:
    """How root starts a process that must not be root's."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def database(of: Content = SHOP, *, is_cut_short: bool = False) -> Iterator[Database]:
    """PostgreSQL with the tables of a world by the image's own entrypoint, as a user that is not root.

    `is_cut_short`: a start before this one is killed while it makes the cluster.
    """
    folder = Path(tempfile.mkdtemp(prefix="lab-db-"))
    try:
        for source, place in (
            ("services/db", "app"),
            (f"services/{of.world}/db", f"app/{of.world}"),
        ):  # as the image has them
            shutil.copytree(ROOT / source, folder / place)
        (folder / "log").mkdir()
        options = as_nobody()
        if options:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        found = Database(free_port(), folder / "log", of.database)
        environment = {
            "DB_PORT": str(found.port), "DB_ADMIN_PASSWORD": password_of("lab"), "PGDATA": str(folder / "data"),
            "LOG_DIRECTORY": str(found.log_directory), "HOME": str(folder), **of.environment,
            **{f"DB_{role.upper()}_PASSWORD": password_of(role) for role in of.roles},
        }  # fmt: skip
        command = [str(folder / "app" / "entrypoint.sh")]
        if is_cut_short:
            first = Process(command, environment, cwd=folder, start_new_session=True, **options)
            wait_until(lambda: any(folder.glob("data*/PG_VERSION")), first)
            first.kill_all()
        process = Process(command, environment, cwd=folder, **options)
        found.stop = process.stop
        try:
            wait_until(lambda: found.run("SELECT 1") is not None, process)
            yield found
        finally:
            process.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_until(ready: Callable[[], Any], process: Process) -> None:
    """Waits until a server answers: until then it may raise whatever it likes."""
    until = time.monotonic() + PATIENCE_S
    problem: Exception | None = None
    while time.monotonic() < until:
        try:
            if ready():
                return
        except Exception as error:  # whatever says "not yet"
            problem = error
        time.sleep(0.1)
    raise AssertionError(f"not ready: {problem}\n" + "".join(process.lines[-40:]))


@contextmanager
def cache(of: Content = SHOP) -> Iterator[int]:
    """Redis with the users of a world by the image's own entrypoint; its port."""
    port = free_port()
    environment = {"REDIS_PORT": str(port), "REDIS_PASSWORD": PASSWORD, "CACHE_TTL_S": "25", **of.environment}
    environment |= {f"REDIS_{user.upper()}_PASSWORD": password_of(user) for user in of.users}
    folder = Path(tempfile.mkdtemp(prefix="lab-cache-"))
    for source in ("services/cache/entrypoint.sh", "lab/agreed/entries.lua"):  # as the image has them
        shutil.copy(ROOT / source, folder)
    shutil.copytree(ROOT / "services" / of.world / "cache", folder / of.world)
    process = Process([str(folder / "entrypoint.sh")], environment)
    try:
        import redis

        client = redis.Redis(port=port, password=PASSWORD)
        wait_until(lambda: client.function_list("entries"), process)
        client.close()
        yield port
    finally:
        process.stop()
        shutil.rmtree(folder, ignore_errors=True)


class RulesHandler(BaseHTTPRequestHandler):
    """The rules by their Python twin, with a time it takes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        rules: RulesServer = self.server  # type: ignore[assignment]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rules.headers.append(dict(self.headers))
        time.sleep(rules.takes_s)
        answer = json.dumps({**rules.answer(body), "rules_version": 1}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps the test's output clean."""


class RulesServer(ThreadingHTTPServer):
    """Answers by a world's rules. Remembers the headers it was sent."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Any], dict[str, Any]]) -> None:
        super().__init__(("127.0.0.1", 0), RulesHandler)
        self.answer = answer
        self.takes_s = 0.0
        self.headers: list[dict[str, str]] = []


@contextmanager
def rules(answer: Callable[[Any], dict[str, Any]]) -> Iterator[RulesServer]:
    """A rules service that answers requests so."""
    server = RulesServer(answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def shop_rules(body: Any) -> dict[str, Any]:
    """The shop's, by their Python twin."""
    from lab.worlds.shop.rules import Candidate, Thresholds, apply_rules

    items = [Candidate(**item) for item in body["items"]]
    page, removed = apply_rules(body["user"]["age_years"], items, body["limit"], Thresholds())
    return {"items": page, "removed": removed}


def decision_rules(body: Any) -> dict[str, Any]:
    """The bank's, by their Python twin."""
    from lab.worlds.decisions.rules import DECISIONS, Thresholds, decide

    return {"decision": DECISIONS[decide(body["score_micro"], body["merchant"], Thresholds())]}
