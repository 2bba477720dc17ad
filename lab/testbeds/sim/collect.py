"""Collects what the simulator measured, for a recording: only what a real stack could have exported."""

from __future__ import annotations

from lab.draws import stream_key
from lab.recording.blocks import BlockRecorder
from lab.recording.entries import ChangeEntry
from lab.recording.ids import Ids
from lab.recording.metrics import Sample, interval_edges_ns
from lab.recording.observed import Observed
from lab.recording.recorder import Recorder, named
from lab.streams import Streams
from lab.testbeds.sim.sources import Source
from lab.testbeds.sim.state import SystemState
from lab.worlds.base import World


class Telemetry:
    """Gauges sampled while the run goes on."""

    def __init__(self, state: SystemState, world: World[object] | None) -> None:
        self.state = state
        self.world = world
        self.samples: list[Sample] = []
        self._before = dict.fromkeys(state.components, (0, 0))
        self._last_ns = 0

    def sample(self, now_ns: int) -> None:
        """Takes one scrape."""
        elapsed, self._last_ns = max(1, now_ns - self._last_ns), now_ns
        for name, component in self.state.components.items():
            if component.spec.kind in ("users", "job"):
                continue
            busy, throttled = self._before[name]
            worked = component.busy_ns - busy
            self._before[name] = (component.busy_ns, component.throttled_ns)
            used = worked / (elapsed * component.workers)
            self.samples.append((now_ns, name, "process.cpu.utilization", "", min(1.0, used)))
            share = (component.throttled_ns - throttled) / worked if worked else 0.0
            self.samples.append((now_ns, name, "process.cpu.throttled.ratio", "", min(1.0, share)))
        if self.world is not None:
            self.samples.extend((now_ns, *sample) for sample in self.world.samples(now_ns))


def collect(
    telemetry: Telemetry, recorder: Recorder, sources: list[Source], changes: list[ChangeEntry],
    span_ns: tuple[int, int], streams: Streams,
) -> Observed:  # fmt: skip
    """What operators of a system of this observability see between the start and the end of the scenario."""
    system, world, (start_ns, end_ns) = telemetry.state.system, telemetry.world, span_ns
    ids = Ids([stream_key(streams, "requests", source.name) for source in sources])
    made = BlockRecorder(system, start_ns, end_ns, ids, lost_scrapes=streams, is_on_grid=False)
    made.take(named(recorder.spans(), ids, len(telemetry.state.edges)))
    for record in recorder.logs:
        made.log(*record[:5], *record.arguments)
    made.sample(telemetry.samples)
    made.commit(end_ns)
    return made.observed(
        end_ns,
        rows=world.tables(end_ns) if world is not None else {},
        counts=world.event_counts(interval_edges_ns(system, start_ns, end_ns)) if world is not None else (),
        changes=changes,
        reference=world.reference() if world is not None else {},
    )
