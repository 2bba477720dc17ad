"""What the simulator asks of a world's content: operations for call plans, levers of it, tables for the recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from lab.called import Function
from lab.content.operations import Op
from lab.injection.levers import ActValue, AnyLever, Place
from lab.recording.entries import LogArgument
from lab.streams import Streams
from lab.systems.topology import System

if TYPE_CHECKING:  # services import this module, and their images have no Arrow
    from lab.content.datasets import DatasetLog

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
    `announce(time_ns, component, kind, summary)` writes to the change log. `datasets` takes what jobs write.
    """

    system: System
    streams: Streams
    start_ns: int
    end_ns: int
    rate_per_s: float
    log: Log
    announce: Callable[[int, str, str, str], None]
    datasets: DatasetLog


class StoreSpec(NamedTuple):
    """A store of entries by key, with the time to live of entries that are written from the start on.

    `slot`: by which of a request's own keys.
    """

    keys_count: int
    ttl_ns: int
    slot: int = 0


class TableSpec(NamedTuple):
    """A table of rows by key. `slot`: by which of a request's own keys."""

    keys_count: int
    slot: int = 0


class Layout(NamedTuple):
    """What a world keeps in the plane's tables, and its operations by name.

    Stores, tables and gates are numbered in this order. A request has `slots_count` own keys (1 to SLOTS_MAX), for each
    of which it carries a row, and `own_count` numbers of its own (up to OWN_MAX). `decide` is a kernel that is called
    in the request plane's loop, with the tables of `PlaneState.decide_with` and with a row ASK_*: it gives a request
    its value, in millionths, or answers what OP_TEST asks. `settles_first`: whether all blocks are settled before an
    operation of code OP_ASK; no where these look at nothing that requests did, which saves time.
    """

    operations: Mapping[str, Op]
    stores: Mapping[str, StoreSpec] = {}
    tables: Mapping[str, TableSpec] = {}
    gates: tuple[str, ...] = ()
    slots_count: int = 1
    own_count: int = 0
    decide: Function | None = None
    settles_first: bool = True


class StoreState(Protocol):
    """A store in the plane's tables: columns by key, which may be written between events.

    written_ns: when the entry was written (-1: none), ends_ns: until when it lives, epoch and violation: of its row,
    frozen: 1 where it neither expires nor is overwritten, answers: the key whose entry answers, touched: 1 where a
    refresh writes it anew, row: whose row it holds. Counts are since the start.
    """

    ttl_ns: int
    hits_count: int
    misses_count: int
    expired_count: int
    expired_until_ns: int

    @property
    def written_ns(self) -> Times: ...
    @property
    def ends_ns(self) -> Times: ...
    @property
    def epoch(self) -> Times: ...
    @property
    def violation(self) -> Times: ...
    @property
    def frozen(self) -> Times: ...
    @property
    def answers(self) -> Times: ...
    @property
    def touched(self) -> Times: ...
    @property
    def row(self) -> Times: ...


class TableState(Protocol):
    """A table as its readers find it: the epoch of its rows, their time, and by key the violation (0: none)."""

    epoch: int
    watermark_ns: int

    @property
    def violation(self) -> Times: ...


class GateState(Protocol):
    """A gate: whether it is open, and which of two versions answers; `b` for this share of requests."""

    is_open: bool
    version_a: int
    version_b: int
    share_b: float


class PlaneState(Protocol):
    """The world's part of the plane's tables. Views are fetched when needed, never kept: tables may move."""

    @property
    def decides(self) -> bool:
        """Whether `decide` was given tables."""

    def store(self, name: str) -> StoreState: ...
    def table(self, name: str) -> TableState: ...
    def gate(self, name: str) -> GateState: ...
    def carried_epochs(self, slot: int = 0) -> Times:
        """Epochs that requests under way carry in a slot, in any order; some of them may be carried no more."""

    def decide_with(self, tables: Any) -> None:
        """Gives `decide` these tables (a named tuple of arrays), which it reads until it is given others.

        Needed in `bind` and `branch`, and where an array is replaced. What is written into one needs nothing.
        """

    def arrive_anew(self) -> None:
        """Calls `Content.arrive` again for the requests that have not come yet: others come, or want something else.

        From `write` only.
        """


class Stream(Protocol):
    """A stream of requests: `number << STREAM_SHIFT | n` is the number of its request n over all streams.

    `key` (64 bits, unsigned) names it in draws. `responds`: whether those who come respond to what they get, as people
    do who choose, buy or complain, and bots do not. `closed_ns`: since when none of its requests come any more; None
    while it is open.
    """

    @property
    def name(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def key(self) -> int: ...
    @property
    def responds(self) -> bool: ...
    @property
    def closed_ns(self) -> int | None: ...


class Arrivals(NamedTuple):
    """What the plane learns of requests that will come: own keys (n, slots), 0 or more, and own numbers (n, own)."""

    keys: Times
    own: Times | None = None


class Served(NamedTuple):
    """Rows served to requests: when, whose row, from where (FROM_*), as of which epoch.

    violation: what of the row breaks the contract (0: nothing). written_ns: when its store entry was written (-1: it
    comes from none). component: number of the component that serves it. arrived_ns: when the request started. slot: for
    which of the request's keys; -1 where a component only notes that it had the request (OP_NOTE), without a row.
    """

    request: Times
    time_ns: Times
    row: Times
    source: Times
    violation: Times
    epoch: Times
    written_ns: Times
    component: Times
    arrived_ns: Times
    slot: Times


class Done(NamedTuple):
    """Requests that ended: from when to when, how (status), and what they carried at the end, as in `Served`.

    row, source and epoch have a column for each slot. version: which answered at the gate (0: none). marks: a bit for
    each mark. value: in millionths, NO_VALUE where none was decided. keys, own: as they arrived.
    """

    request: Times
    start_ns: Times
    end_ns: Times
    status: Times
    row: Times
    source: Times
    version: Times
    marks: Times
    epoch: Times
    value: Times
    keys: Times
    own: Times


Columns: TypeAlias = Mapping[str, Any]
"""Columns of a recording's table: numpy arrays, Arrow arrays of texts; `request` in the place of a trace id."""


class Content(Protocol):
    """The content behind a simulated system, by columns: it is called for blocks of requests, never for one.

    Blocks of results may end anywhere: what the world makes of them does not depend on where. Levers (`write`, `act`)
    and, unless the layout says otherwise, `operate` come after everything before them is settled.
    """

    @property
    def layout(self) -> Layout: ...

    def bind(self, state: PlaneState) -> None:
        """Takes the tables that it writes from now on, and puts its start state there."""

    def arrive(self, stream: Stream, first: int, times_ns: Times) -> Arrivals:
        """Draws the requests `first`, `first` + 1, … of a stream, which will come at these times.

        In order, and once; again only after `PlaneState.arrive_anew`, those that have not come by then.
        """

    def settle(self, served: Served, done: Done, now_ns: int) -> None:
        """Takes a block: all that was served and that ended since the last, up to now."""

    def operate(self, operation: str, now_ns: int, request: int) -> int:
        """Performs an operation of code OP_ASK; its status. It pulls no levers.

        `request`: the number, over all streams, of the request (a job's run) that asks for it.
        """

    def read(self, lever: type[AnyLever], place: Place) -> AnyLever | None:
        """The value of a lever of content, or of a configuration key under `settings.`."""

    def write(self, lever: type[AnyLever], place: Place, value: AnyLever | None, now_ns: int) -> None:
        """Sets such a lever; None is neutral."""

    def act(self, place: Place, act: ActValue, now_ns: int) -> None:
        """Does something without an undo."""

    def samples(self, now_ns: int) -> list[tuple[str, str, str, float]]:
        """Gauges and counts since the last scrape: (component, metric, attribute, value).

        They follow from the plane's tables and from levers; not all results before `now_ns` have been given by then.
        """

    def counts(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        """What users did by interval, up to what is settled: (component, metric, attribute, count per interval).

        The edges are those of scrape intervals from the start on, or of the last ones in any place.
        """

    def final_rows(self, until_ns: int) -> dict[str, Columns]:
        """Rows of the recording's tables that became final before `until_ns` and were not given before.

        Each table in order of time and request.
        """

    def pending_rows(self, until_ns: int) -> dict[str, Columns]:
        """Rows from before `until_ns` that `final_rows` has not given, with what is not known by then left out.

        A run may end long after `final_rows` was last called: some of these rows are final by now. Changes nothing.
        """

    def reference(self) -> dict[str, Any]:
        """Training sample, schema contract and model registry by file name: JSON content or Arrow tables."""

    def branch(self, context: WorldContext, state: PlaneState, streams: Sequence[Stream]) -> Content:
        """A world of its own that goes on from here, on tables and with streams of its own that are the same so far."""
