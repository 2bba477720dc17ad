"""Levers: what a testbed lets you change and change back. Faults are written against these and nothing else.

A lever is addressed by (lever name, element) and holds a JSON value; its neutral value is None unless said
otherwise. Pulling one reads the previous value (the undo), journals it, then writes; reverting writes the
previous value back and is idempotent, so it also works in another process, later. A testbed implements
`read`, `write`, `act` and `journal`; the facade below is the same for all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lab.systems.topology import System

Value = Any
"""JSON: None, numbers, strings, lists, objects."""

LEVERS: Mapping[str, str] = {
    "link.cut": "black-holes a share of the requests, responses or both",
    "link.delay": "adds latency and jitter to each passage",
    "link.drop": "makes a share of the passages wait a retransmission timeout",
    "link.reset": "resets a share of the connections",
    "link.throttle": "limits bytes per second",
    "component.stop": "refuses connections",
    "component.pause": "accepts and holds work until resumed",
    "component.slow": "multiplies the time of own work",
    "component.limit": "sets worker count, CPU quota or memory",
    "table.column": "renames, retypes, rescales or nulls a column, or adds one",
    "table.slow": "adds time to every statement",
    "table.lock": "blocks every statement",
    "feed.freeze": "stops the job's runs",
    "feed.delay": "makes each run start late",
    "cache.freeze": "stops refreshes of a share of the keys, which then never expire",
    "cache.mix-keys": "answers a share of the keys with another key's entry",
    "model.deploy": "serves a version",
    "model.unload": "serves no version",
    "config.set": "sets a key of a component's configuration",
    "population.shift": "multiplies a feature of arriving users",
    "population.tastes": "replaces the tastes of a share of the users",
    "population.surge": "adds requests",
    "population.bots": "adds requests that never click",
}
ACTS: Mapping[str, str] = {
    "cache.flush": "drops every entry; the refill is the only way back",
    "changes.announce": "writes an entry of the change log",
}


@dataclass(frozen=True, slots=True)
class Undo:
    """What is needed to put one lever back: serialisable, idempotent to apply."""

    lever: str
    element: str
    previous: Value


class Testbed(ABC):
    """The lever facade over a testbed's lever table; the only thing a fault sees.

    Subclasses provide `system` and the four abstract methods: those are the lever table.
    """

    system: System
    __test__ = False

    @abstractmethod
    def read(self, lever: str, element: str) -> Value:
        """The lever's present value."""

    @abstractmethod
    def write(self, lever: str, element: str, value: Value) -> None:
        """Sets the lever; None is neutral."""

    @abstractmethod
    def act(self, act: str, element: str, value: Value) -> None:
        """Does something that has no undo (a flush, an announcement)."""

    @abstractmethod
    def journal(self, event: str, undo: Undo, value: Value) -> None:
        """Records `intent`, `applied` or `reverted`; durable before it returns where that matters."""

    @contextmanager
    def pull(self, lever: str, element: str, value: Value) -> Iterator[None]:
        """Applies a value for the duration of the context and puts the previous one back."""
        undo = Undo(lever, element, self.read(lever, element))
        try:  # the intent within: an interrupt right after it must not leave it open
            self.journal("intent", undo, value)
            self.write(lever, element, value)
            self.journal("applied", undo, value)
            yield
        finally:
            self.revert(undo)

    def revert(self, undo: Undo) -> None:
        """Puts one lever back; safe to repeat."""
        self.write(undo.lever, undo.element, undo.previous)
        self.journal("reverted", undo, undo.previous)

    def link(self, link: str) -> LinkLevers:
        return LinkLevers(self, link)

    def component(self, component: str) -> ComponentLevers:
        return ComponentLevers(self, component)

    def table(self, component: str, table: str) -> TableLevers:
        return TableLevers(self, f"{component}/{table}")

    def feed(self, component: str) -> FeedLevers:
        return FeedLevers(self, component)

    def cache(self, component: str) -> CacheLevers:
        return CacheLevers(self, component)

    def model(self, component: str) -> ModelLevers:
        return ModelLevers(self, component)

    def config(self, component: str) -> ConfigLevers:
        return ConfigLevers(self, component)

    def population(self, component: str) -> PopulationLevers:
        return PopulationLevers(self, component)

    def changes(self) -> ChangeLog:
        return ChangeLog(self)


@dataclass(frozen=True, slots=True)
class _Levers:
    testbed: Testbed
    element: str

    def _pull(self, lever: str, value: Value) -> Any:
        return self.testbed.pull(lever, self.element, value)


class LinkLevers(_Levers):
    """A link between two components. `fraction` is the share of connections concerned, 0 to 1."""

    def cut(self, direction: str = "both", fraction: float = 1.0) -> Any:
        return self._pull("link.cut", {"direction": direction, "fraction": fraction})

    def delay(self, latency_s: float, jitter_s: float = 0.0, fraction: float = 1.0) -> Any:
        return self._pull("link.delay", {"latency_s": latency_s, "jitter_s": jitter_s, "fraction": fraction})

    def drop(self, fraction: float) -> Any:
        return self._pull("link.drop", {"fraction": fraction})

    def reset(self, fraction: float) -> Any:
        return self._pull("link.reset", {"fraction": fraction})

    def throttle(self, bytes_per_s: float) -> Any:
        return self._pull("link.throttle", {"bytes_per_s": bytes_per_s})


class ComponentLevers(_Levers):
    """A component's process: alive, running, fast, and with what resources."""

    def stop(self) -> Any:
        return self._pull("component.stop", True)

    def pause(self) -> Any:
        return self._pull("component.pause", True)

    def slow(self, factor: float) -> Any:
        return self._pull("component.slow", {"factor": factor})

    def limit(self, cpu: float | None = None, workers: int | None = None) -> Any:
        """`cpu` is the share of its normal CPU the component may use (0 to 1)."""
        return self._pull("component.limit", {"cpu": cpu, "workers": workers})


class TableLevers(_Levers):
    """A table of a database component. Rows written while a change lasts are changed too, and kept after it."""

    def change_column(self, column: str, change: str, **details: Value) -> Any:
        """`change`: rename (to), retype (to), rescale (factor), null (fraction), add (type)."""
        return self.testbed.pull("table.column", f"{self.element}.{column}", {"change": change, **details})

    def slow(self, seconds: float) -> Any:
        return self._pull("table.slow", {"seconds": seconds})

    def lock(self) -> Any:
        return self._pull("table.lock", True)


class FeedLevers(_Levers):
    """A job that turns events into features."""

    def freeze(self) -> Any:
        return self._pull("feed.freeze", True)

    def delay(self, seconds: float) -> Any:
        return self._pull("feed.delay", {"seconds": seconds})


class CacheLevers(_Levers):
    """A cache: its refresh, its keys, its contents."""

    def freeze(self, fraction: float = 1.0) -> Any:
        return self._pull("cache.freeze", {"fraction": fraction})

    def mix_keys(self, fraction: float) -> Any:
        return self._pull("cache.mix-keys", {"fraction": fraction})

    def flush(self) -> None:
        self.testbed.act("cache.flush", self.element, None)


class ModelLevers(_Levers):
    """A model server. A recipe says how the new version was trained; its number follows deploy order."""

    def deploy(self, training: str, **details: Value) -> Any:
        return self._pull("model.deploy", {"training": training, **details})

    def unload(self) -> Any:
        return self._pull("model.unload", True)


class ConfigLevers(_Levers):
    """A component's own configuration, by dotted key (`steps.db_get.timeout_s`)."""

    def set(self, key: str, value: Value) -> Any:
        return self.testbed.pull("config.set", f"{self.element}/{key}", {"value": value})


class PopulationLevers(_Levers):
    """The people: who arrives, how many, what they like."""

    def shift(self, feature: str, factor: float) -> Any:
        return self.testbed.pull("population.shift", f"{self.element}.{feature}", {"factor": factor})

    def change_tastes(self, fraction: float) -> Any:
        return self._pull("population.tastes", {"fraction": fraction})

    def surge(self, rate_per_s: float) -> Any:
        return self._pull("population.surge", {"rate_per_s": rate_per_s})

    def bots(self, rate_per_s: float) -> Any:
        return self._pull("population.bots", {"rate_per_s": rate_per_s})


@dataclass(frozen=True, slots=True)
class ChangeLog:
    """What teams announce: deploys, migrations, campaigns. Benign and bad changes read alike."""

    testbed: Testbed

    def announce(self, component: str, kind: str, summary: str) -> None:
        self.testbed.act("changes.announce", component, {"kind": kind, "summary": summary})
