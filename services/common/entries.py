"""Cache entries: a database row as JSON, with the row's own time and the time the entry was written (Unix s)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

ROW_TIME = "updated_at"


class Entry(NamedTuple):
    """A row as it was read, and when. `entry_time_s` is None for a row straight from the database."""

    row: Mapping[str, Any]
    row_time_s: float
    entry_time_s: float | None


def from_database(record: Mapping[str, Any]) -> Entry:
    """A database record as an entry."""
    row = {name: value for name, value in record.items() if name != ROW_TIME}
    row_time: datetime = record[ROW_TIME]
    return Entry(row, row_time.timestamp(), None)


def encode_entry(entry: Entry, now_s: float) -> str:
    """The text to be cached."""
    return json.dumps({"row": entry.row, "row_time_s": entry.row_time_s, "entry_time_s": now_s}, default=float)


def decode_entry(text: str | bytes) -> Entry:
    """A cached text as an entry."""
    document = json.loads(text)
    return Entry(document["row"], document["row_time_s"], document["entry_time_s"])
