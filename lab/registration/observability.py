"""Observability: how much a system lets its operators see, in levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

HOST = "host"
"""`service.name` of the machine under all components. It is no component, and no component may be called so."""

Observability = Literal["poor", "usual", "rich"]
LEVELS: Mapping[Observability, str] = {
    "poor": "metrics, logs and a few traces; inputs and predictions of models are not kept",
    "usual": "what most teams have: traces, a log of served features and predictions, inputs for a sample of them",
    "rich": "what a team has that prepared for this: also the age of cache entries, and logs that name the column",
}
"""How much a system lets its operators see, from least to most; each level has all that the ones before have."""


def seen_at(level: Observability, least: Observability) -> bool:
    """Whether what exists from `least` on exists at `level`."""
    order = list(LEVELS)
    return order.index(level) >= order.index(least)
