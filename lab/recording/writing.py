"""Writes tables as Parquet: the bytes follow from the rows and how they are grouped, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

GROUP_ROWS = 131_072
"""Rows of a row group, about: a reader that wants few of them reads little more."""

BATCH_ROWS = 16_384
"""Rows that the writer encodes at a time: with its 1024 it spends more on calls."""


def write_table(path: Path, name: str, groups: Iterable[pa.Table]) -> None:
    """Writes a table of a recording, or of `reference/`, by its row groups; there is one at least."""
    # No metadata of pandas or of the writing library's schema: bytes must follow from content alone.
    writer: pq.ParquetWriter | None = None
    try:
        for rows in groups:
            group = rows.replace_schema_metadata(None)
            if writer is None:
                dictionaries, encodings = _encodings(name, group.schema)
                counted = [field.name for field in group.schema if _is_number(field.type)]
                writer = pq.ParquetWriter(
                    path, group.schema, compression="zstd", compression_level=1, store_schema=True,
                    use_dictionary=dictionaries, column_encoding=encodings, write_statistics=counted,
                    write_batch_size=BATCH_ROWS,
                )  # fmt: skip
            writer.write_table(group, row_group_size=GROUP_ROWS * 2)
    finally:
        if writer is not None:
            writer.close()


def _is_number(kind: pa.DataType) -> bool:
    """Whether a column has statistics: readers skip row groups by times; the least of random ids helps nobody."""
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _encodings(name: str, schema: pa.Schema) -> tuple[list[str], dict[str, str] | None]:
    """(columns with dictionaries, encodings of others). Floats seldom repeat, so they have no dictionary.

    Spans are by far the most rows: the bytes of their times are kept apart, since times on the grid differ in few of
    them. Ids of spans are random and kept as they are, all lengths in one place; a parent's comes more than once, but
    seldom far away, so that compression finds it.
    """
    ids, times = "DELTA_LENGTH_BYTE_ARRAY", "BYTE_STREAM_SPLIT"
    chosen = {"time_s": times, "duration_s": times, "span_id": ids, "parent_span_id": ids}
    encodings = {column: chosen[column] for column in schema.names if column in chosen} if name == "spans" else None
    named = [field.name for field in schema if not pa.types.is_floating(field.type)]
    return [column for column in named if column not in (encodings or ())], encodings
