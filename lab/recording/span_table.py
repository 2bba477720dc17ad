"""The span table from span sides: who called whom, named and tied together by ids."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.recording.arrow import coded_array, numbers_array
from lab.recording.ids import Ids, hex_array, trace_ids
from lab.recording.sides import SERVER, Sides, picked, seconds, tied
from lab.recording.status import EXHAUSTED, NAMES
from lab.systems.calls import CallGraph
from lab.systems.pools import connections_of

Array = npt.NDArray[Any]
KINDS = ("client", "server", "internal", "producer", "consumer")


class Spans(NamedTuple):
    """Spans of a system as numbers: their sides by what the call graph says of them. Codes count from 0, -1 is null.

    `service`, `peer`: index in `graph.components`; `kind`: in KINDS; `step`: in `steps`; `status`: in
    `lab.recording.status.NAMES`. `is_child`: whether the span has a parent. Times are scenario seconds.
    """

    time_s: Array
    duration_s: Array
    service: Array
    peer: Array
    kind: Array
    step: Array
    steps: tuple[str, ...]
    status: Array
    attempt: Array
    is_child: Array


def statuses(graph: CallGraph) -> tuple[str, ...]:
    """The statuses that calls of a system can have: without pools none is `exhausted`."""
    return NAMES if connections_of(graph.system) else NAMES[:EXHAUSTED]


def kinds(graph: CallGraph) -> tuple[str, ...]:
    """The kinds that spans of a system can have: only of messages there are producers and consumers."""
    return KINDS if any(not edge.step.wait for edge in graph.edges) else KINDS[:3]


def reported(graph: CallGraph, sides: Sides) -> Array:
    """Mask of the sides that are spans: a component without span telemetry has only its callers' client spans."""
    reports = np.array([graph.system.components[e.callee].telemetry == "spans" for e in graph.edges])
    edge = sides["edge"]
    return np.asarray((edge < 0) | (sides["side"] != SERVER) | reports[edge.clip(0)])


def in_order(sides: Sides, ids: Ids) -> Sides:
    """The sides in the order of the table: by their end, which is when they are known; ties by start, then span id."""
    if not len(sides):
        return sides
    order = np.argsort(sides["end_ns"], kind="stable")
    # Few are tied, and only these are compared by more. Numbers of requests would show of which stream they are.
    places = np.flatnonzero(tied(sides["end_ns"][order]))
    some = order[places]
    order[places] = some[np.lexsort([sides[name][some] for name in ("start_ns", "end_ns")])]
    places = np.flatnonzero(tied(sides["end_ns"][order], sides["start_ns"][order]))
    some = order[places]
    known = picked(sides, some)
    order[places] = some[np.lexsort([ids.span_words(known), known["start_ns"], known["end_ns"]])]
    return picked(sides, order)


def spans(graph: CallGraph, sides: Sides, origin_ns: int) -> Spans:
    """The spans of sides, row by row."""
    edges, components, users = graph.edges, list(graph.components), graph.system.users
    steps = (*dict.fromkeys(e.name for e in edges), "run")
    edge, server = sides["edge"].astype(np.int64), sides["side"] == SERVER
    own, known = edge < 0, edge.clip(0)
    caller = np.array([components.index(e.caller) for e in edges])[known]
    callee = np.array([components.index(e.callee) for e in edges])[known]
    time_s, duration_s = seconds(sides, origin_ns)
    return Spans(
        time_s, duration_s,
        service=np.where(own, -1 - edge, np.where(server, callee, caller)),
        peer=np.where(own, -1, np.where(server, caller, callee)),
        kind=np.where(own, 2, server + 3 * np.array([not e.step.wait for e in edges])[known]),
        step=np.where(own, len(steps) - 1, np.array([steps.index(e.name) for e in edges])[known]),
        steps=steps, status=sides["status"].astype(np.int64), attempt=sides["attempt"].astype(np.int64),
        is_child=~own & (server | (caller != (components.index(users) if users else -1))),
    )  # fmt: skip


def columns(graph: CallGraph, sides: Sides, ids: Ids, origin_ns: int) -> dict[str, pa.Array]:
    """Span columns, row by row. The dictionary has traces' ids as they come."""
    found = spans(graph, sides, origin_ns)
    return {
        "time_s": numbers_array(found.time_s),
        "duration_s": numbers_array(found.duration_s),
        "trace_id": trace_ids(ids, np.ascontiguousarray(sides["request"])),
        "span_id": hex_array(ids.span_words(sides)),
        "parent_span_id": hex_array(ids.parent_words(sides), null=~found.is_child),
        "service.name": coded_array(found.service, graph.components),
        "peer.service": coded_array(found.peer, graph.components),
        "span.kind": coded_array(found.kind, kinds(graph)),
        "span.name": coded_array(found.step, found.steps),
        "status": coded_array(found.status, statuses(graph)),
        "attempt": numbers_array(found.attempt),
    }
