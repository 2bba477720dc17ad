"""Datasets as they could be seen at a time: their versions, how each differs from the one before, what led to it."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lab.investigation.queries.asking import UnknownError, without_nan
from lab.investigation.view import View
from lab.recording.lineage import trace_of, versions_of
from lab.recording.schema import DATASET_COLUMNS, DATASET_VERSIONS
from lab.signals.datasets import PROFILE
from lab.signals.periods.levels import CALM_PSI
from lab.signals.profile_drift import drift
from lab.systems.calendar import Calendar

MOST_VERSIONS = 100
"""Of a dataset, the latest ones."""
MOST_EVENTS = 200
MOVED_SPREADS = 0.5
"""Half the spread between the quartiles of the version before: a column whose median went farther has moved."""
MOVED_SHARE = 0.02
"""Of rows: null or most frequent values became more or fewer by more than that."""
_LEVELS = ("null_ratio", "distinct", "mean", "q05", "q50", "q95", "top_ratio")
_OF_VERSIONS = ("dataset_rows", "dataset_age_s", "dataset_repeated", "dataset_schema_changed")
_OF_COLUMNS = ("column_mean", "column_median", "column_null_ratio", "column_distinct", "column_top_ratio")

Row = Mapping[str, Any]


def datasets(view: View, at_s: float, dataset: str | None = None, trace_id: str | None = None) -> list[dict[str, Any]]:
    """Every dataset with its versions, latest first, each with what differs from the one before.

    `dataset`: that one alone, UnknownError where there is none; `trace_id`: only versions that this run wrote.
    """
    written: dict[str, list[Row]] = {}
    for row in _rows(view, at_s, DATASET_VERSIONS):
        written.setdefault(str(row["dataset"]), []).append(row)
    _check_dataset(dataset, written)
    profiles: dict[tuple[str, str], dict[str, Row]] = {}
    for row in _rows(view, at_s, DATASET_COLUMNS):
        profiles.setdefault((str(row["dataset"]), str(row["version"])), {})[str(row["column"])] = row
    told = _told(view, at_s)
    found = []
    for name, rows in sorted(written.items()):
        if dataset in (None, name):
            versions = [*_versions(name, rows, profiles, told)]
            mine = [one for one in versions if trace_id in (None, one["trace_id"])]
            if mine:
                job = str(rows[-1]["service.name"])
                found.append({"dataset": name, "job": job, "versions": mine[::-1][:MOST_VERSIONS]})
    return found


def shown(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The signals whose values such an answer shows, as `SIGNAL:SUBJECT`: of datasets, and of columns that moved."""
    for one in found:
        yield from (f"{signal}:{one['dataset']}" for signal in _OF_VERSIONS)
        befores = [version["before"] for version in one["versions"] if version["before"]]
        moved = dict.fromkeys(column["column"] for before in befores for column in before["moved"])
        yield from (f"{signal}:{one['dataset']}.{column}" for column in moved for signal in _OF_COLUMNS)


def _rows(view: View, at_s: float, table: str) -> list[Row]:
    if table not in view.tables:
        return []
    rows: list[Row] = [without_nan(row) for row in view.table(table, at_s).to_pylist()]
    return sorted(rows, key=lambda row: float(row["time_s"]))


def _told(view: View, at_s: float) -> Any:
    """How times are told; nothing where the system has no calendar."""
    calendar = Calendar.recorded(view.system(at_s))
    return (lambda time_s: "") if calendar is None else calendar.label


def _versions(
    dataset: str, rows: Sequence[Row], profiles: Mapping[tuple[str, str], Mapping[str, Row]], told: Any
) -> Iterator[dict[str, Any]]:
    known: set[str] = set()
    before: Row | None = None
    for row in rows:
        version = str(row["version"])
        yield {
            "version": version,
            "written_s": row["time_s"],
            "written": told(float(row["time_s"])),
            "trace_id": row["trace_id"],
            "job": row["service.name"],
            "rows": row.get("rows"),
            "bytes": row.get("bytes"),
            "schema_version": row.get("schema_version"),
            "partition_s": row.get("partition_s"),
            "is_repeated": version in known,
            "before": None if before is None else _before(row, before, *_profiles(dataset, row, before, profiles)),
        }
        known.add(version)
        before = row


def _profiles(dataset: str, row: Row, before: Row, profiles: Mapping[Any, Mapping[str, Row]]) -> Any:
    return tuple(profiles.get((dataset, str(one["version"])), {}) for one in (row, before))


def _before(row: Row, before: Row, now: Mapping[str, Row], then: Mapping[str, Row]) -> dict[str, Any]:
    """The version before, and what differs from it: rows, schema, and the columns that moved."""
    both = [name for name in now if name in then]
    return {
        "version": before["version"],
        "written_s": before["time_s"],
        "rows": before.get("rows"),
        "is_same": row["version"] == before["version"],
        "is_profiled": bool(then) and bool(now),
        "is_other_schema": row.get("schema_version") != before.get("schema_version"),
        "added": [name for name in now if then and name not in then],
        "removed": [name for name in then if now and name not in now],
        "retyped": [name for name in both if now[name].get("type") != then[name].get("type")],
        "moved": [
            {"column": name, "before": _levels(then[name]), "after": _levels(now[name])}
            for name in both
            if _has_moved(then[name], now[name])
        ],
    }


def _levels(profile: Row) -> dict[str, Any]:
    return {name: profile.get(name) for name in _LEVELS}


def _has_moved(then: Row, now: Row) -> bool:
    for share in ("null_ratio", "top_ratio"):
        if then.get(share) is not None and now.get(share) is not None and abs(now[share] - then[share]) > MOVED_SHARE:
            return True
    if _has_drifted(then, now):
        return True
    levels = [then.get("q25"), then.get("q50"), then.get("q75"), now.get("q50")]
    if any(level is None for level in levels):
        return False
    low, middle, high, other = (float(level) for level in levels if level is not None)
    return abs(other - middle) > MOVED_SPREADS * (high - low) and other != middle


def _has_drifted(then: Row, now: Row) -> bool:
    """Whether the values lie elsewhere as a whole, also where the middle does not: a part may be in another unit."""
    known = [[one.get(point) for point in PROFILE] for one in (then, now)]
    if any(value is None for of in known for value in of):
        return False
    return bool(drift(np.array(known, np.float64), 1)[1] >= CALM_PSI)


def lineage(
    view: View,
    at_s: float,
    *,
    dataset: str | None = None,
    job: str | None = None,
    trace_id: str | None = None,
    limit: int = MOST_EVENTS,
) -> tuple[list[dict[str, Any]], bool]:
    """What runs of jobs read and wrote, latest first, at most `limit`; whether there is more. All conditions hold.

    UnknownError for a dataset that nobody wrote so far, and for a job that there is not.
    """
    _check_dataset(dataset, {str(row["dataset"]) for row in _rows(view, at_s, DATASET_VERSIONS)})
    jobs = [name for name, one in view.system(at_s)["components"].items() if one["kind"] == "job"]
    if job is not None and job not in jobs:
        raise UnknownError("unknown job", seen=job[:100], expected=f"one of {', '.join(jobs)}")
    told = _told(view, at_s)
    found = []
    for event in reversed(view.lineage(at_s)):
        inputs, outputs = versions_of(event["inputs"]), versions_of(event["outputs"])
        run = trace_of(event)
        is_about = dataset is None or dataset in {name for name, _ in (*inputs, *outputs)}
        if is_about and job in (None, event["job"]["name"]) and trace_id in (None, run):
            found.append(
                {
                    "time_s": event["time_s"],
                    "at": told(float(event["time_s"])),
                    "event": event["eventType"],
                    "job": event["job"]["name"],
                    "trace_id": run,
                    "inputs": [{"dataset": name, "version": version or None} for name, version in inputs],
                    "outputs": [{"dataset": name, "version": version or None} for name, version in outputs],
                }
            )
    return found[:limit], len(found) > limit


def _check_dataset(dataset: str | None, known: Container[str]) -> None:
    if dataset is not None and dataset not in known:
        raise UnknownError("unknown dataset", seen=dataset[:100], expected="a name from the list of datasets")
