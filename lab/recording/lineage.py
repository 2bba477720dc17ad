"""Lineage as events of OpenLineage: what each run of a job read and wrote, in which versions.

Field names and facets are those of the specification (RunEvent, 1.x). `time_s` beside them is the recording's time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Any, TypeAlias
from uuid import UUID

from lab.clock import NS
from lab.recording.datasets import COMPLETE, FAIL, RUNNING, START, RunEvent, Written, traces_of
from lab.recording.ids import Ids
from lab.recording.profiles import Described

LineageEntry: TypeAlias = Mapping[str, Any]
"""A RunEvent of OpenLineage, with `time_s`"""

PRODUCER = "urn:scheduler"
_SPEC = "https://openlineage.io/spec"
SCHEMA_URL = f"{_SPEC}/1-0-5/OpenLineage.json#/$defs/RunEvent"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_ORDER = {COMPLETE: 0, FAIL: 0, START: 1, RUNNING: 2}
"""Of events at one time: what waited for a run begins when that ends."""


def lineage_events(
    writes: Iterable[Written], runs: Iterable[RunEvent], ids: Ids, start_ns: int, system: str, begins: datetime = EPOCH
) -> list[LineageEntry]:  # fmt: skip
    """Events in order of time: where a run began and ended, and one for what it wrote from the same inputs at a time.

    `begins`: the date of scenario second 0.
    """
    known: dict[tuple[str, str], Described] = {}
    found: list[tuple[RunEvent, dict[str, Any]]] = [(run, {}) for run in runs]
    for (time_ns, request, job, pairs), group in groupby(
        writes, lambda one: (one.time_ns, one.request, one.job, one.inputs)
    ):
        together = [*group]
        known |= {(one.dataset, one.content.version): one.content for one in together if one.content}
        inputs = [_dataset(system, name, version, known.get((name, version))) for name, version in pairs]
        outputs = [_output(system, one.dataset, one.content) for one in together]
        found.append((RunEvent(time_ns, request, job, RUNNING), {"inputs": inputs, "outputs": outputs}))
    found.sort(key=lambda one: (one[0].time_ns, _ORDER[one[0].event]))
    traces, begins = traces_of([run for run, _ in found], ids), begins.astimezone(UTC)
    return [
        {
            "eventType": run.event,
            "eventTime": _iso(begins, (run.time_ns - start_ns) / NS),
            "run": {"runId": str(UUID(hex=trace))},
            "job": {"namespace": system, "name": run.job},
            "inputs": [],
            "outputs": [],
            **data,
            "producer": PRODUCER,
            "schemaURL": SCHEMA_URL,
            "time_s": (run.time_ns - start_ns) / NS,
        }
        for (run, data), trace in zip(found, traces, strict=True)
    ]


def trace_of(event: LineageEntry) -> str:
    """The trace id of the run that an event is about."""
    return UUID(event["run"]["runId"]).hex


def versions_of(datasets: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Names and versions of the inputs, or of the outputs, of an event; a version is empty where it has none."""
    return [(str(one["name"]), _version(one.get("facets") or {})) for one in datasets]


def _version(facets: Mapping[str, Any]) -> str:
    return str((facets.get("version") or {}).get("datasetVersion", ""))


def _iso(begins: datetime, time_s: float) -> str:
    """A time as ISO 8601. begins: in UTC, for datetimes of a zone are added up by its clocks, changed or not."""
    return (begins + timedelta(seconds=time_s)).isoformat(timespec="microseconds").replace("+00:00", "Z")


@cache
def _facet(name: str, version: str = "1-0-0") -> dict[str, str]:
    return {"_producer": PRODUCER, "_schemaURL": f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}"}


def _dataset(system: str, name: str, version: str, content: Described | None) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    if version:
        facets["version"] = {**_facet("DatasetVersionDatasetFacet"), "datasetVersion": version}
    if content is not None:
        fields = [{"name": one.column, "type": one.type} for one in content.profiles]
        facets["schema"] = {**_facet("SchemaDatasetFacet"), "fields": fields}
    return {"namespace": system, "name": name, "facets": facets}


def _output(system: str, name: str, content: Described | None) -> dict[str, Any]:
    found = _dataset(system, name, content.version if content else "", content)
    if content is not None:
        statistics = _facet("OutputStatisticsOutputDatasetFacet")
        found["outputFacets"] = {"outputStatistics": {**statistics, "rowCount": content.rows, "size": content.bytes}}
    return found
