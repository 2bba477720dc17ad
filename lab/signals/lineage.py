"""Lineage of a recording: its datasets, which job writes each, what it is made from, and its versions over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from lab.recording.observed import Observed
from lab.recording.schema import DATASET_COLUMNS, DATASET_VERSIONS
from lab.registration.datasets import Dataset
from lab.registration.world import recorded_world


class Version(NamedTuple):
    """One version of a dataset as a run of `job` wrote it. `inputs`: datasets and versions that it was made from.

    `partition_s`: up to when its data is of, NaN where it is of no time.
    """

    time_s: float
    version: str
    job: str
    trace_id: str
    rows: int
    schema_version: str
    partition_s: float
    inputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Lineage:
    """Datasets in the order of their first versions. What lineage events do not say is as registered."""

    versions: Mapping[str, tuple[Version, ...]] = field(default_factory=dict)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    registered: Mapping[str, Dataset] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, observed: Observed) -> Lineage:
        """The lineage of a recording; an empty one where no job wrote datasets."""
        world = observed.system.get("world")
        registered = recorded_world(world).datasets if world else {}
        # Tables need a library that an engine should not load where no job writes datasets.
        table = observed.tables.get(DATASET_VERSIONS) if registered else None
        if table is None or not len(table):
            return cls()
        from lab.recording.arrow import numbers, numbers_of, texts

        made_from = _made_from(observed)
        versions: dict[str, list[Version]] = {}
        of_rows = (
            numbers(table["time_s"]).tolist(), texts(table["version"]).tolist(), texts(table["service.name"]).tolist(),
            texts(table["trace_id"]).tolist(), numbers(table["rows"]).tolist(),
            texts(table["schema_version"]).tolist(), numbers_of(table, "partition_s").tolist(),
        )  # fmt: skip
        for dataset, row in zip(texts(table["dataset"]).tolist(), zip(*of_rows, strict=True), strict=True):
            inputs = made_from.get((row[3], dataset, row[1]), ())
            versions.setdefault(dataset, []).append(Version._make((*row, inputs)))
        return cls(
            {dataset: tuple(of) for dataset, of in versions.items()},
            _columns(observed),
            registered,
            _sources(observed.system, registered),
        )

    @property
    def datasets(self) -> tuple[str, ...]:
        """Those of which a version was written."""
        return tuple(self.versions)

    def writer(self, dataset: str) -> str:
        """The job that writes a dataset: of several the last one that did; empty for one that is not written."""
        return self.versions[dataset][-1].job if dataset in self.versions else ""

    def writer_of(self, subject: str) -> str:
        """The job that writes the dataset that a signal's subject is, or is a column of."""
        return self.writer(subject.partition(".")[0])

    def inputs(self, dataset: str) -> tuple[str, ...]:
        """The datasets that one is made from directly, as registered and as its versions were."""
        known = self.registered[dataset].inputs if dataset in self.registered else ()
        seen = (name for version in self.versions.get(dataset, ()) for name, _ in version.inputs)
        return tuple(dict.fromkeys((*known, *seen)))

    def outputs(self, dataset: str) -> tuple[str, ...]:
        """The datasets that are made from one directly, in the order of their first versions."""
        return tuple(name for name in self.versions if dataset in self.inputs(name))

    def source(self, dataset: str) -> str:
        """The component outside of the datasets that a dataset is read from; empty for one made from others."""
        return self.sources.get(dataset, "")

    def key(self, dataset: str) -> str:
        """The column that tells a dataset's rows apart; empty where none does."""
        return self.registered[dataset].key if dataset in self.registered else ""


def _made_from(observed: Observed) -> dict[tuple[str, str, str], tuple[tuple[str, str], ...]]:
    """Inputs by trace id, name and version of the output."""
    from lab.recording.lineage import trace_of, versions_of

    return {
        (trace_of(event), name, version): tuple(versions_of(event["inputs"]))
        for event in observed.lineage or ()
        for name, version in versions_of(event["outputs"])
    }


def _columns(observed: Observed) -> dict[str, tuple[str, ...]]:
    """The columns that any version of a dataset had."""
    from lab.recording.arrow import texts_of

    table = observed.tables.get(DATASET_COLUMNS)
    if table is None or not len(table):
        return {}
    dataset, column = texts_of(table, "dataset"), texts_of(table, "column")
    pairs, first = np.unique(dataset.codes * len(column.texts) + column.codes, return_index=True)
    found: dict[str, tuple[str, ...]] = {}
    for pair in pairs[np.argsort(first)].tolist():
        name, of = divmod(pair, len(column.texts))
        found[dataset.texts[name]] = (*found.get(dataset.texts[name], ()), column.texts[of])
    return found


def _sources(system: Mapping[str, Any], registered: Mapping[str, Dataset]) -> dict[str, str]:
    """The component that performs the operation by which a dataset is read at its source."""
    return {
        name: component
        for name, dataset in registered.items()
        if dataset.source and (component := _performer(system, dataset.source))
    }


def _performer(system: Mapping[str, Any], operation: str) -> str:
    steps = (step for component in system["components"].values() for step in component["steps"])
    return next((str(step["call"]) for step in steps if step.get("operation") == operation and step.get("call")), "")
