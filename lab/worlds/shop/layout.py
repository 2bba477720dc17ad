"""What requests of the shop meet on their way: a cache of feature rows, their table, the model's versions."""

from __future__ import annotations

from lab.content.operations import (
    OP_ASK,
    OP_GATE,
    OP_MARK,
    OP_SERVE,
    OP_STORE_GET,
    OP_STORE_PUT,
    OP_STORE_REFRESH,
    OP_TABLE_READ,
    Op,
)
from lab.content.protocol import Layout, StoreSpec, TableSpec
from lab.worlds.shop.registration import FEATURE_TABLE

CACHE, TABLE, MODEL = "entries", FEATURE_TABLE, "model"
RULED = 1
"""The mark of answers whose business rules were applied."""


def layout(users_count: int, ttl_ns: int) -> Layout:
    """The shop's operations, for so many users and cache entries that live so long."""
    return Layout(
        operations={
            "read_entry": Op(OP_STORE_GET),
            "write_entry": Op(OP_STORE_PUT),
            "refresh_entries": Op(OP_STORE_REFRESH),
            "read_row": Op(OP_TABLE_READ),
            "assemble_features": Op(OP_SERVE),
            "predict": Op(OP_GATE),
            "apply_rules": Op(OP_MARK),
            "aggregate_events": Op(OP_ASK),
        },
        stores={CACHE: StoreSpec(users_count, ttl_ns)},
        tables={TABLE: TableSpec(users_count)},
        gates=(MODEL,),
    )
