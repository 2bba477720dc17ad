"""From the spans that processes wrote to a recording: the lab assembles it, its metrics included."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lab.clock import NS, to_ns
from lab.recording.assembly import Measured, assemble
from lab.recording.collected import call_sides, span_columns
from lab.recording.observed import Observed
from lab.systems.calls import CallGraph
from lab.systems.topology import System

_NAMES = {"trace": "trace_id", "span": "span_id", "parent": "parent_span_id"}
_FIELDS = ["start", "end", *_NAMES, "service", "peer", "kind", "name", "status", "attempt"]
_NO_LINES: dict[str, list[Any]] = {
    name: []
    for name in (
        "time_s", "service.name", "severity_text", "event.name", "trace_id", "subject", "duration_s", "body",
    )
}  # fmt: skip


@dataclass(frozen=True)
class Clock:
    """Scenario time: second 0 is `start_unix_s`, and `time_scale` scenario seconds pass in a real one."""

    start_unix_s: float
    time_scale: float
    duration_s: float

    def scenario_s(self, unix_s: float) -> float:
        """The scenario time of a real time."""
        return (unix_s - self.start_unix_s) * self.time_scale


def observed(files: Iterable[Path], system: System, start_unix_s: float, time_scale: float, end_s: float) -> Observed:
    """What could be observed between scenario second 0 and `end_s`."""
    clock = Clock(start_unix_s, time_scale, end_s)
    spans = pd.DataFrame([span for file in files for span in _lines(file)], columns=_FIELDS).rename(columns=_NAMES)
    spans["parent_span_id"] = spans["parent_span_id"].fillna("")
    for name in ("start", "end"):
        spans[f"{name}_ns"] = (spans[name].astype(float) * NS).round().astype("int64")
    sides = call_sides(spans, CallGraph(system), clock)
    columns = span_columns(spans, clock)
    return assemble(Measured(system, 0, to_ns(end_s), sides, columns, _NO_LINES, time_scale=time_scale))


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):  # the last may be half written
                yield json.loads(line)
