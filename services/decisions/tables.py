"""The feature tables: the kind of their keys in the cache, their relations and key columns in the database."""

from __future__ import annotations

from collections.abc import Mapping

from lab.worlds.decisions.registration import CARD, CARD_TABLE, MERCHANT, MERCHANT_TABLE

KINDS: Mapping[str, str] = {CARD_TABLE: CARD, MERCHANT_TABLE: MERCHANT}
"""By table."""


def key_column(table: str) -> str:
    """The column that tells rows of a table apart."""
    return f"{KINDS[table]}_id"


def relation(table: str) -> str:
    """What the table, a view, is over."""
    return f"{table}_base"
