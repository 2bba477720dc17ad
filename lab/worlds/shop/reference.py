"""What the shop's team would have at hand beside telemetry."""

from __future__ import annotations

from typing import Any

import numpy as np

from lab.worlds.kit import reference
from lab.worlds.shop.features import INPUT_NAMES, NAMES, USER_FEATURES
from lab.worlds.shop.training import Model


def files(versions: list[Model], table: str) -> dict[str, Any]:
    """Contents of `reference/`; `table`: the component that has the rows."""
    contract = {
        "component": table,
        "features": [reference.declared(spec) for spec in USER_FEATURES],
        "inputs": list(INPUT_NAMES),
    }
    first = versions[0]
    sample: dict[str, Any] = {f"feature.{n}": first.sample_vectors[:, i] for i, n in enumerate(NAMES)}
    sample |= {f"input.{n}": first.sample_inputs[:, i].astype(np.float32) for i, n in enumerate(INPUT_NAMES)}
    return reference.files(contract, versions, sample | {"outcome": first.sample_clicked})
