"""What a payment meets on its way: cached rows of its card and its merchant, their tables, the model's versions."""

from __future__ import annotations

from lab.called import Function
from lab.content.operations import (
    OP_ASK,
    OP_MARK,
    OP_NOTE,
    OP_SCORE,
    OP_SERVE,
    OP_STORE_GET,
    OP_STORE_PUT,
    OP_STORE_REFRESH,
    OP_TABLE_READ,
    OP_TEST,
    Op,
)
from lab.content.protocol import Layout, StoreSpec, TableSpec
from lab.worlds.decisions.deciding import decide
from lab.worlds.decisions.registration import CARD_TABLE, MERCHANT_TABLE
from lab.worlds.decisions.score_tables import (
    ASK_FOR_BLOCK,
    ASK_FOR_HOLD,
    ASK_FOR_SCORE,
    CARD_SLOT,
    KINDS,
    MARK_DECLINED,
    MARK_HELD,
    MARK_RULED,
    MERCHANT_SLOT,
    OWN_COUNT,
)

TABLES = (CARD_TABLE, MERCHANT_TABLE)
"""Of the feature tables and the stores of their entries, by slot."""
MODEL = "model"


def layout(cards_count: int, merchants_count: int, ttl_ns: int) -> Layout:
    """The operations, for so many cards and merchants and cache entries that live so long."""
    return Layout(
        operations={
            "read_card": Op(OP_STORE_GET, CARD_SLOT),
            "read_merchant": Op(OP_STORE_GET, MERCHANT_SLOT),
            "write_card": Op(OP_STORE_PUT, CARD_SLOT),
            "write_merchant": Op(OP_STORE_PUT, MERCHANT_SLOT),
            "refresh_cards": Op(OP_STORE_REFRESH, CARD_SLOT, CARD_SLOT),
            "refresh_merchants": Op(OP_STORE_REFRESH, MERCHANT_SLOT, MERCHANT_SLOT),
            "read_card_row": Op(OP_TABLE_READ, CARD_SLOT),
            "read_merchant_row": Op(OP_TABLE_READ, MERCHANT_SLOT),
            "aggregate_payments": Op(OP_ASK),
            "assemble_features": Op(OP_SERVE),
            "score_payment": Op(OP_SCORE, 0, ASK_FOR_SCORE),
            "apply_rules": Op(OP_MARK, 0, MARK_RULED),
            "is_blocked": Op(OP_TEST, 0, ASK_FOR_BLOCK),
            "decline": Op(OP_MARK, 0, MARK_DECLINED),
            "hold": Op(OP_MARK, 0, MARK_HELD),
            "is_held": Op(OP_TEST, 0, ASK_FOR_HOLD),
            "review_payment": Op(OP_NOTE),
        },
        stores={CARD_TABLE: StoreSpec(cards_count, ttl_ns), MERCHANT_TABLE: StoreSpec(merchants_count, ttl_ns, 1)},
        tables={CARD_TABLE: TableSpec(cards_count), MERCHANT_TABLE: TableSpec(merchants_count, 1)},
        gates=(MODEL,),
        slots_count=2,
        own_count=OWN_COUNT,
        decide=Function(decide, KINDS, "scores of payments"),
    )
