"""Small scenarios of the shop on the embedded testbed: as in `tests.simulated`, of the recommender."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.registration.observability import Observability
from lab.scenario import LoadedScenario
from tests import simulated
from tests.simulated import NAME, Use, digests, observe, ran

__all__ = ["DECOYS", "FAULTS", "NAME", "Use", "digests", "observe", "ran", "scenario", "text"]

FAULTS: Mapping[str, Use] = {
    "schema-corruption renames": {
        "type": "schema-corruption", "target": "db", "with": {"column": "age_years", "change": "rename"},
    },
    "schema-corruption retypes to text": {
        "type": "schema-corruption", "target": "db", "with": {"column": "avg_order_value_eur", "change": "retype"},
    },
    "schema-corruption retypes to integer": {
        "type": "schema-corruption", "target": "db",
        "with": {"column": "discount_share_ratio", "change": "retype", "to": "integer"},
    },
    "schema-corruption rescales": {
        "type": "schema-corruption", "target": "db", "with": {"column": "avg_order_value_eur", "change": "rescale"},
    },
    "schema-corruption nulls, mild": {
        "type": "schema-corruption", "target": "db",
        "with": {"column": "recent_price_eur", "change": "null", "fraction": "30%"},
    },
    "network-partition": {"type": "network-partition", "target": "features->db"},
    "network-partition, mild": {
        "type": "network-partition", "target": "features->model", "with": {"fraction": "30%"},
    },
    "network-partition, one way": {
        "type": "network-partition", "target": "features->rules", "with": {"direction": "response"},
    },
    "network-latency": {"type": "network-latency", "target": "features->model"},
    "network-latency, mild": {
        "type": "network-latency", "target": "features->db", "with": {"latency": "15ms", "jitter": "3ms"},
    },
    "stale-cache": {"type": "stale-cache", "target": "cache"},
    "stale-cache, mild": {"type": "stale-cache", "target": "cache", "with": {"fraction": "40%"}},
    "feed-stall": {"type": "feed-stall", "target": "feed"},
    "feed-stall, mild": {"type": "feed-stall", "target": "feed", "with": {"delay": "20s"}},
    "model-regression": {"type": "model-regression", "target": "model"},
    "model-regression, mild": {"type": "model-regression", "target": "model", "with": {"corrupted": "50%"}},
    "cache-key-collision": {"type": "cache-key-collision", "target": "cache"},
    "cache-key-collision, mild": {"type": "cache-key-collision", "target": "cache", "with": {"fraction": "50%"}},
    "short-timeout": {"type": "short-timeout", "target": "features->model", "with": {"timeout": "4ms"}},
    "model-unload": {"type": "model-unload", "target": "model"},
    "model-slow": {"type": "model-slow", "target": "model"},
    "model-slow, mild": {"type": "model-slow", "target": "model", "with": {"factor": 1.8}},
    "slow-query": {"type": "slow-query", "target": "db"},
    "slow-query, mild": {"type": "slow-query", "target": "db", "with": {"delay": "10ms"}},
    "cpu-throttle": {"type": "cpu-throttle", "target": "model"},
    "cpu-throttle, mild": {"type": "cpu-throttle", "target": "db", "with": {"cpu": "60%"}},
}  # fmt: skip
"""Every registered fault that the recommender can have, by default and mild."""

DECOYS: Mapping[str, Use] = {
    "deploy": {"type": "deploy", "target": "model"},
    "traffic-surge": {"type": "traffic-surge", "target": "shoppers", "with": {"rate": "10/s"}},
    "schema-migration": {"type": "schema-migration", "target": "db"},
}
"""Every registered decoy on the recommender."""


def text(**content: Any) -> str:
    """A scenario file of the recommender, unless another system is given."""
    return simulated.text(**{"system": "recommender", **content})


def scenario(directory: Path, *, observability: Observability = "rich", **content: Any) -> LoadedScenario:
    """Writes and loads a scenario of the recommender, unless another system is given."""
    return simulated.scenario(directory, observability=observability, **{"system": "recommender", **content})
