"""How far signals of nightly segments may go before the floor `naive-thresholds` blames what they speak of."""

from __future__ import annotations

from lab.contracts import Boundary
from lab.registration.signals import Limit

LIMITS = (
    Limit(1, "dataset_repeated", 0.5, "output-kept", Boundary.DATA),
    Limit(1, "dataset_duplicate_ratio", 0.1, "duplicated-rows", Boundary.INTEGRATION),
    Limit(1, "column_type_changed", 0.5, "join-key-retyped", Boundary.DATA, blames_store=True),
    Limit(2, "list_mismatch_ratio", 0.05, "wrong-segment-list", Boundary.INTEGRATION),
    Limit(2, "contacts_ratio", -0.1, "campaign-filter", Boundary.SERVICE, of=("service",)),
    Limit(3, "offline_accuracy", 0.05, "leaked-columns", Boundary.MODEL, of=("model",)),
    Limit(3, "order_value_spread", 1.0, "default-for-new-country", Boundary.SERVICE),
    Limit(6, "dataset_age_s", 0.5, "day-counted-twice", Boundary.SERVICE, unit="periods"),
    Limit(6, "dataset_rows", -100, "late-partition", Boundary.DATA, times=0.2, blames_store=True),
    Limit(7, "column_mean", 0.1, "schema-corruption", Boundary.DATA, times=0.5, blames_store=True),
    Limit(9, "column_drift_psi", 0.25, "schema-corruption", Boundary.DATA, blames_store=True),
)
