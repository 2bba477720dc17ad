"""What the load replays: the people of a world, who come, ask and do something about the answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from lab.agreed.run import Run
from lab.clock import NS
from lab.draws import stream_key
from lab.scenario.arrivals import Arrivals
from lab.scenario.model import Stage
from lab.streams import Streams

if TYPE_CHECKING:
    from services.common.telemetry import Telemetry
    from services.common.trace import TraceContext

Array = npt.NDArray[Any]
AHEAD = 500
"""Requests whose draws are made at once: a few milliseconds' work, in which nothing is sent."""


@dataclass(frozen=True)
class Answer:
    """The answer to a request, and the ways to do something about it: `later` waits scenario seconds, then calls."""

    document: Any
    context: TraceContext
    telemetry: Telemetry
    later: Callable[[float, Callable[[], None]], None]

    def tell(self, event: str, **attributes: Any) -> None:
        """A log event of this request."""
        self.telemetry.event(event, context=self.context, **attributes)


class Visit(Protocol):
    """One request and what comes with it. `time_s`: when it is due."""

    time_s: float

    def body(self) -> dict[str, Any]:
        """What is asked."""

    def answered(self, answer: Answer) -> None:
        """Does what the person does about an answer; never waits."""


class ArrivalStream(ABC):
    """One stream of arrivals that numbers its own requests. Rates are real, times scenario seconds.

    What people do is drawn a few hundred requests ahead, so that a load of hours starts as fast as one of minutes.
    """

    def __init__(
        self, name: str, run: Run, streams: Streams, wobble: float, stages: tuple[tuple[float, float], ...],
        start_s: float,
    ) -> None:  # fmt: skip
        plan = tuple(Stage.model_construct(for_s=length, rate_per_s=rate / run.time_scale) for length, rate in stages)
        self._times_ns = Arrivals(plan, start_s + run.warmup_s, wobble, streams, name).times_ns()
        self.name = name
        self.key = stream_key(streams, name)
        self.is_active = True
        self.times_s = self._times_ns / NS - run.warmup_s

    @abstractmethod
    def drawn(self, numbers: Array, times_ns: Array) -> Sequence[Visit]:
        """The requests of these numbers, which come at these times."""

    def visits(self, index: int, count: int) -> Iterator[Visit]:
        """The requests that worker `index` of `count` sends, in order of time."""
        for first in range(0, len(self.times_s), AHEAD):
            times_ns = self._times_ns[first : first + AHEAD]
            drawn = self.drawn(np.arange(first, first + len(times_ns)), times_ns)
            yield from drawn[(index - first) % count :: count]

    def due_count(self, index: int, count: int, now_s: float) -> int:
        """How many of a worker's requests are due by a scenario time."""
        due = int(np.searchsorted(self.times_s, now_s, side="right"))
        return max(0, -(-(due - index) // count))


class People(Protocol):
    """All who come in a run. `path`: where they ask, by POST."""

    run: Run
    path: str

    def base(self) -> Sequence[ArrivalStream]:
        """The warm-up and the load of the scenario."""

    def further(self, kind: str, rate_per_s: float, at_s: float) -> ArrivalStream:
        """Arrivals on top of the load, until its end. `kind`: surge, or bots, which do nothing about answers."""

    def change_tastes(self, fraction: float | None) -> float | None:
        """Changes what a share of the people are after, or changes it back (None); the share that is so now."""

    def go_on(self, index: int, count: int, until_s: float) -> None:
        """Does worker `index` of `count`'s part of what people do beside requests before `until_s`."""


class Population(Protocol):
    """Makes the people of runs, in one worker; PEOPLE names its class, `module:class`, which takes the system."""

    def of(self, run: Run, wobble: float) -> People:
        """Those of a run; `wobble` is the load's slow relative standard deviation."""
