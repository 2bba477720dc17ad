"""Sampling of telemetry that was collected whole, by the rules of `lab.recording.sampling`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.recording.arrow import coded, numbers, numbers_array
from lab.recording.logs import KEPT_ALWAYS
from lab.recording.observability import traces_kept
from lab.recording.rows import kept_rows
from lab.recording.status import ANSWERED
from lab.systems.topology import System

Array = npt.NDArray[Any]

_DIGITS = 14
"""The last 56 bits of a trace id in hex."""


def sampled_tables(tables: Mapping[str, pa.Table], system: System) -> dict[str, pa.Table]:
    """The rows that a system's sampling keeps, with their weights where it keeps less than all."""
    sampling, level_share = system.observe.sampling, traces_kept(system)
    found = dict(tables)
    if level_share < 1:
        found["spans"] = kept_rows(found["spans"], _chosen(found["spans"], level_share))
    if sampling.traces < 1:
        notable = _notable(tables["spans"], system)
        for name in ("spans", "logs"):
            whole = _is_any(tables[name], notable)
            if name == "logs":
                whole |= coded(tables[name]["severity_text"]).is_any(KEPT_ALWAYS) | (
                    coded(tables[name]["trace_id"]).codes < 0
                )
            found[name] = _kept(tables[name], whole, sampling.traces)
    if sampling.records < 1:
        for name in set(tables) - {"spans", "metrics", "logs"}:
            found[name] = _kept(tables[name], np.zeros(tables[name].num_rows, bool), sampling.records)
    return found


def _kept(table: pa.Table, whole: Array, share: float) -> pa.Table:
    weighted = table.append_column("sample_weight", numbers_array(np.where(whole, 1.0, 1.0 / share)))
    return kept_rows(weighted, whole | _chosen(table, share))


def _chosen(table: pa.Table, share: float) -> Array:
    codes, traces = coded(table["trace_id"])
    limit = round(share * 16**_DIGITS)
    return np.array([*(int(trace[-_DIGITS:], 16) < limit for trace in traces), False], bool)[codes]


def _is_any(table: pa.Table, notable: frozenset[str]) -> Array:
    codes, traces = coded(table["trace_id"])
    return np.array([*(trace in notable for trace in traces), False], bool)[codes]


def _notable(spans: pa.Table, system: System) -> frozenset[str]:
    """The traces whose root failed or was slow."""
    root = coded(spans["service.name"]).is_any([system.users or ""]) | coded(spans["span.kind"]).is_any(["internal"])
    slow_s = system.observe.sampling.slow_s
    notable = root & ~coded(spans["status"]).is_any(sorted(ANSWERED))
    if slow_s is not None:
        notable |= root & (numbers(spans["duration_s"]) >= slow_s)
    codes, traces = coded(spans["trace_id"])
    return frozenset(traces[code] for code in np.unique(codes[notable]).tolist())
