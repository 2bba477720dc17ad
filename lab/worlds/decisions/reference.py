"""What a team would have at hand beside telemetry: contract, training sample, registry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from lab.recording.arrow import numbers_array
from lab.worlds.decisions.features import CARD_NAMES, FEATURES, INPUT_NAMES, MERCHANT_NAMES
from lab.worlds.decisions.training import Model
from lab.worlds.kit.contract import FeatureSpec


def files(versions: list[Model], component: str, label_window_s: float) -> dict[str, Any]:
    """Contents of `reference/`: `contract.json`, `registry.json`, `training_sample.parquet`."""
    contract = {
        "component": component,
        "features": [_declared(spec, table) for table, specs in FEATURES.items() for spec in specs],
        "inputs": list(INPUT_NAMES),
        "label_window_s": label_window_s,
    }
    registry = [model.registry_entry(version) for version, model in enumerate(versions, 1)]
    first = versions[0]
    columns: dict[str, Any] = {f"feature.{n}": first.sample_cards[:, i] for i, n in enumerate(CARD_NAMES)}
    columns |= {f"feature.{n}": first.sample_merchants[:, i] for i, n in enumerate(MERCHANT_NAMES)}
    columns |= {f"input.{n}": first.sample_inputs[:, i].astype(np.float32) for i, n in enumerate(INPUT_NAMES)}
    columns["outcome"] = first.sample_fraud
    sample = {name: numbers_array(values) for name, values in columns.items()}
    return {"contract.json": contract, "registry.json": registry, "training_sample.parquet": pa.table(sample)}


def _declared(spec: FeatureSpec, table: str) -> dict[str, Any]:
    """A column's entry in the contract; `derived_from` is the data a job computes it from, if any."""
    return {
        "name": spec.name, "table": table, "type": spec.type, "unit": spec.unit, "min": spec.low, "max": spec.high,
        "default": spec.default, "derived_from": "events" if spec.owner == "feed" else "",
    }  # fmt: skip
