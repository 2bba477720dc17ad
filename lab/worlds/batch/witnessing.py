"""By which signals faults show in nightly segments: in what jobs write, in what is published, in what campaigns do."""

from __future__ import annotations

from lab.registration.signals import Witness

_READ = ("{table}_daily.{column}", "customers_snapshot.{column}")
"""Columns of the sources as they were extracted; a fault's table is in one of them."""

WITNESSES = {
    "feed-stall": (Witness("job_start_delay_s", "{target}", 0.05, "periods"),),
    "output-kept": (Witness("dataset_repeated", "*", 0.3),),
    "schema-corruption": (
        *(Witness("column_drift_psi", column, 0.05) for column in _READ),
        *(Witness("column_null_ratio", column, 0.02) for column in _READ),
        Witness("job_failure_ratio", "*", 0.3),
        Witness("own_error_ratio", "{target}", 0.3),
    ),
    "join-key-retyped": (
        *(Witness("column_type_changed", column, 0.5) for column in _READ),
        Witness("dataset_kept_ratio", "features", 0.05),
    ),
    "late-partition": (Witness("dataset_rows", "orders_daily", 100), Witness("dataset_rows", "visits_daily", 300)),
    "duplicated-rows": (
        Witness("dataset_duplicate_ratio", "*", 0.05),
        Witness("column_mean", "features.orders_28d", 0.05),
    ),
    "default-for-new-country": (Witness("order_value_ratio", "country.{country}", 1.0),),
    "leaked-columns": (Witness("offline_accuracy", "*", 0.03), Witness("column_mean", "scores.confidence", 0.03)),
    "wrong-segment-list": (Witness("list_mismatch_ratio", "*", 0.05),),
    "campaign-filter": (Witness("contacts_ratio", "*", 0.05),),
    "day-counted-twice": (Witness("dataset_age_s", "orders_daily", 0.15, "periods"),),
}
