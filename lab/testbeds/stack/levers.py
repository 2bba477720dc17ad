"""The stack's lever table: each lever reads its value where it acts, so that any process can put it back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import quote

from lab.errors import UserError
from lab.levers import Value
from lab.testbeds.stack.belongings import belongings
from lab.testbeds.stack.compose import Compose, StackError
from lab.testbeds.stack.database import PASSWORD as DATABASE_PASSWORD
from lab.testbeds.stack.database import Database
from lab.testbeds.stack.http import call
from lab.testbeds.stack.leases import LEASE_S
from lab.testbeds.stack.secrets import token_name
from lab.testbeds.stack.versions import ModelVersions

LINKS_PORT, FEATURES_CONFIG_PORT, FEED_PORT, LOAD_PORT = 8474, 8081, 8082, 8089
_POLICY = re.compile(r"local TTL_MS, FROZEN_SHARE = (\d+), ([0-9.]+)")
CACHE_PASSWORD = "LAB_CACHE_ADMIN_PASSWORD"
_VOLUMES = {"table": "db-data", "model": "models"}
"""Where levers of these families change what outlives containers."""
_IN_MEMORY = {"link", "feed", "cache", "config", "population"}
"""Levers of these families change what a process has in memory; it starts anew as it was at first."""
_SERVICES = {"link": "links", "population": "load"}
"""Where they are pulled, if not in the component that their element names."""
RENEWED_WITHIN_S = 3.0
"""What puts a lever back waits for its renewal; the next renewal comes soon."""
_ENDED = {"created", "exited", "dead"}


class StackLevers:
    """Levers of the recommender's containers. `passwords` are the variables of the env file.

    `train(recipe)` gives the registry entry of the next model version.
    """

    def __init__(
        self, compose: Compose, passwords: Mapping[str, str], train: Callable[[Mapping[str, Any]], dict[str, Any]],
        now_s: Callable[[], float], ttl_s: float,
    ) -> None:  # fmt: skip
        self._compose = compose
        self._passwords = passwords
        self._train = train
        self._now_s = now_s
        self._ttl_s = ttl_s
        self._surges: dict[tuple[str, str], Value] = {}
        self._renewals: dict[str, str] = {}
        self.versions = ModelVersions(compose)
        self.database = Database(compose, passwords[DATABASE_PASSWORD])

    def read(self, lever: str, element: str) -> Value:
        """The lever's present value."""
        family, _, name = lever.partition(".")
        if family == "link":
            fault = self._link(element)["faults"].get(name)
            return fault["values"] if fault else None
        return self._handler(lever)[0](element)

    def write(self, lever: str, element: str, value: Value) -> None:
        """Sets the lever; None is neutral."""
        family, _, name = lever.partition(".")
        if family == "link":
            self._set_link(element, name, value)
        else:
            self._handler(lever)[1](element, value)

    def lost(self, lever: str, element: str) -> str:
        """How the lever's state ended with what kept it, in words; empty where there may be something to put back.

        It is kept in a volume, by a container, or in the memory of what runs in one.
        """
        family = lever.partition(".")[0]
        if family in _VOLUMES:
            volume = f"{self._compose.project}_{_VOLUMES[family]}"
            there = belongings(self._compose).volumes
            return "" if volume in there else f"it ended with the volume {volume}, which is not there any more"
        service = _SERVICES.get(family, element.partition("/")[0])
        container = self._compose.containers().get(service)
        if container is None:
            return f"it ended with the container of {service}, which is not there any more"
        if family in _IN_MEMORY and container.status in _ENDED:
            return f"it ended with what ran in the container of {service}, which is {container.status}"
        if self.is_leased(lever) and container.status != "running":
            return f"it ends with its lease, for the container of {service} is {container.status}"
        return ""

    @staticmethod
    def is_leased(lever: str) -> bool:
        """Whether the lever goes back by itself unless it is renewed."""
        return lever.startswith(("link.", "feed."))

    def renew(self, lever: str, element: str, value: Value) -> bool:
        """Renews a lease; False when it had lapsed, so that the fault ended by itself, and stays ended."""
        family, _, name = lever.partition(".")
        if family == "link":
            # Where the proxy was when the fault was set: the Docker API need not answer in time for a renewal.
            base = self._renewals[element]
            soon = partial(call, token=self._token("links"), timeout_s=RENEWED_WITHIN_S, retries=0)
            if name not in soon("GET", f"{base}/links/{quote(element, safe='')}")["faults"]:
                return False
            soon("POST", f"{base}/leases/renew", {"link": element, "kind": name})
            return True
        if self.read(lever, element) is None:
            return False
        self.write(lever, element, value)
        return True

    def _token(self, service: str) -> str:
        return self._passwords[token_name(service)]

    def _handler(self, lever: str) -> tuple[Callable[[str], Value], Callable[[str, Value], None]]:
        handlers: dict[str, tuple[Callable[[str], Value], Callable[[str, Value], None]]] = {
            "component.pause": (self._read_pause, self._write_pause),
            "component.stop": (self._read_stop, self._write_stop),
            "component.limit": (self._read_limit, self._write_limit),
            "table.column": (self._read_column, self._write_column),
            "table.slow": (self._read_slow, self._write_slow),
            "feed.freeze": (self._read_freeze, self._write_freeze),
            "feed.delay": (self._read_delay, self._write_delay),
            "cache.freeze": (self._read_policy, self._write_policy),
            "model.deploy": (self._read_version, self._write_version),
            "config.set": (self._read_config, self._write_config),
            "population.surge": (partial(self._read_surge, "surge"), partial(self._surge, "surge")),
            "population.bots": (partial(self._read_surge, "bots"), partial(self._surge, "bots")),
        }
        if lever not in handlers:
            raise UserError(f"lever {lever!r} cannot be pulled on the stack; the testbed sim has it")
        return handlers[lever]

    # Links: the fault proxy.

    def _link(self, link: str) -> dict[str, Any]:
        url = f"{self._compose.url('links', LINKS_PORT)}/links/{quote(link, safe='')}"
        found: dict[str, Any] = call("GET", url, token=self._token("links"))
        return found

    def _set_link(self, link: str, name: str, value: Value) -> None:
        self._renewals[link] = self._compose.url("links", LINKS_PORT)
        url = f"{self._renewals[link]}/links/{quote(link, safe='')}/faults/{name}"
        token = self._token("links")
        if value is None:
            call("DELETE", url, token=token)
        else:
            call("PUT", url, {**{k: v for k, v in value.items() if k != "lease_s"}, "lease_s": LEASE_S}, token)

    # Components: the Docker API.

    def _read_pause(self, component: str) -> Value:
        return True if self._compose.container(component).status == "paused" else None

    def _write_pause(self, component: str, value: Value) -> None:
        container = self._compose.container(component)
        if value and container.status == "running":
            container.pause()
        elif not value and container.status == "paused":
            container.unpause()

    def _read_stop(self, component: str) -> Value:
        return True if self._compose.container(component).status == "exited" else None

    def _write_stop(self, component: str, value: Value) -> None:
        container = self._compose.container(component)
        if value:
            container.stop(timeout=2)
        else:
            container.start()

    def _declared_quota(self, component: str) -> int:
        return int(self._compose.services[component]["cpu_quota"])

    def _read_limit(self, component: str) -> Value:
        quota = self._compose.container(component).attrs["HostConfig"]["CpuQuota"]
        declared = self._declared_quota(component)
        return None if quota == declared else {"cpu": quota / declared, "workers": None}

    def _write_limit(self, component: str, value: Value) -> None:
        if value and value.get("workers"):
            raise UserError("the stack cannot change a component's workers; limit its cpu")
        share = (value or {}).get("cpu") or 1.0
        # The engine refuses quotas below 1 ms.
        self._compose.container(component).update(cpu_quota=max(1000, round(self._declared_quota(component) * share)))

    # Tables: the view that the feature code reads.

    @staticmethod
    def _column(element: str) -> str:
        table, _, column = element.partition("/")[2].partition(".")
        if table != "users":
            raise UserError(f"only the table users can be changed on the stack, not {table!r}")
        return column

    def _read_column(self, element: str) -> Value:
        return self.database.view_state()["columns"].get(self._column(element))

    def _write_column(self, element: str, value: Value) -> None:
        state, column = self.database.view_state(), self._column(element)
        state["columns"].pop(column, None)
        if value is not None:
            state["columns"][column] = value
        self.database.set_view(state)

    def _read_slow(self, element: str) -> Value:
        seconds = self.database.view_state()["slow_s"]
        return {"seconds": seconds} if seconds else None

    def _write_slow(self, element: str, value: Value) -> None:
        self.database.set_view({**self.database.view_state(), "slow_s": value["seconds"] if value else 0.0})

    # The feed's own control, with a lease.

    def _feed(self, method: str, path: str, body: Any = None) -> Any:
        return call(method, f"{self._compose.url('feed', FEED_PORT)}{path}", body, self._token("feed"))

    def _read_freeze(self, job: str) -> Value:
        return True if self._feed("GET", "/control")["frozen"] else None

    def _write_freeze(self, job: str, value: Value) -> None:
        self._feed("PUT", "/control/freeze", {"frozen": bool(value), "lease_s": LEASE_S})

    def _read_delay(self, job: str) -> Value:
        seconds = self._feed("GET", "/control")["delay_s"]
        return {"seconds": seconds} if seconds else None

    def _write_delay(self, job: str, value: Value) -> None:
        self._feed("PUT", "/control/delay", {"seconds": value["seconds"] if value else 0.0, "lease_s": LEASE_S})

    # The cache's write policy: a function library in Redis, whose text says what is in force.

    @contextmanager
    def _redis(self) -> Iterator[Any]:
        import redis

        host, port = self._compose.address("cache", 6379)
        try:
            with redis.Redis(host, port, password=self._passwords[CACHE_PASSWORD], socket_timeout=5) as client:
                yield client
        except redis.RedisError as error:
            raise StackError(f"the cache: {error}") from error

    def _policy(self, client: Any) -> tuple[float, float]:
        """(TTL in real seconds, frozen share) as loaded."""
        for library in client.execute_command("FUNCTION", "LIST", "LIBRARYNAME", "entries", "WITHCODE"):
            found = _POLICY.search(" ".join(_texts(library)))
            if found:
                return int(found[1]) / 1000, float(found[2])
        raise StackError("the cache holds no write policy; has the feature service started?")

    def set_time_to_live(self, time_scale: float) -> None:
        """Loads the write policy with the topology's time to live, compressed by the time scale."""
        from services.cache.policy import library

        with self._redis() as client:
            client.execute_command("FUNCTION", "LOAD", "REPLACE", library(self._ttl_s / time_scale))

    def _read_policy(self, cache: str) -> Value:
        with self._redis() as client:
            share = self._policy(client)[1]
        return {"fraction": share} if share else None

    def _write_policy(self, cache: str, value: Value) -> None:
        from services.cache.policy import library

        with self._redis() as client:
            ttl_s, _ = self._policy(client)
            client.execute_command("FUNCTION", "LOAD", "REPLACE", library(ttl_s, value["fraction"] if value else 0.0))
            client.execute_command("FCALL", "apply_policy", 0)

    # The model's version directory.

    def _read_version(self, model: str) -> Value:
        return {"version": self.versions.served()}

    def _write_version(self, model: str, value: Value) -> None:
        if value and "version" in value:
            wanted = int(value["version"])
            self.versions.keep_up_to(wanted)
        else:
            entry = self._train(value or {})
            wanted = int(entry["version"])
            self.versions.push(entry)
        self.versions.await_served(wanted)

    # Configuration of the feature service; arrivals of the load.

    def _read_config(self, element: str) -> Value:
        step, key = _config_key(element)
        url = f"{self._compose.url('features', FEATURES_CONFIG_PORT)}/config"
        steps = call("GET", url, token=self._token("features"))["steps"]
        return {"value": steps[step][key]}

    def _write_config(self, element: str, value: Value) -> None:
        step, key = _config_key(element)
        url = f"{self._compose.url('features', FEATURES_CONFIG_PORT)}/config/steps/{step}/{key}"
        call("PUT", url, {"value": value["value"]}, self._token("features"))

    def _read_surge(self, kind: str, element: str) -> Value:
        return self._surges.get((kind, element))

    def _surge(self, kind: str, element: str, value: Value) -> None:
        rate = value["rate_per_s"] if value else None
        body = {"kind": kind, "rate_per_s": rate, "at_s": max(0.0, self._now_s())}
        call("POST", f"{self._compose.url('load', LOAD_PORT)}/surges", body, self._token("load"))
        self._surges[kind, element] = value


def _config_key(element: str) -> tuple[str, str]:
    parts = element.partition("/")[2].split(".")
    if len(parts) != 3 or parts[0] != "steps":
        raise UserError(f"unknown configuration key {element!r}; expected <component>/steps.<step>.<key>")
    return parts[1], parts[2]


def _texts(value: Any) -> list[str]:
    """All text in a nested Redis answer."""
    if isinstance(value, bytes):
        return [value.decode(errors="replace")]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, dict):
        return [text for pair in value.items() for text in _texts(list(pair))]
    return [str(value)]
