"""The real parts on loopback: PostgreSQL, Redis, model server, services as processes; the rules' Python twin."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.services.plane.servers import (
    ROOT,
    Database,
    Process,
    RulesServer,
    cache,
    database,
    free_port,
    password_of,
    rules,
    shop_rules,
    wait_until,
)
from tests.waiting import PATIENCE_S

TOKEN_OF = {
    name: f"token-of-{name}"
    for name in (
        "links",
        "feed",
        "load",
        "features",
        "config",
        "collector",
        "payments",
        "payments-config",
        "aggregator",
    )
}
TOKEN_OF |= {"config": TOKEN_OF["features"], "payments-config": TOKEN_OF["payments"]}


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
class Stack:
    """Everything together; services by name, their ports by name."""

    db: Database
    cache_port: int
    rules: RulesServer
    directory: Path
    system: str = "recommender"
    people: str = "services.shop.load.population:ShopPopulation"
    entry: str = "features"
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
            "SYSTEM": self.system, **self.db.environment(name),
            "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.cache_port),
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

    push(directory / "models", "model", 1, encode(train(make_catalog(11), 11, 1, {}).registry_entry(1)))
    with database() as db, cache() as cache_port, rules(shop_rules) as rules_server:
        found = Stack(db, cache_port, rules_server, directory)
        try:
            _start_services(found)
            yield found
        finally:
            for process in reversed(found.services.values()):
                process.stop()


LINKS = {"features->db": "db", "features->cache": "cache", "features->model": "model", "features->rules": "rules"}


def start_links(found: Stack, to_of: Mapping[str, str]) -> None:
    """The fault proxy in front of components, by link name; adds its ports by link name."""
    upstream = {
        **found.ports, "db": found.db.port, "cache": found.cache_port, "rules": found.rules.server_port,
    }  # fmt: skip
    config = [{"link": name, "listen": 0, "upstream": f"127.0.0.1:{upstream[to]}"} for name, to in to_of.items()]
    links = found.start("links", ["-m", "services.links"], LINKS_CONFIG=json.dumps(config), LINKS_API="127.0.0.1:0")
    found.ports["links"] = links.wait_for("ready")["api_port"]
    _, described = found.control("GET", "links", "/links")
    found.ports |= {link["link"]: link["listen"] for link in described["links"]}


def start_common(found: Stack, part: str) -> None:
    """Collector and model server; `part`: the world's part of the stack."""
    collector = found.start(
        "collector", ["-m", "services.collector"], COLLECTOR_PORT="0", DATA_DIRECTORY=str(found.directory / "raw"),
        STATEMENT_LOG_DIRECTORY=str(found.db.log_directory), MODEL_STATUS_URL="http://127.0.0.1:9/none",
        STACK_PART=part,
    )  # fmt: skip
    found.ports["collector"] = collector.wait_for("ready")["port"]
    model = found.start(
        "model",
        ["-m", "services.model", "--port=0", "--rest_api_port=0"],
        MODEL_BASE_PATH=str(found.directory / "models"),
    )
    ready = model.wait_for("ready")
    found.ports |= {"model": ready["grpc_port"], "model-rest": ready["rest_port"]}


def _start_services(found: Stack) -> None:
    start_common(found, "lab.worlds.shop.stack:STACK")
    feed = found.start("feed", ["-m", "services.shop.feed"], FEED_PORT="0")
    found.ports["feed"] = feed.wait_for("ready")["port"]
    start_links(found, LINKS)
    ports = found.ports
    features = found.start(
        "features", ["-m", "services.shop.features"], FEATURES_PORT="0", CONFIG_PORT="0",
        DB_PORT=str(ports["features->db"]), REDIS_PORT=str(ports["features->cache"]),
        MODEL_ADDRESS=f"127.0.0.1:{ports['features->model']}", RULES_URL=f"http://127.0.0.1:{ports['features->rules']}",
    )  # fmt: skip
    ports["features"], ports["config"] = features.wait_for("ready")["ports"]
    wait_until(lambda: call("GET", found.url("features", "/healthz"))[0] == 200, features)


def start_load(found: Stack) -> None:
    """Locust with one worker, once, in processes of their own, as on the stack: gevent changes their interpreters."""
    if "load" in found.ports:
        return
    found.ports["load"] = port = free_port()
    workers_port = str(free_port())
    locustfile = str(ROOT / "services" / "load" / "locustfile.py")
    command = ["-m", "locust", "-f", locustfile, "--web-host", "127.0.0.1", "--web-port", str(port),
               "--master-bind-host", "127.0.0.1", "--master-bind-port", workers_port, "--master-port", workers_port,
               "--processes", "1"]  # fmt: skip
    given = {"TARGET_URL": found.url(found.entry, ""), "PEOPLE": found.people}
    load = found.start("load", command, **given)
    wait_until(lambda: call("GET", found.url("load", "/healthz"))[0] == 200, load)
