"""The signals of datasets, and of their columns: of every system whose jobs write versions of them."""

from __future__ import annotations

from collections.abc import Mapping

from lab.registration.signals import SignalSpec

REFERENCE_VERSIONS = 5
"""Versions that a column's values are held against: the first ones of the recording."""

SUBJECTS = ("dataset", "dataset.column")
"""What these signals are about."""

_LAST = "of the last version written in the interval"

OF_DATASETS: Mapping[str, SignalSpec] = {
    "dataset_rows": SignalSpec("1", "dataset", f"rows {_LAST}"),
    "dataset_age_s": SignalSpec(
        "s", "dataset", "at the end of the interval: how long ago the data ends that the last version is of"
    ),
    "dataset_delay_s": SignalSpec(
        "s", "dataset", f"how long after its job was due in its period the dataset was written, {_LAST}"
    ),
    "dataset_repeated": SignalSpec(
        "ratio", "dataset", f"1 where the content {_LAST} was there in an earlier period of its job, else 0"
    ),
    "dataset_schema_changed": SignalSpec(
        "ratio", "dataset", f"1 where names or types of columns {_LAST} are not those of the first version, else 0"
    ),
    "dataset_duplicate_ratio": SignalSpec(
        "ratio",
        "dataset",
        f"rows {_LAST} whose key an earlier one has: 1 - different keys / rows that have one",
        level="usual",
    ),
    "dataset_kept_ratio": SignalSpec(
        "ratio",
        "dataset",
        f"different keys {_LAST}, of those of its largest input with that key; a row without one counts as one more",
        level="usual",
    ),
    "column_type_changed": SignalSpec(
        "ratio",
        "dataset.column",
        f"1 where the type of the values {_LAST} is not that of the first, else 0",
        level="usual",
    ),
    "column_null_ratio": SignalSpec("ratio", "dataset.column", f"rows {_LAST} without a value", level="usual"),
    "column_mean": SignalSpec("1", "dataset.column", f"mean {_LAST}, in the column's unit", level="usual"),
    "column_median": SignalSpec("1", "dataset.column", f"median {_LAST}, in the column's unit", level="usual"),
    "column_distinct": SignalSpec("1", "dataset.column", f"different values {_LAST}", level="usual"),
    "column_top_ratio": SignalSpec(
        "ratio", "dataset.column", f"rows {_LAST} that have its most frequent value", level="usual"
    ),
    "column_drift_psi": SignalSpec(
        "1",
        "dataset.column",
        f"population stability index of the values {_LAST} against the first {REFERENCE_VERSIONS} versions, by their "
        "quantiles; none for those",
        level="usual",
    ),
}
"""By name."""
