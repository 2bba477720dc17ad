"""From packed records to `observed/`: what a real stack could have exported, and nothing more."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.clock import NS
from lab.recording.observability import reduce
from lab.recording.observed import Observed, arrow_table
from lab.recording.slis import alerts
from lab.recording.status import NAMES
from lab.streams import Streams
from lab.systems.topology import System
from lab.testbeds.sim import logs, metrics, paths
from lab.testbeds.sim.ids import Ids
from lab.testbeds.sim.recorder import CLIENT, SERVER, Recorder
from lab.testbeds.sim.sources import Source
from lab.testbeds.sim.state import SystemState
from lab.worlds.base import World

Array = npt.NDArray[Any]


class Telemetry:
    """Gauges sampled while the run goes on."""

    def __init__(self, state: SystemState, world: World[object] | None) -> None:
        self.state = state
        self.world = world
        self.samples: list[tuple[int, str, str, str, float]] = []
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
    telemetry: Telemetry, recorder: Recorder, sources: list[Source], changes: list[dict[str, Any]],
    span_ns: tuple[int, int], streams: Streams,
) -> Observed:  # fmt: skip
    """What operators of a system of this observability see between the start and the end of the scenario."""
    state, world = telemetry.state, telemetry.world
    start_ns, end_ns = span_ns
    sides = recorder.spans()
    sides = sides[(sides["end_ns"] >= start_ns) & (sides["end_ns"] <= end_ns)]
    ids = Ids(sources, streams)
    tables = {"spans": arrow_table("spans", _spans(sides, state, ids, start_ns))}
    clicks = world.event_counts(metrics.edges_ns(state, span_ns)) if world is not None else []
    columns = metrics.columns(sides, telemetry.samples, clicks, state, span_ns, streams)
    tables["metrics"] = arrow_table("metrics", columns)
    tables["logs"] = arrow_table("logs", logs.columns(recorder.logs, sides, state, ids, span_ns))
    for name, content in (world.tables(end_ns) if world is not None else {}).items():
        if content:
            request = content.pop("request")
            tables[name] = arrow_table(name, {"trace_id": ids.trace_array(request), **content})
    reference = world.reference() if world is not None else {}
    duration_s = (end_ns - start_ns) / NS
    observed = Observed(describe(state.system, duration_s), tables, _until(changes, duration_s), [], reference)
    observed = reduce(observed)
    observed.alerts = alerts(observed.frame("metrics"), state.system)
    return observed


def describe(system: System, duration_s: float) -> dict[str, Any]:
    """`system.json`: what operators know of their system. JSON-clean, no scenario in it."""
    components = {
        name: {
            "kind": c.kind, "runtime": c.runtime, "telemetry": c.telemetry, "workers": c.workers,
            "period_s": c.period_s, "tables": list(c.tables), "settings": dict(c.settings),
            "steps": [s.model_dump(exclude={"service_time"}) for s in c.steps],
        }
        for name, c in system.components.items()
    }  # fmt: skip
    described = {
        "schema_version": 1,
        "name": system.name,
        "duration_s": duration_s,
        "scrape_interval_s": system.scrape_interval_s,
        "observability": system.observability,
        "users": system.users,
        "entry": system.entry,
        "components": components,
        "links": {name: {} for name in system.links},
        "slos": [slo.model_dump() for slo in system.slos],
    }
    cleaned: dict[str, Any] = json.loads(json.dumps(described, sort_keys=True))  # as it is read again
    return cleaned


def _until(changes: list[dict[str, Any]], duration_s: float) -> list[dict[str, Any]]:
    return [change for change in changes if 0 <= change["time_s"] <= duration_s]


def _spans(sides: Array, state: SystemState, ids: Ids, start_ns: int) -> dict[str, Any]:
    """Span columns in order of start. A component without span telemetry has only its callers' client spans."""
    edges = state.edges
    reports = np.array([e.callee.spec.telemetry == "spans" for e in edges])
    root = sides["edge"] < 0
    server = sides["side"] == SERVER
    sides = sides[root | ~server | reports[sides["edge"].clip(0)]]
    order = np.lexsort((sides["side"], sides["edge"], sides["path"], sides["request"], sides["start_ns"]))
    sides = sides[order]
    root, server, edge, path = sides["edge"] < 0, sides["side"] == SERVER, sides["edge"], sides["path"]
    components = list(state.components)
    caller = np.array([components.index(e.caller.name) for e in edges])[edge.clip(0)]
    callee = np.array([components.index(e.callee.name) for e in edges])[edge.clip(0)]
    service = np.where(root, -1 - edge, np.where(server, callee, caller))
    peer = np.where(root, -1, np.where(server, caller, callee))
    names = [*dict.fromkeys(e.name for e in edges), "run"]
    step = np.where(root, len(names) - 1, np.array([names.index(e.name) for e in edges])[edge.clip(0)])
    parent_path, parent_edge = paths.parent(path, len(edges))
    users = components.index(state.system.users)
    # A server span's parent is its client span; a client span's parent is its caller's server (or job) span.
    caller_is_users = ~server & (caller == users)
    job_root = ~server & (parent_edge < 0) & ~caller_is_users
    parent = np.where(
        server,
        ids.span_key(sides["request"], path, edge, CLIENT),
        np.where(job_root, ids.span_key(sides["request"], 0 * path, -1 - caller, SERVER),
                 ids.span_key(sides["request"], parent_path, parent_edge, SERVER)),
    )  # fmt: skip
    own = ids.span_key(sides["request"], path, edge, np.where(server, SERVER, CLIENT))
    return {
        "time_s": (sides["start_ns"] - start_ns) / NS,
        "duration_s": (sides["end_ns"] - sides["start_ns"]) / NS,
        "trace_id": ids.trace_array(sides["request"]),
        "span_id": ids.hex_array(own),
        "parent_span_id": ids.hex_array(parent, null=root | caller_is_users),
        "service.name": _named(service, components),
        "peer.service": _named(peer, components),
        "span.kind": _named(np.where(root, 2, np.where(server, 1, 0)), ["client", "server", "internal"]),
        "span.name": _named(step, names),
        "status": _named(sides["status"], list(NAMES)),
        "attempt": np.where(root, 0, paths.attempt(path)),
    }


def _named(codes: Array, names: list[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32(), mask=codes < 0), pa.array(names, pa.string()))
