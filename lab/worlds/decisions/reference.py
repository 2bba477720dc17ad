"""What the bank's team would have at hand beside telemetry."""

from __future__ import annotations

from typing import Any

import numpy as np

from lab.worlds.decisions.features import CARD_NAMES, FEATURES, INPUT_NAMES, MERCHANT_NAMES
from lab.worlds.decisions.training import Model
from lab.worlds.kit import reference


def files(versions: list[Model], component: str, label_window_s: float) -> dict[str, Any]:
    """Contents of `reference/`; `component`: the one that has the rows."""
    contract = {
        "component": component,
        "features": [
            reference.declared(spec) | {"table": table} for table, specs in FEATURES.items() for spec in specs
        ],
        "inputs": list(INPUT_NAMES),
        "label_window_s": label_window_s,
    }
    first = versions[0]
    sample: dict[str, Any] = {f"feature.{n}": first.sample_cards[:, i] for i, n in enumerate(CARD_NAMES)}
    sample |= {f"feature.{n}": first.sample_merchants[:, i] for i, n in enumerate(MERCHANT_NAMES)}
    sample |= {f"input.{n}": first.sample_inputs[:, i].astype(np.float32) for i, n in enumerate(INPUT_NAMES)}
    return reference.files(contract, versions, sample | {"outcome": first.sample_fraud})
