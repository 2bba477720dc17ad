"""What a testbed asks of a world: operations for the call plans, content levers, tables for the recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from lab.errors import UserError, nearest
from lab.injection.levers import ActValue, AnyLever, Place
from lab.recording.recorder import LogArgument
from lab.streams import Streams
from lab.systems.offer import installed_worlds
from lab.systems.topology import Step, System

Data = TypeVar("Data")
Kept = TypeVar("Kept")
Times: TypeAlias = npt.NDArray[np.int64]
Counts: TypeAlias = npt.NDArray[np.int64] | npt.NDArray[np.float64]


class Log(Protocol):
    """Writes a log line about a request (-1: about none); `template` names its text, which takes the arguments."""

    def __call__(
        self, time_ns: int, component: str, level: str, template: str, request: int, /, *arguments: LogArgument
    ) -> None: ...


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


class Stream(Protocol[Data]):
    """A stream of requests that numbers its own: request n came, or comes, at `times_ns[n]`.

    `base + n` is its number across all streams, `position` the number of requests that have come. `data` is what the
    world keeps for the stream.
    """

    data: Data

    @property
    def name(self) -> str: ...
    @property
    def times_ns(self) -> list[int]: ...
    @property
    def position(self) -> int: ...
    @property
    def base(self) -> int: ...


class PlannedStep(Protocol):
    """One step of a component's call plan. `bit` stands for it in `Visit.failed`."""

    @property
    def spec(self) -> Step: ...
    @property
    def bit(self) -> int: ...


class Handler(Protocol):
    """A component that handles requests, with its call plan."""

    @property
    def name(self) -> str: ...
    @property
    def steps(self) -> Sequence[PlannedStep]: ...


class Visit(Protocol[Kept]):
    """A component handling request `n` of a stream. `failed` has the bits of the steps that did not succeed.

    `is_waiting`: whether it waits for the call whose operation is performed. What comes of a call that it has given up
    is served to nobody.
    """

    @property
    def source(self) -> Stream[Kept]: ...
    @property
    def n(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def is_waiting(self) -> bool: ...
    @property
    def component(self) -> Handler: ...


Operation = Callable[[Visit[Kept], int], int]
"""What a component does with a request besides spending time: (visit, now_ns) -> status code."""


class World(Protocol[Data]):
    """The content behind a simulated system. `Data` is what it keeps for a stream of requests; None for a job's."""

    operations: Mapping[str, Operation[Data]]

    def open(self, source: Stream[Data | None], *, clicks: bool = True) -> None:
        """Draws the content of a stream's requests and keeps it as `source.data`."""

    def complete(self, source: Stream[Data | None], n: int, now_ns: int, status: int) -> None:
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

    def event_counts(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        """What users did by interval: (component, metric, attribute, count per interval between the edges)."""

    def tables(self, end_ns: int) -> dict[str, dict[str, Any]]:
        """Recording tables of the content (features, predictions) up to the end; `request` instead of a trace id."""

    def reference(self) -> dict[str, Any]:
        """Training sample, schema contract and model registry by file name: JSON content or Arrow tables."""


def open_world(context: WorldContext) -> World[object] | None:
    """The world of the system, None where it has none."""
    spec = context.system.world
    if spec is None:
        return None
    found = installed_worlds()
    if spec.name not in found:
        raise UserError(f"unknown world {spec.name!r}; {nearest(spec.name, found)}")
    world: World[object] = found[spec.name].load()(context)
    return world
