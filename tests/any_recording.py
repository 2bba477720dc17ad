"""Recordings edited at random: other lengths, rows and columns left out, nulls, values that are all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from lab.recording.observed import Observed
from lab.recording.schema import Schema

METRICS = ["client.timeout.count", "server.request.count", "process.cpu.utilization", "job.last_success.age"]


@st.composite
def edits(draw: st.DrawFn, schema: Schema) -> dict[str, Any]:
    """What to do to a recording of this form."""
    tables = {name: table.columns for name, table in schema.tables.items()}
    nullable = [(name, c.name) for name, columns in tables.items() for c in columns if c.null and "*" not in c.name]
    return {
        "duration_s": draw(st.sampled_from([0, 3, 5, 12, 49, 50, 55, 100, 150, 600, 20_000])),
        "shift_s": draw(st.sampled_from([0.0, 0.0, 70.0, 140.0])),
        "rows": {name: draw(st.sampled_from([0, 1, 2, 30, 10**9, 10**9, 10**9])) for name in tables},
        "absent": draw(st.sets(st.sampled_from(sorted(tables)), max_size=2)),
        "nulls": draw(st.sets(st.sampled_from(nullable), max_size=4)),
        "left_out": draw(st.sets(st.sampled_from(nullable), max_size=3)),
        "metrics_left_out": draw(st.sets(st.sampled_from(METRICS), max_size=3)),
        "constant": draw(st.none() | st.sampled_from([0.0, 1.0, -1.0, 1e12])),
        "reference": draw(st.sets(st.sampled_from(["contract.json", "registry.json", "training_sample.parquet"]))),
    }


def edited(observed: Observed, edit: dict[str, Any]) -> Observed:
    given = {name: table for name, table in observed.tables.items() if name not in edit["absent"]}
    return replace(
        observed,
        system={**observed.system, "duration_s": float(edit["duration_s"])},
        tables={name: edited_table(name, table, edit) for name, table in given.items()},
        reference={name: content for name, content in observed.reference.items() if name not in edit["reference"]},
        _frames={},
    )


def edited_table(name: str, whole: pa.Table, edit: dict[str, Any]) -> pa.Table:
    frame = whole.slice(0, edit["rows"][name]).to_pandas()
    frame["time_s"] = (frame["time_s"] - edit["shift_s"]).clip(lower=5.0 if name == "metrics" else 0.0)
    frame = frame[frame["time_s"] <= edit["duration_s"]]
    if name == "metrics":
        frame = frame[~frame["metric"].isin(list(edit["metrics_left_out"]))]
        if edit["constant"] is not None:
            frame = frame.assign(value=edit["constant"])
    left_out = {column for owner, column in edit["left_out"] if owner == name}
    nulls = {column for owner, column in edit["nulls"] if owner == name}
    kept = [field for field in whole.schema if field.name not in left_out]
    columns = [
        pa.nulls(len(frame), field.type)
        if field.name in nulls
        else pa.array(frame[field.name], field.type, from_pandas=True)
        for field in kept
    ]
    return pa.table(columns, schema=pa.schema(kept))
