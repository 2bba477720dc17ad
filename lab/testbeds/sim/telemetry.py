"""What the simulator measures while a run goes on, and the recording of it: only what a real stack could export."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import pyarrow as pa

from lab.clock import NS, to_ns
from lab.content.datasets import DatasetLog
from lab.content.protocol import Content
from lab.recording.blocks import BLOCK_S, BLOCK_SIDES, BlockRecorder
from lab.recording.datasets import COMPLETE, FAIL
from lab.recording.entries import ChangeEntry, LogArgument
from lab.recording.ids import Ids
from lab.recording.metrics import Counts, Sample, interval_edges_ns
from lab.recording.observed import Observed
from lab.recording.sides import from_words
from lab.recording.status import MISS
from lab.streams import Streams
from lab.systems.pools import PoolSpec, pools
from lab.systems.topology import System
from lab.testbeds.sim.job_metrics import JobMetrics
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.plane import Plane
from lab.testbeds.sim.plane.world_view import done_of, served_of
from lab.testbeds.sim.safety import Safety

COMMIT_NS = to_ns(BLOCK_S)
"""How often what has ended is made final, at most. Nothing depends on when."""
ENOUGH_SIDES, AT_LAST_NS = BLOCK_SIDES >> 2, 15 * COMMIT_NS
"""Where little happens it waits for more, but not for ever: each time costs the same milliseconds, whatever ended."""
AT_LAST_SCRAPES = 15
"""It waits for so many scrapes too, which may be days apart."""


class Telemetry:
    """Takes what the plane's blocks hold, samples gauges, and gives what could be observed.

    `keys`: the keys of the arrival streams, which grow as streams are opened. Times are testbed ns.
    """

    def __init__(self, system: System, streams: Streams, start_ns: int, end_ns: int, safety: Safety) -> None:
        self.system = system
        self.keys: list[int] = []
        self.safety = safety
        self.ended = False
        self.changes: list[ChangeEntry] = []
        self.datasets = DatasetLog(system)
        self._start_ns, self._end_ns = start_ns, end_ns
        self._streams = streams
        self._names = list(system.components)
        self._pools = pools(system)
        self.jobs = JobMetrics(tuple(system.scheduled_jobs))
        self.recorder = BlockRecorder(system, start_ns, end_ns, Ids(self.keys, streams), lost_scrapes=streams)
        self._at_last_ns = max(AT_LAST_NS, AT_LAST_SCRAPES * to_ns(system.scrape_interval_s))
        self._last_ns = 0
        self._committed_ns = self._sides_count = 0

    def log(self, time_ns: int, component: str, level: str, template: str, request: int, *facts: LogArgument) -> None:
        """Writes a log line (see `lab.content.protocol.Log`)."""
        if not self.ended:
            self.recorder.log(time_ns, component, level, template, request, *facts)

    def announce(self, time_ns: int, component: str, kind: str, summary: str) -> None:
        """Writes to the change log."""
        if not self.ended:
            time_s = (time_ns - self._start_ns) / NS
            self.changes.append({"time_s": time_s, "service.name": component, "kind": kind, "summary": summary})

    def take(self, world: Content | None, sides: at.Array, served: at.Array, done: at.Array, now_ns: int) -> None:
        """Takes blocks of the plane."""
        rows = from_words(sides)
        self.recorder.take(rows)
        self.safety.take(rows)
        if self.datasets.registered:
            for run in rows[rows["edge"] < 0]:
                event = COMPLETE if run["status"] <= MISS else FAIL
                self.datasets.note_run(int(run["end_ns"]), int(run["request"]), self._names[-1 - run["edge"]], event)
        self._sides_count += len(rows)
        if world is not None:
            world.settle(served_of(served), done_of(done, world.layout), now_ns)

    def is_due(self, now_ns: int) -> bool:
        """Whether it is time to make final what has ended."""
        since_ns = now_ns - self._committed_ns
        is_enough = self._sides_count >= ENOUGH_SIDES or since_ns >= self._at_last_ns
        return (since_ns >= COMMIT_NS and is_enough) or self.is_full

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be made final that it may end a block."""
        return self._sides_count >= BLOCK_SIDES

    def scrape(self, plane: Plane, world: Content | None, now_ns: int) -> None:
        """Samples gauges and counts."""
        self.recorder.sample(self._gauges(plane, now_ns))
        for pool, samples in zip(self._pools, samples_of_pools(plane, self._pools, now_ns), strict=True):
            self.recorder.sample(samples, pool.peer)
        if world is not None:
            self.recorder.sample([(now_ns, *gauge) for gauge in world.samples(now_ns)])

    def commit(self, world: Content | None, now_ns: int) -> None:
        """Makes final what has ended; all that did was taken."""
        self._committed_ns, self._sides_count = now_ns, 0
        if self.recorder.commit(now_ns) and world is not None:
            for table, columns in world.final_rows(now_ns).items():
                self.recorder.rows(table, columns)

    def _gauges(self, plane: Plane, now_ns: int) -> list[Sample]:
        elapsed, self._last_ns = max(1, now_ns - self._last_ns), now_ns
        counted = [at.C_BUSY, at.C_THROTTLED]
        rows = plane.tables.component[:, [*counted, at.C_WORKERS]].tolist()
        left, found = [], list[Sample]()
        for (name, spec), (busy, waiting, workers) in zip(self.system.components.items(), rows, strict=True):
            # Work is counted when it begins: what workers could not have done yet, they do in the next intervals.
            room, worked, throttled = elapsed * workers, busy, waiting
            if busy > room:
                worked, throttled = (round(part * (room / busy)) for part in (busy, waiting))
            left.append((busy - worked, waiting - throttled))
            if spec.kind in ("users", "job"):
                continue
            # Fewer workers have no less CPU: it is as much as the system's file gives them.
            used, waited = worked / (elapsed * spec.workers), throttled / worked if worked else 0.0
            found.append((now_ns, name, "process.cpu.utilization", "", min(1.0, used)))
            found.append((now_ns, name, "process.cpu.throttled.ratio", "", min(1.0, waited)))
        plane.tables.component[:, counted] = left
        return found

    def observed(self, world: Content | None, until_ns: int) -> Observed:
        """What operators see of the run until now; commits nothing."""
        return self.recorder.observed(
            until_ns,
            rows=world.pending_rows(until_ns) if world is not None else {},
            counts=self.counts(world, until_ns),
            changes=self.changes,
            writes=self.datasets.writes,
            runs=self.datasets.runs,
            reference=world.reference() if world is not None else {},
        )

    def metrics(self, world: Content | None, until_ns: int) -> pa.Table:
        """The metrics of the run until now; commits nothing."""
        return self.recorder.metrics(until_ns, self.counts(world, until_ns))

    def recent(self, world: Content, now_ns: int, intervals: int) -> pa.Table:
        """What the world reports of the last so many scrape intervals, as a table of metrics."""
        edges_ns = interval_edges_ns(self.system, self._start_ns, now_ns)[-intervals - 1 :]
        return self.recorder.recent(edges_ns, world.counts(edges_ns))

    def counts(self, world: Content | None, until_ns: int) -> Sequence[Counts]:
        """What users did and what became of the runs of scheduled jobs, by scrape interval."""
        edges_ns = interval_edges_ns(self.system, self._start_ns, until_ns)
        return [*self.jobs.counts(edges_ns), *(world.counts(edges_ns) if world is not None else ())]

    def branch(self) -> Telemetry:
        """A copy that goes on by itself; committed blocks are shared."""
        other = copy.copy(self)
        other.keys, other.changes = list(self.keys), [change.copy() for change in self.changes]
        other.safety, other.datasets = self.safety.branch(), self.datasets.branch()
        other.jobs = self.jobs.branch()
        other.recorder = self.recorder.branch(Ids(other.keys, self._streams))
        return other


def samples_of_pools(plane: Plane, specs: Sequence[PoolSpec], now_ns: int) -> Iterator[list[Sample]]:
    """Samples of each pool; what it counted since the last time begins anew."""
    words = [at.R_IN_USE, at.R_LENGTH, at.R_SHED, at.R_EXPIRED, at.R_TAKEN, at.R_WAITED]
    for spec, row in zip(specs, plane.tables.pool, strict=False):
        in_use, length, shed, expired, taken, waited_ns = row[words].tolist()
        row[[at.R_SHED, at.R_EXPIRED, at.R_TAKEN, at.R_WAITED]] = 0
        mean_s = waited_ns / taken / NS if taken else None
        if spec.kind == "workers":
            found = {"server.worker.count": in_use, "server.queue.length": length,
                     "server.queue.shed.count": shed + expired, "server.queue.wait_time.mean": mean_s}  # fmt: skip
        else:
            found = {"client.connection.count": in_use, "client.connection.pending_requests": length,
                     "client.connection.timeout.count": shed + expired, "client.connection.wait_time.count": taken,
                     "client.connection.wait_time.mean": mean_s}  # fmt: skip
        yield [
            (now_ns, spec.owner, name, spec.step, float(value)) for name, value in found.items() if value is not None
        ]
