"""Versions of datasets while a run is recorded: what each write left, and the tables that tell of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.clock import NS
from lab.recording.arrow import Coded, fitted_array
from lab.recording.ids import Ids, hex_array
from lab.recording.observed import arrow_table
from lab.recording.profiles import NUMBERS, Described
from lab.recording.schema import DATASET_COLUMNS, DATASET_VERSIONS, Schema

Array = npt.NDArray[Any]

START: Final = "START"
RUNNING: Final = "RUNNING"
COMPLETE: Final = "COMPLETE"
FAIL: Final = "FAIL"
"""What became of a run, or of a write of it, in the words of OpenLineage."""


class RunEvent(NamedTuple):
    """A run (`request`: its number) of a job began (START) or ended (COMPLETE, FAIL)."""

    time_ns: int
    request: int
    job: str
    event: str


class Written(NamedTuple):
    """One write of a dataset by a run (`request`: its number) of a job.

    `inputs`: names and versions of what it was made from. `partition_s`: up to when its data is of, NaN where it is of
    no time. `content`: what was written; None where the write failed.
    """

    time_ns: int
    request: int
    job: str
    dataset: str
    inputs: tuple[tuple[str, str], ...]
    partition_s: float
    content: Described | None


def dataset_tables(writes: Iterable[Written], ids: Ids, start_ns: int, schema: Schema) -> Mapping[str, pa.Table]:
    """The tables of the versions that were written, in the order in which they were."""
    good = [(one, one.content) for one in writes if one.content is not None]
    contents = [content for _, content in good]
    common = {
        "time_s": (np.array([one.time_ns for one, _ in good], np.int64) - start_ns) / NS,
        "trace_id": _numbered(traces_of([one for one, _ in good], ids)),
        "service.name": _numbered([one.job for one, _ in good]),
        "dataset": _numbered([one.dataset for one, _ in good]),
        "version": _numbered([content.version for content in contents]),
        "rows": np.array([content.rows for content in contents], np.int64),
    }
    of_versions = {
        "bytes": np.array([content.bytes for content in contents], np.int64),
        "schema_version": _numbered([content.schema_version for content in contents]),
        "partition_s": np.array([one.partition_s for one, _ in good]),
    }
    profiles = [profile for content in contents for profile in content.profiles]
    numbers = np.array([profile.numbers for profile in profiles]).reshape(-1, len(NUMBERS))
    of_columns = {
        "column": _numbered([profile.column for profile in profiles]),
        "type": _numbered([profile.type for profile in profiles]),
        "distinct": np.array([profile.distinct for profile in profiles], np.int64),
        **{name: numbers[:, i] for i, name in enumerate(NUMBERS)},
    }
    places = np.repeat(np.arange(len(good)), [len(content.profiles) for content in contents])
    return {
        DATASET_VERSIONS: _table(DATASET_VERSIONS, {**common, **of_versions}, schema),
        DATASET_COLUMNS: _table(
            DATASET_COLUMNS, {**{name: _taken(one, places) for name, one in common.items()}, **of_columns}, schema
        ),
    }


def _numbered(texts: Sequence[str]) -> Coded:
    """Texts by their numbers, in the order in which they first come."""
    known = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    return Coded(np.fromiter(map(known.__getitem__, texts), np.int64, len(texts)), [*known])


def _taken(column: Any, places: Array) -> Any:
    return Coded(column.codes[places], column.texts) if isinstance(column, Coded) else column[places]


def _table(name: str, columns: Mapping[str, Any], schema: Schema) -> pa.Table:
    arrays = {
        column: fitted_array(*values) if isinstance(values, Coded) else values for column, values in columns.items()
    }
    return arrow_table(name, arrays, schema)


def traces_of(some: Sequence[Written | RunEvent], ids: Ids) -> list[str]:
    """The trace id of the run of each."""
    requests = np.array([one.request for one in some], np.int64)
    found: list[str] = hex_array(ids.trace_words(requests)).to_pylist()
    return found
