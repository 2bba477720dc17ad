"""What a team would have at hand beside telemetry (contract, training sample, registry), and the served-feature log."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from lab.clock import NS
from lab.recording.arrow import numbers_array
from lab.worlds.base import WorldContext
from lab.worlds.shop.features import INPUT_NAMES, NAMES, USER_FEATURES, FeatureSpec
from lab.worlds.shop.requests import FROM_CACHE, ShopRequests, ShopStream
from lab.worlds.shop.training import Model


def served_features(
    requests: list[tuple[ShopStream, ShopRequests]], context: WorldContext, cache: str, table: str
) -> dict[str, Any]:
    """One row per request that got as far as feature assembly: vector, source, ages (seconds, NaN where unknown)."""
    parts: list[dict[str, Any]] = []
    names = np.array(["default", cache, table], dtype=object)
    for source, data in requests:
        read = np.array(data.read_ns)
        rows = np.flatnonzero(read >= context.start_ns)
        code = np.frombuffer(bytes(data.source), np.uint8)[rows]
        read, row_ns, entry_ns = read[rows], np.array(data.row_ns)[rows], np.array(data.entry_ns)[rows]
        part = {
            "request": source.base + rows,
            "time_s": (read - context.start_ns) / NS,
            "user_id": data.users[rows],
            "source": names[code],
            "row_age_s": np.where(code > 0, np.round((read - row_ns) / NS, 3), np.nan),
            "entry_age_s": np.where(code == FROM_CACHE, np.round((read - entry_ns) / NS, 3), np.nan),
        }
        vectors = data.vectors[rows]
        vectors[code == 0] = np.nan
        parts.append(part | {f"feature.{name}": vectors[:, i] for i, name in enumerate(NAMES)})
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((columns["request"], columns["time_s"]))
    return {name: values[order] for name, values in columns.items()}


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
