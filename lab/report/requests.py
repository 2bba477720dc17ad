"""The requests of a recording by number, with what their spans say: what a waterfall is chosen and drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.recording.arrow import Coded, coded, is_null, numbers, numbers_array, numbers_of, texts_of
from lab.recording.observed import Observed
from lab.recording.status import MISS, NAMES, OK

Array = npt.NDArray[Any]
Record = Mapping[str, Any]
"""One span by the names of its columns"""
SOUND = (NAMES[OK], NAMES[MISS])


class Requests:
    """Requests are numbered from 0 on; `trace_ids` names them. `trace`: the request of each span.

    `sampled`: whether only a part was recorded, and all that failed. `root_weight`: how many requests each root span
    stands for.
    """

    def __init__(self, spans: pa.Table) -> None:
        self._spans = spans
        self.trace, self.trace_ids = coded(spans["trace_id"])
        self.duration_s = numbers(spans["duration_s"])
        self._service, self._peer = coded(spans["service.name"]), coded(spans["peer.service"])
        self._is_server = coded(spans["span.kind"]).is_any(["server", "consumer"])
        self.failed = ~coded(spans["status"]).is_any(SOUND)
        roots = np.flatnonzero(is_null(spans["parent_span_id"]) & (self.trace >= 0))
        self.root = self.trace[roots]
        self.root_time_s, self.root_duration_s = numbers(spans["time_s"])[roots], self.duration_s[roots]
        self.sampled = "sample_weight" in spans.column_names
        self.root_weight = numbers(spans["sample_weight"])[roots] if self.sampled else np.ones(len(roots))
        self._root_service = Coded(self._service.codes[roots], self._service.texts)

    @classmethod
    def of(cls, observed: Observed) -> Requests | None:
        """The requests of a recording; None where none was traced."""
        spans = observed.tables.get("spans")
        found = cls(spans) if spans is not None and len(spans) else None
        return found if found is not None and len(found.root) else None

    @cached_property
    def _number(self) -> dict[str, int]:
        return {trace: number for number, trace in enumerate(self.trace_ids)}

    def began_at(self, component: str) -> Array:
        """Mask of the root spans of this component."""
        return self._root_service.is_any([component])

    def touching(self, element: str) -> Array:
        """Mask of the spans that involve a component, or pass over a link (`caller->callee`) on either side."""
        caller, _, callee = element.partition("->")
        if not callee:
            return self._service.is_any([element]) | self._peer.is_any([element])
        calling = self._service.is_any([caller]) & self._peer.is_any([callee]) & ~self._is_server
        return calling | (self._service.is_any([callee]) & self._peer.is_any([caller]) & self._is_server)

    def having(self, spans: Array) -> Array:
        """Mask of the root spans whose request has one of these spans."""
        has = np.zeros(len(self.trace_ids), bool)
        has[self.trace[spans & (self.trace >= 0)]] = True
        return np.asarray(has[self.root])

    def longest_s(self, spans: Array) -> Array:
        """For each root span how long the longest of these spans of its request took; NaN where it has none."""
        chosen = spans & (self.trace >= 0)
        return self._largest(self.trace[chosen], self.duration_s[chosen])

    def oldest_s(self, served: pa.Table, column: str) -> Array:
        """For each root span the largest age in a column of a table with trace ids; NaN where there is none."""
        codes, texts = texts_of(served, "trace_id")
        known = np.array([*(self._number.get(text, -1) for text in texts), -1])[codes]
        age_s = numbers_of(served, column)
        kept = (known >= 0) & ~np.isnan(age_s)
        return self._largest(known[kept], age_s[kept])

    def _largest(self, number: Array, values: Array) -> Array:
        found = np.full(len(self.trace_ids), -np.inf)
        np.maximum.at(found, number, values)
        return np.where(np.isneginf(found), np.nan, found)[self.root]

    def spans_of(self, request: int, culprit: str) -> list[Record]:
        """The spans of a request in order of their start; `touches` says whether the culprit is involved."""
        rows = np.flatnonzero(self.trace == request)
        touches = self.touching(culprit)[rows] if culprit else np.zeros(len(rows), bool)
        records = self._spans.take(numbers_array(rows)).to_pylist()
        named = [{**record, "touches": bool(touch)} for record, touch in zip(records, touches, strict=True)]
        return sorted(named, key=lambda span: (span["time_s"], span["span_id"]))
