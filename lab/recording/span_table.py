"""The span table from span sides: who called whom, named and tied together by ids."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.clock import NS
from lab.recording import paths
from lab.recording.arrow import coded_array
from lab.recording.ids import Ids
from lab.recording.recorder import CLIENT, SERVER
from lab.recording.status import NAMES
from lab.systems.calls import CallGraph

Array = npt.NDArray[Any]


def columns(graph: CallGraph, sides: Array, ids: Ids, start_ns: int) -> dict[str, Any]:
    """Span columns in order of start. A component without span telemetry has only its callers' client spans."""
    edges, components = graph.edges, list(graph.components)
    reports = np.array([graph.system.components[e.callee].telemetry == "spans" for e in edges])
    root = sides["edge"] < 0
    server = sides["side"] == SERVER
    sides = sides[root | ~server | reports[sides["edge"].clip(0)]]
    order = np.lexsort((sides["side"], sides["edge"], sides["path"], sides["request"], sides["start_ns"]))
    sides = sides[order]
    root, server, edge, path = sides["edge"] < 0, sides["side"] == SERVER, sides["edge"], sides["path"]
    caller = np.array([components.index(e.caller) for e in edges])[edge.clip(0)]
    callee = np.array([components.index(e.callee) for e in edges])[edge.clip(0)]
    service = np.where(root, -1 - edge, np.where(server, callee, caller))
    peer = np.where(root, -1, np.where(server, caller, callee))
    names = [*dict.fromkeys(e.name for e in edges), "run"]
    step = np.where(root, len(names) - 1, np.array([names.index(e.name) for e in edges])[edge.clip(0)])
    parent_path, parent_edge = paths.parent(path, len(edges))
    users = components.index(graph.system.users)
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
    return coded_array(codes, names)
