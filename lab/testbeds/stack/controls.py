"""How the stack's levers are read and written: each where it acts, so that any process can put it back."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

from lab.errors import LabError
from lab.injection.levers import (
    Announce,
    AnyLever,
    CacheFreeze,
    ComponentLimit,
    ComponentPause,
    ComponentRestart,
    ComponentStop,
    ConfigSet,
    FeedDelay,
    FeedFreeze,
    LeverValue,
    ModelDeploy,
    Place,
    PopulationBots,
    PopulationSurge,
    TableColumn,
    TableSlow,
)
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


class StackControls:
    """Levers of the recommender's containers. `passwords` are the variables of the env file.

    `train(recipe)` gives the registry entry of the next model version.
    """

    def __init__(
        self, compose: Compose, passwords: Mapping[str, str], train: Callable[[Mapping[str, Any]], dict[str, Any]],
        now_s: Callable[[], float], ttl_s: float,
    ) -> None:  # fmt: skip
        self.compose = compose
        self._passwords = passwords
        self._train = train
        self._now_s = now_s
        self._ttl_s = ttl_s
        self._restarts: dict[str, ComponentRestart | None] = {}
        self._extra: dict[tuple[str, str], PopulationSurge | PopulationBots | None] = {}
        self.renewals: dict[str, str] = {}
        self.changes_log: list[dict[str, Any]] = []
        self.versions = ModelVersions(compose)
        self.database = Database(compose, passwords[DATABASE_PASSWORD])

    def token(self, service: str) -> str:
        """What the control endpoints of a service want."""
        return self._passwords[token_name(service)]

    # Links: the fault proxy.

    def _link(self, link: str) -> dict[str, Any]:
        url = f"{self.compose.url('links', LINKS_PORT)}/links/{quote(link, safe='')}"
        found: dict[str, Any] = call("GET", url, token=self.token("links"))
        return found

    def read_link(self, lever: type[AnyLever], place: Place) -> AnyLever | None:
        fault = self._link(place.element)["faults"].get(link_fault(lever))
        return lever.from_json({k: v for k, v in fault["values"].items() if k in lever.model_fields}) if fault else None

    def write_link(self, lever: type[LeverValue], place: Place, value: LeverValue | None) -> None:
        link = place.element
        self.renewals[link] = self.compose.url("links", LINKS_PORT)
        url = f"{self.renewals[link]}/links/{quote(link, safe='')}/faults/{link_fault(lever)}"
        token = self.token("links")
        if value is None:
            call("DELETE", url, token=token)
        else:
            call("PUT", url, {**value.to_json(), "lease_s": LEASE_S}, token)

    # Components: the Docker API.

    def read_pause(self, place: Place) -> ComponentPause | None:
        return ComponentPause() if self.compose.container(place.element).status == "paused" else None

    def write_pause(self, place: Place, value: ComponentPause | None) -> None:
        container = self.compose.container(place.element)
        if value is not None and container.status == "running":
            container.pause()
        elif value is None and container.status == "paused":
            container.unpause()

    def read_stop(self, place: Place) -> ComponentStop | None:
        return ComponentStop() if self.compose.container(place.element).status == "exited" else None

    def write_stop(self, place: Place, value: ComponentStop | None) -> None:
        container = self.compose.container(place.element)
        if value is not None:
            container.stop(timeout=2)
        else:
            container.start()

    def read_restart(self, place: Place) -> ComponentRestart | None:
        return ComponentRestart() if self.compose.container(place.element).status == "exited" else None

    def write_restart(self, place: Place, value: ComponentRestart | None) -> None:
        self._restarts[place.element] = value
        container = self.compose.container(place.element)
        if value is not None:
            if container.status == "running":
                container.kill()  # without a goodbye: its connections break
            threading.Thread(target=self._bring_back, args=(place, value, self._now_s()), daemon=True).start()
        elif container.status == "exited":
            container.start()

    def _bring_back(self, place: Place, restart: ComponentRestart, since_s: float) -> None:
        """Starts what was ended, when its time away is over; where that fails, the revert does it."""
        while self._now_s() < since_s + restart.away_s:
            time.sleep(0.05)
        from docker.errors import DockerException

        if self._restarts[place.element] is restart:  # it is not back, and no other one has begun since
            with suppress(LabError, DockerException):
                self.write_restart(place, None)

    def _declared_quota(self, component: str) -> int:
        return int(self.compose.services[component]["cpu_quota"])

    def read_limit(self, place: Place) -> ComponentLimit | None:
        quota = self.compose.container(place.element).attrs["HostConfig"]["CpuQuota"]
        declared = self._declared_quota(place.element)
        return None if quota == declared else ComponentLimit(cpu=quota / declared)

    def write_limit(self, place: Place, value: ComponentLimit | None) -> None:
        share = (value.cpu if value else None) or 1.0
        # The engine refuses quotas below 1 ms.
        quota = max(1000, round(self._declared_quota(place.element) * share))
        self.compose.container(place.element).update(cpu_quota=quota)

    # Tables: the view that the feature code reads.

    def read_column(self, place: Place) -> TableColumn | None:
        state = self.database.view_state()["columns"].get(place.column)
        return TableColumn.from_json(state) if state else None

    def write_column(self, place: Place, value: TableColumn | None) -> None:
        state = self.database.view_state()
        state["columns"].pop(place.column, None)
        if value is not None:
            state["columns"][place.column] = value.to_json()
        self.database.set_view(state)

    def read_slow_table(self, place: Place) -> TableSlow | None:
        seconds = self.database.view_state()["slow_s"]
        return TableSlow(seconds=seconds) if seconds else None

    def write_slow_table(self, place: Place, value: TableSlow | None) -> None:
        self.database.set_view({**self.database.view_state(), "slow_s": value.seconds if value else 0.0})

    # The feed's own control, with a lease.

    def _feed(self, method: str, path: str, body: Any = None) -> Any:
        return call(method, f"{self.compose.url('feed', FEED_PORT)}{path}", body, self.token("feed"))

    def read_freeze(self, place: Place) -> FeedFreeze | None:
        return FeedFreeze() if self._feed("GET", "/control")["frozen"] else None

    def write_freeze(self, place: Place, value: FeedFreeze | None) -> None:
        self._feed("PUT", "/control/freeze", {"frozen": value is not None, "lease_s": LEASE_S})

    def read_delay(self, place: Place) -> FeedDelay | None:
        seconds = self._feed("GET", "/control")["delay_s"]
        return FeedDelay(seconds=seconds) if seconds else None

    def write_delay(self, place: Place, value: FeedDelay | None) -> None:
        self._feed("PUT", "/control/delay", {"seconds": value.seconds if value else 0.0, "lease_s": LEASE_S})

    # The cache's write policy: a function library in Redis, whose text says what is in force.

    @contextmanager
    def _redis(self) -> Iterator[Any]:
        import redis

        host, port = self.compose.address("cache", 6379)
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

    def read_policy(self, place: Place) -> CacheFreeze | None:
        with self._redis() as client:
            share = self._policy(client)[1]
        return CacheFreeze(fraction=share) if share else None

    def write_policy(self, place: Place, value: CacheFreeze | None) -> None:
        from services.cache.policy import library

        with self._redis() as client:
            ttl_s, _ = self._policy(client)
            client.execute_command("FUNCTION", "LOAD", "REPLACE", library(ttl_s, value.fraction if value else 0.0))
            client.execute_command("FCALL", "apply_policy", 0)

    # The model's version directory.

    def read_version(self, place: Place) -> ModelDeploy:
        return ModelDeploy(version=self.versions.served())

    def write_version(self, place: Place, value: ModelDeploy | None) -> None:
        value = value or ModelDeploy(version=1)
        if value.version is not None:
            wanted = value.version
            self.versions.keep_up_to(wanted)
        else:
            entry = self._train(value.recipe)
            wanted = int(entry["version"])
            self.versions.push(entry)
        self.versions.await_served(wanted)
        summary = f"Model version {self.versions.served()} deployed"
        self.announce(place, Announce(kind="deploy", summary=summary))

    # The change log.

    def announce(self, place: Place, act: Announce) -> None:
        self.changes_log.append(
            {
                "time_s": round(self._now_s(), 3), "service.name": place.element, "kind": act.kind,
                "summary": act.summary,
            }
        )  # fmt: skip

    # Configuration of the feature service; arrivals of the load.

    def read_config(self, place: Place) -> ConfigSet:
        _, step, key = place.part.split(".")
        url = f"{self.compose.url('features', FEATURES_CONFIG_PORT)}/config"
        steps = call("GET", url, token=self.token("features"))["steps"]
        return ConfigSet(value=steps[step][key])

    def write_config(self, place: Place, value: ConfigSet | None) -> None:
        assert value is not None  # a key always has a value
        _, step, key = place.part.split(".")
        url = f"{self.compose.url('features', FEATURES_CONFIG_PORT)}/config/steps/{step}/{key}"
        call("PUT", url, {"value": value.value}, self.token("features"))

    def read_surge(self, place: Place) -> PopulationSurge | None:
        value = self._extra.get(("surge", place.element))
        return value if isinstance(value, PopulationSurge) else None

    def read_bots(self, place: Place) -> PopulationBots | None:
        value = self._extra.get(("bots", place.element))
        return value if isinstance(value, PopulationBots) else None

    def write_surge(self, place: Place, value: PopulationSurge | None) -> None:
        self._arrivals("surge", place, value)

    def write_bots(self, place: Place, value: PopulationBots | None) -> None:
        self._arrivals("bots", place, value)

    def _arrivals(self, kind: str, place: Place, value: PopulationSurge | PopulationBots | None) -> None:
        rate = value.rate_per_s if value else None
        body = {"kind": kind, "rate_per_s": rate, "at_s": max(0.0, self._now_s())}
        call("POST", f"{self.compose.url('load', LOAD_PORT)}/surges", body, self.token("load"))
        self._extra[kind, place.element] = value


def _texts(value: Any) -> list[str]:
    """All text in a nested Redis answer."""
    if isinstance(value, bytes):
        return [value.decode(errors="replace")]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, dict):
        return [text for pair in value.items() for text in _texts(list(pair))]
    return [str(value)]


def link_fault(lever: type[LeverValue]) -> str:
    """The proxy's name for the fault of a link."""
    return lever.name.partition(".")[2]
