"""What a team would have at hand beside telemetry: contract, training sample, registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa

from lab.recording.arrow import numbers_array
from lab.worlds.kit.contract import FeatureSpec


class Registered(Protocol):
    """A trained model that can be registered."""

    def registry_entry(self, version: int) -> dict[str, Any]:
        """The registry's entry; the same fields for every version."""


def files(contract: Mapping[str, Any], versions: Sequence[Registered], sample: Mapping[str, Any]) -> dict[str, Any]:
    """Contents of `reference/` (`lab.worlds.kit.tables.reference_files`). `sample`: columns of training rows."""
    return {
        "contract.json": dict(contract),
        "registry.json": [model.registry_entry(version) for version, model in enumerate(versions, 1)],
        "training_sample.parquet": pa.table({name: numbers_array(values) for name, values in sample.items()}),
    }


def declared(spec: FeatureSpec) -> dict[str, Any]:
    """A column's entry in the contract; `derived_from` is the data a job computes it from, if any."""
    return {
        "name": spec.name, "type": spec.type, "unit": spec.unit, "min": spec.low, "max": spec.high,
        "default": spec.default, "derived_from": "events" if spec.is_computed else "",
    }  # fmt: skip
