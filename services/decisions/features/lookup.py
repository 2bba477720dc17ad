"""One request for features under way: what the steps of the plan have brought so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.worlds.decisions.registration import CARD_TABLE, MERCHANT_TABLE
from services.common.entries import Entry
from services.common.trace import TraceContext

Values = list[float | None]
"""Of the columns of a contract, in order; None is null."""


@dataclass(slots=True)
class Row:
    """A row of a feature table: of the key that was asked for, as it came, from which component."""

    number: int
    entry: Entry | None = None
    source: str = "default"
    values: Values = field(default_factory=list)


@dataclass(slots=True)
class Lookup:
    """`rows` by feature table; `unsuccessful` holds the steps that failed or missed."""

    rows: dict[str, Row]
    span: TraceContext
    baggage: str = ""
    unsuccessful: set[str] = field(default_factory=set)

    @staticmethod
    def of(card_id: int, merchant_id: int, span: TraceContext, baggage: str) -> Lookup:
        """For a card and a merchant."""
        return Lookup({CARD_TABLE: Row(card_id), MERCHANT_TABLE: Row(merchant_id)}, span, baggage)
