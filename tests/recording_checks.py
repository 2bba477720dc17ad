"""What every recording fulfils, of whatever system: checks that tests of recordings share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from lab.recording.observed import Observed
from lab.recording.schema import Schema
from lab.registration.recorded import Column

TYPES: Mapping[str, Any] = {"float": pa.float64(), "int": pa.int64(), "string": pa.string()}
# No SLO is on the 99th percentile, the simulator has no host, and the systems have no pools, queues or messages.
WITHOUT = (
    "client.request.duration.p99", "system.", "client.connection.", "server.queue.", "server.worker.", "messaging.",
    "job.run.delay", "job.run.duration", "job.retry.", "job.skipped.",
)  # fmt: skip


def documented(schema: Schema, table: str, column: str) -> Column:
    specs = {spec.name: spec for spec in schema.columns(table)}
    return specs[column] if column in specs else specs[column.partition(".")[0] + ".*"]


def check_columns(schema: Schema, observed: Observed, table: str) -> None:
    """Columns are as documented."""
    written = observed.tables[table]
    names = [spec.name for spec in schema.columns(table)]
    always = [name for name in names if "*" not in name and documented(schema, table, name).otherwise is None]
    assert [name for name in written.column_names if name in names] == always
    for field in written.schema:
        spec = documented(schema, table, field.name)
        if spec.type == "category":
            assert pa.types.is_dictionary(field.type), field.name
            assert field.type.value_type == pa.string()
        elif spec.name.endswith(".*"):
            assert field.type in (pa.float64(), pa.float32()), field.name
        else:
            assert field.type == TYPES[spec.type], field.name


def check_nulls(schema: Schema, observed: Observed, table: str) -> None:
    """Only what may be null is null, and nothing is NaN."""
    for name, column in zip(observed.tables[table].column_names, observed.tables[table].columns, strict=True):
        if not documented(schema, table, name).null:
            assert column.null_count == 0, name
        if pa.types.is_floating(column.type):
            assert not pa.compute.any(pa.compute.is_nan(column)).as_py(), f"{name}: a missing value is null"


def check_order(observed: Observed, table: str) -> None:
    """Rows are in order of time within the scenario."""
    times = observed.frame(table)["time_s"]
    assert times.max() <= observed.end_s
    if table == "spans":  # which are known, and kept, in order of their ends
        ends_ns = ((times + observed.frame(table)["duration_s"]) * 1e9).round()
        assert ends_ns.is_monotonic_increasing
    elif table != "metrics":  # metrics are kept series by series
        assert times.is_monotonic_increasing
    if table != "spans":  # a span may have begun while the system warmed up
        assert times.min() >= 0


def check_metrics(schema: Schema, observed: Observed, *without: str) -> None:
    """Metrics are those of the list but for those WITHOUT and these beginnings, each once, and finite."""
    metrics = observed.frame("metrics")
    assert set(metrics["metric"]) == {name for name in schema.metrics if not name.startswith((*WITHOUT, *without))}
    assert np.isfinite(metrics["value"]).all()
    assert (metrics["value"] >= 0).all()
    ratios = metrics[metrics["metric"].str.endswith((".ratio", ".utilization"))]
    assert ratios["value"].max() <= 1
    keys = ["time_s", "service.name", "metric", "peer.service", "attribute"]
    assert not metrics.duplicated(keys).any()
