"""What a registration says of datasets: tables that jobs write anew in every run, each time as a new version."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

DATASET_TYPES = ("float", "int", "bool", "text")
"""Types of a dataset's columns, as they are told of what was written."""


class DatasetColumn(NamedTuple):
    """One column as it is meant to be: `type` is one of DATASET_TYPES, `unit` 1 for a count and empty for texts."""

    type: str
    unit: str = ""
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset of a world. What is written may differ: that is what versions, schemas and profiles show.

    `key`: the column that tells rows apart, empty where none does. `of`: the operation that writes it, in a call plan
    of the job that does. `inputs`: the datasets that it is made from, by name. `source`: for one that is read from
    elsewhere, the operation that reads it there.
    """

    doc: str
    columns: Mapping[str, DatasetColumn]
    key: str = ""
    of: str = ""
    inputs: tuple[str, ...] = ()
    source: str = ""


def writers(datasets: Mapping[str, Dataset], operations: Mapping[str, Collection[str | None]]) -> dict[str, str]:
    """The job that writes each dataset, by the operations that each job calls for."""
    return {
        name: job
        for name, dataset in datasets.items()
        for job, called in operations.items()
        if dataset.of and dataset.of in called
    }
