"""The real parts on loopback: PostgreSQL, Redis, model server, services as processes; the rules' Python twin."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]
PROTO_DIR = os.environ.get("LAB_PROTO_DIR", "")
PASSWORD = "only-for-this-test"
TOKEN_OF = {name: f"token-of-{name}" for name in ("links", "feed", "load", "features", "config", "collector")}
TOKEN_OF["config"] = TOKEN_OF["features"]
DATABASE_ROLES = ("features", "feed", "load")
CACHE_USERS = ("features", "feed", "collector")
NOBODY = 65534


def password_of(name: str) -> str:
    """The password of a service's role in the database, and in the cache."""
    return f"{PASSWORD}-{name}"


def free_port() -> int:
    """A port for servers that cannot say which one they were given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
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


def call(method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """An HTTP call: status and JSON body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return response.status, json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
            return error.code, json.loads(text) if text[:1] in (b"{", b"[") else text


@dataclass
class Database:
    """A running PostgreSQL with the schema applied."""

    port: int
    log_directory: Path
    stop: Callable[[], None] = lambda: None

    def environment(self, role: str) -> dict[str, str]:
        """What a service is given that has this role."""
        return {
            "DB_HOST": "127.0.0.1", "DB_PORT": str(self.port), "DB_USER": role, "DB_PASSWORD": password_of(role),
        }  # fmt: skip

    def conninfo_of(self, role: str) -> str:
        """The way in for a role."""
        return f"host=127.0.0.1 port={self.port} dbname=recommender user={role} password={password_of(role)}"

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
def database(*, is_cut_short: bool = False) -> Iterator[Database]:
    """PostgreSQL by the image's own entrypoint, as a user that is not root.

    `is_cut_short`: a start before this one is killed while it makes the cluster.
    """
    folder = Path(tempfile.mkdtemp(prefix="lab-db-"))
    try:
        shutil.copytree(ROOT / "services" / "db", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "log").mkdir()
        options = as_nobody()
        if options:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        found = Database(free_port(), folder / "log")
        environment = {
            "DB_PORT": str(found.port), "DB_ADMIN_PASSWORD": password_of("lab"), "PGDATA": str(folder / "data"),
            "LOG_DIRECTORY": str(found.log_directory), "HOME": str(folder),
            **{f"DB_{role.upper()}_PASSWORD": password_of(role) for role in DATABASE_ROLES},
        }  # fmt: skip
        command = [str(folder / "app" / "entrypoint.sh")]
        if is_cut_short:
            first = Process(command, environment, cwd=folder, start_new_session=True, **options)
            _wait_until(lambda: any(folder.glob("data*/PG_VERSION")), first)
            first.kill_all()
        process = Process(command, environment, cwd=folder, **options)
        found.stop = process.stop
        try:
            _wait_until(lambda: found.run("SELECT 1 FROM users_base LIMIT 1") is not None, process)
            yield found
        finally:
            process.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until(ready: Any, process: Process) -> None:
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
def cache() -> Iterator[int]:
    """Redis by the image's own entrypoint; its port."""
    port = free_port()
    environment = {"REDIS_PORT": str(port), "REDIS_PASSWORD": PASSWORD, "CACHE_TTL_MS": "25000"}
    environment |= {f"REDIS_{user.upper()}_PASSWORD": password_of(user) for user in CACHE_USERS}
    process = Process([str(ROOT / "services" / "cache" / "entrypoint.sh")], environment)
    try:
        import redis

        client = redis.Redis(port=port, password=PASSWORD)
        _wait_until(lambda: client.function_list("entries"), process)
        client.close()
        yield port
    finally:
        process.stop()


class RulesHandler(BaseHTTPRequestHandler):
    """The rules by their Python twin, with a time it takes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        from lab.worlds.shop.rules import Candidate, Thresholds, apply_rules

        rules: RulesServer = self.server  # type: ignore[assignment]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rules.headers.append(dict(self.headers))
        time.sleep(rules.takes_s)
        items = [Candidate(**item) for item in body["items"]]
        page, removed = apply_rules(body["user"]["age_years"], items, body["limit"], Thresholds())
        answer = json.dumps({"items": page, "removed": removed, "rules_version": 1}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps the test's output clean."""


class RulesServer(ThreadingHTTPServer):
    """Remembers the headers it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), RulesHandler)
        self.takes_s = 0.0
        self.headers: list[dict[str, str]] = []


@contextmanager
def rules() -> Iterator[RulesServer]:
    """A rules service."""
    server = RulesServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Stack:
    """Everything together; services by name, their ports by name."""

    db: Database
    cache_port: int
    rules: RulesServer
    directory: Path
    ports: dict[str, int] = field(default_factory=dict)
    services: dict[str, Process] = field(default_factory=dict)

    def url(self, name: str, path: str) -> str:
        """An address of a service."""
        return f"http://127.0.0.1:{self.ports[name]}{path}"

    def start(self, name: str, command: list[str], **environment: str) -> Process:
        """Starts a service with what all of them are given."""
        given = self.given(name)
        if "collector" in self.ports:
            given["OTEL_EXPORTER_OTLP_ENDPOINT"] = self.url("collector", "")
        self.services[name] = process = Process([sys.executable, *command], given | environment)
        return process

    def given(self, name: str) -> dict[str, str]:
        """What a service is given in its environment."""
        return {
            **self.db.environment(name), "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.cache_port),
            "REDIS_USER": name, "REDIS_PASSWORD": password_of(name), "HOST": "127.0.0.1",
            "LINKS_TOKEN" if name == "links" else "CONTROL_TOKEN": TOKEN_OF.get(name, ""),
        }  # fmt: skip

    def control(self, method: str, name: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A call of a service's control, with its token: status and JSON body."""
        return call(method, self.url(name, path), body, {"Authorization": f"Bearer {TOKEN_OF[name]}"})

    @contextmanager
    def fault(self, link: str, kind: str, **values: Any) -> Iterator[None]:
        """A fault of a link, taken back at the end."""
        path = f"/links/{quote(link, safe='')}/faults/{kind}"
        status, answer = self.control("PUT", "links", path, {"lease_s": 30, **values})
        assert status == 200, answer
        try:
            yield
        finally:
            self.control("DELETE", "links", path)

    def recommend(self, user_id: int, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """Asks for a page."""
        body = {"user_id": user_id, "candidates": list(range(0, 200, 10))}
        return call("POST", self.url("features", "/v1/recommend"), body, headers)

    def flush(self) -> Path:
        """Lets telemetry arrive and be written; the directory with the raw files."""
        time.sleep(1.2)
        status, _ = self.control("POST", "collector", "/flush")
        assert status == 200
        return self.directory / "raw"


@contextmanager
def stack(directory: Path) -> Iterator[Stack]:
    """Database, cache, model, rules, collector, feed and feature service."""
    from lab.worlds.shop.catalog import make_catalog
    from lab.worlds.shop.training import train
    from services.model.savedmodel import encode, push

    push(directory / "models", "model", 1, encode(train(make_catalog(11), 11, 1, {}).papers(1)))
    with database() as db, cache() as cache_port, rules() as rules_server:
        found = Stack(db, cache_port, rules_server, directory)
        try:
            _start_services(found)
            yield found
        finally:
            for process in reversed(found.services.values()):
                process.stop()


LINKS = {"features->db": "db", "features->cache": "cache", "features->model": "model", "features->rules": "rules"}


def _start_links(found: Stack) -> None:
    """The fault proxy in front of what the feature service calls; ports by link name."""
    upstream = {
        "db": found.db.port, "cache": found.cache_port, "model": found.ports["model"], "rules": found.rules.server_port,
    }  # fmt: skip
    config = [{"link": name, "listen": 0, "upstream": f"127.0.0.1:{upstream[to]}"} for name, to in LINKS.items()]
    links = found.start("links", ["-m", "services.links"], LINKS_CONFIG=json.dumps(config), LINKS_API="127.0.0.1:0")
    found.ports["links"] = links.wait_for("ready")["api_port"]
    _, described = found.control("GET", "links", "/links")
    found.ports |= {link["link"]: link["listen"] for link in described["links"]}


def _start_services(found: Stack) -> None:
    collector = found.start(
        "collector", ["-m", "services.collector"], COLLECTOR_PORT="0", DATA_DIRECTORY=str(found.directory / "raw"),
        STATEMENT_LOG_DIRECTORY=str(found.db.log_directory), MODEL_STATUS_URL="http://127.0.0.1:9/none",
    )  # fmt: skip
    found.ports["collector"] = collector.wait_for("ready")["port"]
    model = found.start(
        "model",
        ["-m", "services.model", "--port=0", "--rest_api_port=0"],
        MODEL_BASE_PATH=str(found.directory / "models"),
    )
    ready = model.wait_for("ready")
    found.ports |= {"model": ready["grpc_port"], "model-rest": ready["rest_port"]}
    feed = found.start("feed", ["-m", "services.feed"], FEED_PORT="0")
    found.ports["feed"] = feed.wait_for("ready")["port"]
    _start_links(found)
    ports = found.ports
    features = found.start(
        "features", ["-m", "services.features"], FEATURES_PORT="0", CONFIG_PORT="0",
        DB_PORT=str(ports["features->db"]), REDIS_PORT=str(ports["features->cache"]),
        MODEL_ADDRESS=f"127.0.0.1:{ports['features->model']}", RULES_URL=f"http://127.0.0.1:{ports['features->rules']}",
    )  # fmt: skip
    ports["features"], ports["config"] = features.wait_for("ready")["ports"]
    _wait_until(lambda: call("GET", found.url("features", "/healthz"))[0] == 200, features)


def start_load(found: Stack) -> None:
    """Locust with one worker, once, in its own process: gevent changes the interpreter it runs in."""
    if "load" in found.ports:
        return
    found.ports["load"] = port = free_port()
    locustfile = str(ROOT / "services" / "load" / "locustfile.py")
    command = ["-m", "locust", "-f", locustfile, "--web-host", "127.0.0.1", "--web-port", str(port)]
    load = found.start("load", command, TARGET_URL=found.url("features", ""))
    _wait_until(lambda: call("GET", found.url("load", "/healthz"))[0] == 200, load)
