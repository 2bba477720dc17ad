"""What a team would have at hand beside telemetry: contract, training sample, registry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from lab.recording.arrow import numbers_array
from lab.worlds.kit.contract import FeatureSpec
from lab.worlds.shop.features import INPUT_NAMES, NAMES, USER_FEATURES
from lab.worlds.shop.training import Model


def files(versions: list[Model], table: str) -> dict[str, Any]:
    """Contents of `reference/`: `contract.json`, `registry.json`, `training_sample.parquet`."""
    contract = {
        "component": table,
        "features": [_declared(spec) for spec in USER_FEATURES],
        "inputs": list(INPUT_NAMES),
    }
    registry = [model.registry_entry(version) for version, model in enumerate(versions, 1)]
    first = versions[0]
    columns: dict[str, Any] = {f"feature.{n}": first.sample_vectors[:, i] for i, n in enumerate(NAMES)}
    columns |= {f"input.{n}": first.sample_inputs[:, i].astype(np.float32) for i, n in enumerate(INPUT_NAMES)}
    columns["outcome"] = first.sample_clicked
    sample = {name: numbers_array(values) for name, values in columns.items()}
    return {"contract.json": contract, "registry.json": registry, "training_sample.parquet": pa.table(sample)}


def _declared(spec: FeatureSpec) -> dict[str, Any]:
    """A column's entry in the contract; `derived_from` is the data a job computes it from, if any."""
    return {
        "name": spec.name, "type": spec.type, "unit": spec.unit, "min": spec.low, "max": spec.high,
        "default": spec.default, "derived_from": "events" if spec.owner == "feed" else "",
    }  # fmt: skip
