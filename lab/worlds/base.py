"""What a testbed asks of a world: operations for the call plans, content levers, tables for the recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lab.errors import UserError, nearest
from lab.injection.levers import ActValue, AnyLever, Place
from lab.streams import Streams
from lab.systems.offer import installed_worlds
from lab.systems.topology import System

Log = Callable[..., None]
"""log(time_ns, component, level, template, request, *arguments)"""


@dataclass(frozen=True)
class WorldContext:
    """What a world is given: the system, the run's streams and its time span in testbed ns (`start_ns` = 0 s).

    `rate_per_s` is the request rate the run begins with, so that content can start in equilibrium with it.
    `announce(time_ns, component, kind, summary)` writes to the change log.
    """

    system: System
    streams: Streams
    start_ns: int
    end_ns: int
    rate_per_s: float
    log: Log
    announce: Callable[[int, str, str, str], None]


class World(Protocol):
    """The content behind a simulated system."""

    operations: Mapping[str, Callable[[Any, int], int]]

    def open(self, source: Any, *, clicks: bool = True) -> None:
        """Draws the content of a stream's requests and keeps it as `source.data`."""

    def complete(self, source: Any, n: int, now_ns: int, status: int) -> None:
        """A root request ended."""

    def read(self, lever: type[AnyLever], place: Place) -> AnyLever | None:
        """The value of a lever of content, or of a configuration key under `settings.`."""

    def write(self, lever: type[AnyLever], place: Place, value: AnyLever | None, now_ns: int) -> None:
        """Sets such a lever; None is neutral."""

    def act(self, place: Place, act: ActValue, now_ns: int) -> None:
        """Does something without an undo."""

    def samples(self, now_ns: int) -> list[tuple[str, str, str, float]]:
        """Gauges and counts since the last scrape: (component, metric, attribute, value)."""

    def finish(self, now_ns: int) -> None:
        """Settles what is pending at the end of the run."""

    def event_counts(self, edges_ns: Any) -> list[tuple[str, str, str, Any]]:
        """What users did by interval: (component, metric, attribute, count per interval between the edges)."""

    def tables(self, end_ns: int) -> dict[str, dict[str, Any]]:
        """Recording tables of the content (features, predictions) up to the end; `request` instead of a trace id."""

    def reference(self) -> dict[str, Any]:
        """Training sample, schema contract and model registry by file name: JSON content or Arrow tables."""


def open_world(context: WorldContext) -> World | None:
    """The world of the system, None where it has none."""
    spec = context.system.world
    if spec is None:
        return None
    found = installed_worlds()
    if spec.name not in found:
        raise UserError(f"unknown world {spec.name!r}; {nearest(spec.name, found)}")
    world: World = found[spec.name].load()(context)
    return world
