"""How the stack's levers are read and written: each where it acts, so that any process can put it back."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from lab.agreed import leases, ports
from lab.agreed.cache import CachePolicy
from lab.content.stack import StackPart
from lab.errors import LabError
from lab.injection.levers import (
    Announce,
    AnyLever,
    CacheFreeze,
    CacheMixKeys,
    ComponentLimit,
    ComponentPause,
    ComponentRestart,
    ComponentStop,
    ConfigSet,
    FeedDelay,
    FeedFreeze,
    LeverValue,
    ModelDeploy,
    ModelUnload,
    Place,
    Recipe,
    TableColumn,
    TableSlow,
)
from lab.recording.entries import ChangeEntry
from lab.systems.topology import System
from lab.testbeds.stack.cache import PASSWORD as CACHE_PASSWORD
from lab.testbeds.stack.cache import Cache
from lab.testbeds.stack.compose import Compose, StackError
from lab.testbeds.stack.database import PASSWORD as DATABASE_PASSWORD
from lab.testbeds.stack.database import Database
from lab.testbeds.stack.http import call
from lab.testbeds.stack.load import Load
from lab.testbeds.stack.locking import TableLocks
from lab.testbeds.stack.secrets import token_name
from lab.testbeds.stack.shifts import Shifts
from lab.testbeds.stack.slowing import Slowing
from lab.testbeds.stack.versions import ModelVersions

CACHE_KEYS = ("settings.ttl_s",)
"""What keys of the cache begin with that can be changed while it runs: they are in its policy."""
STARTED_WITHIN_S = 30.0


class StackControls:
    """Levers of the containers of a system, whose world has this part. `passwords` are the variables of the env file.

    `train(recipe)` gives the registry entry of the next model version.
    """

    def __init__(
        self, compose: Compose, passwords: Mapping[str, str], train: Callable[[Recipe], dict[str, Any]],
        now_s: Callable[[], float], system: System, part: StackPart,
    ) -> None:  # fmt: skip
        self.compose = compose
        self.part = part
        self._passwords = passwords
        self._train = train
        self._now_s = now_s
        self._system = system
        self._restarts: dict[str, ComponentRestart | None] = {}
        self._starting: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._incomplete: set[str] = set()
        """Components that were started and do not yet have what the run under way wants of them."""
        self.given: dict[str, Callable[[], object]] = {}
        """By component: gives its process what the run under way gave to the one before, which kept it in memory."""
        self.renewals: dict[str, str] = {}
        self.changes_log: list[ChangeEntry] = []
        self.versions = ModelVersions(compose)
        self.database = Database(compose, part.system, passwords[DATABASE_PASSWORD], part.views)
        self.locks = TableLocks(self.database)
        self.shifts = Shifts(self.database, part, system)
        self.slowing = Slowing(compose)
        self.cache = Cache(compose, passwords[CACHE_PASSWORD])
        self.load = Load(compose, passwords[token_name("load")], now_s)

    def token(self, service: str) -> str:
        """What the control endpoints of a service want."""
        return self._passwords[token_name(service)]

    # Links: the fault proxy.

    def _link(self, link: str) -> dict[str, Any]:
        url = f"{self.compose.url('links', ports.LINKS)}/links/{quote(link, safe='')}"
        found: dict[str, Any] = call("GET", url, token=self.token("links"))
        return found

    def read_link(self, lever: type[AnyLever], place: Place) -> AnyLever | None:
        fault = self._link(place.element)["faults"].get(link_fault(lever))
        return lever.from_json({k: v for k, v in fault["values"].items() if k in lever.model_fields}) if fault else None

    def write_link(self, lever: type[LeverValue], place: Place, value: LeverValue | None) -> None:
        link = place.element
        self.renewals[link] = self.compose.url("links", ports.LINKS)
        url = f"{self.renewals[link]}/links/{quote(link, safe='')}/faults/{link_fault(lever)}"
        token = self.token("links")
        if value is None:
            call("DELETE", url, token=token)
        else:
            call("PUT", url, {**value.to_json(), "lease_s": leases.LEASE_S}, token)

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
        return ComponentStop() if self._is_away(place.element) else None

    def write_stop(self, place: Place, value: ComponentStop | None) -> None:
        container = self.compose.container(place.element)
        if value is not None:
            container.stop(timeout=2)
        else:
            self._start(place.element)

    def read_restart(self, place: Place) -> ComponentRestart | None:
        return ComponentRestart() if self._is_away(place.element) else None

    def write_restart(self, place: Place, value: ComponentRestart | None) -> None:
        self._restarts[place.element] = value
        container = self.compose.container(place.element)
        if value is not None:
            if container.status == "running":
                container.kill()  # without a goodbye: its connections break
            threading.Thread(target=self._bring_back, args=(place, value, self._now_s()), daemon=True).start()
        else:
            self._start(place.element)

    def _bring_back(self, place: Place, restart: ComponentRestart, since_s: float) -> None:
        """Starts what was ended, when its time away is over; where that fails, the revert does it."""
        while self._now_s() < since_s + restart.away_s:
            time.sleep(0.05)
        from docker.errors import DockerException

        if self._restarts[place.element] is restart:  # it is not back, and no other one has begun since
            with suppress(LabError, DockerException):
                self.write_restart(place, None)

    def _is_away(self, component: str) -> bool:
        return self.compose.container(component).status == "exited" or component in self._incomplete

    def _start(self, component: str) -> None:
        """Starts a component that has ended, with what the run under way wants of it; waits where another does."""
        with self._starting[component]:
            if not self._is_away(component):
                return
            self._incomplete.add(component)
            self.compose.container(component).start()
            give, until_s = self.given.get(component, lambda: None), time.monotonic() + STARTED_WITHIN_S
            while True:
                try:
                    give()
                except StackError:  # it does not listen yet
                    if time.monotonic() > until_s:
                        raise
                    time.sleep(0.05)
                else:
                    self._incomplete.discard(component)
                    return

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

    # Tables: the views that feature code reads.

    def read_column(self, place: Place) -> TableColumn | None:
        state = self.database.view_state(place.table)["columns"].get(place.column)
        return TableColumn.from_json(state) if state else None

    def write_column(self, place: Place, value: TableColumn | None) -> None:
        state = self.database.view_state(place.table)
        state["columns"].pop(place.column, None)
        if value is not None:
            state["columns"][place.column] = value.to_json()
        self.database.set_view(place.table, state)

    def read_slow_table(self, place: Place) -> TableSlow | None:
        seconds = self.database.view_state(place.table)["slow_s"]
        return TableSlow(seconds=seconds) if seconds else None

    def write_slow_table(self, place: Place, value: TableSlow | None) -> None:
        state = {**self.database.view_state(place.table), "slow_s": value.seconds if value else 0.0}
        self.database.set_view(place.table, state)

    # A job's own control, with a lease.

    def _job(self, place: Place, method: str, path: str, body: Any = None) -> Any:
        return call(method, f"{self.control_url(place.element)}{path}", body, self.token(place.element))

    def read_freeze(self, place: Place) -> FeedFreeze | None:
        return FeedFreeze() if self._job(place, "GET", "/control")["frozen"] else None

    def write_freeze(self, place: Place, value: FeedFreeze | None) -> None:
        self._job(place, "PUT", "/control/freeze", {"frozen": value is not None, "lease_s": leases.LEASE_S})

    def read_delay(self, place: Place) -> FeedDelay | None:
        seconds = self._job(place, "GET", "/control")["delay_s"]
        return FeedDelay(seconds=seconds) if seconds else None

    def write_delay(self, place: Place, value: FeedDelay | None) -> None:
        seconds = value.seconds if value else 0.0
        self._job(place, "PUT", "/control/delay", {"seconds": seconds, "lease_s": leases.LEASE_S})

    # The cache's policy.

    def policy_of_run(self, time_scale: float) -> CachePolicy:
        """The policy of a run: the topology's time to live, and as many keys as have visitors at this time scale."""
        settings = self._system.components["cache"].settings
        counts = self.part.keys_counts(self._system, time_scale)
        return CachePolicy(float(settings["ttl_s"]), time_scale, keys_counts=counts)

    def read_freeze_of_cache(self, place: Place) -> CacheFreeze | None:
        share = self.cache.policy().frozen_share
        return CacheFreeze(fraction=share) if share else None

    def write_freeze_of_cache(self, place: Place, value: CacheFreeze | None) -> None:
        self.cache.change(frozen_share=value.fraction if value else 0.0)

    def read_mix(self, place: Place) -> CacheMixKeys | None:
        share = self.cache.policy().mixed_share
        return CacheMixKeys(fraction=share) if share else None

    def write_mix(self, place: Place, value: CacheMixKeys | None) -> None:
        self.cache.change(mixed_share=value.fraction if value else 0.0)

    # The model's version directory.

    def read_version(self, place: Place) -> ModelDeploy:
        return ModelDeploy(version=self.versions.served() or self.versions.latest())

    def write_version(self, place: Place, value: ModelDeploy | None) -> None:
        assert value is not None  # a model server always has a version to serve
        if value.version is not None:
            wanted = value.version
            self.versions.keep_up_to(wanted)
        else:
            entry = self._train(value.recipe)
            wanted = int(entry["version"])
            self.versions.push(entry)
        if not self.versions.is_unloaded():
            self.versions.await_served(wanted)
        self.announce(place, Announce(kind="deploy", summary=f"Model version {wanted} deployed"))

    def read_unloaded(self, place: Place) -> ModelUnload | None:
        return ModelUnload() if self.versions.is_unloaded() else None

    def write_unloaded(self, place: Place, value: ModelUnload | None) -> None:
        if value is not None:
            self.versions.unload()
        else:
            self.versions.load()

    # The change log.

    def announce(self, place: Place, act: Announce) -> None:
        self.changes_log.append(
            {
                "time_s": round(self._now_s(), 3), "service.name": place.element, "kind": act.kind,
                "summary": act.summary,
            }
        )  # fmt: skip

    # Configuration: what the services change while they run.

    def read_config(self, place: Place) -> ConfigSet:
        if place.element == "cache":
            return ConfigSet(value=self.cache.policy().ttl_s)
        value = call("GET", f"{self.control_url(place.element)}/config", token=self.token(place.element))
        for part in place.part.split("."):
            value = value[part]
        return ConfigSet(value=value)

    def write_config(self, place: Place, value: ConfigSet | None) -> None:
        assert value is not None  # a key always has a value
        if place.element == "cache":
            self.cache.change(ttl_s=value.value)
            return
        url = f"{self.control_url(place.element)}/config/{place.part.replace('.', '/')}"
        call("PUT", url, {"value": value.value}, self.token(place.element))

    def control_url(self, component: str) -> str:
        """Where a component's control endpoints are."""
        return self.compose.url(component, self.part.controls[component].port)


def link_fault(lever: type[LeverValue]) -> str:
    """The proxy's name for the fault of a link."""
    return lever.name.partition(".")[2]
