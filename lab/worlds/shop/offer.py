"""The names that a topology with the shop may use. It loads nothing, so that files are checked quickly."""

from __future__ import annotations

from lab.files.units import MAX_DURATION_S
from lab.systems.offer import Offer, Operation, Setting

FEATURE_TABLE = "users"
SHOPPERS = 2000
FIRST_VERSIONS = 2
"""Model versions that are there before anything happens, so that one can be rolled back."""

_TTL = Setting("how long an entry lives after it was written", "s", at_least=0.001, at_most=MAX_DURATION_S)

OFFER = Offer(
    operations={
        "read_entry": Operation("cache", needed=True, settings={"ttl_s": _TTL}),
        "write_entry": Operation("cache"),
        "refresh_entries": Operation("cache"),
        "read_row": Operation("database", needed=True, tables=(FEATURE_TABLE,)),
        "aggregate_events": Operation("database"),
        "predict": Operation("model", needed=True),
        "apply_rules": Operation("service"),
    },
    own_code=("assemble_features",),
    fallbacks=("default_features", "popular_items", "unfiltered_items"),
    settings={
        "visitors": Setting(
            "how many of the shoppers visit", at_least=1, at_most=SHOPPERS, is_whole=True, default=SHOPPERS
        )
    },
    feature_table=FEATURE_TABLE,
    model_versions=FIRST_VERSIONS,
    trainings=("next-window", "corrupted-labels"),
)
