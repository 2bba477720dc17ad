"""Parquet files of a recording: small, read back as they were, and with statistics where readers use them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from lab.recording.arrow import coded_array, numbers_array, read_table
from lab.recording.ids import hex_array
from lab.recording.observed import arrow_table
from lab.recording.writing import write_table

COUNT = 1000


def test_spans_come_back_and_take_the_bytes_of_their_ids(tmp_path: Path) -> None:
    at, draw = np.arange(COUNT), np.random.default_rng(1)
    ids = draw.integers(1, 2**63, COUNT).astype(np.uint64)
    one = coded_array(np.zeros(COUNT, np.int64), ["front"])
    columns = dict.fromkeys(("trace_id", "service.name", "peer.service", "span.kind", "span.name", "status"), one)
    columns |= {"span_id": hex_array(ids), "parent_span_id": hex_array(ids[at // 2], null=at % 7 == 0)}
    columns |= {"time_s": numbers_array(at / 2), "duration_s": numbers_array(at / 4), "attempt": numbers_array(at % 2)}
    table = arrow_table("spans", columns)
    write_table(tmp_path / "spans.parquet", "spans", [table, table.slice(3, 500)])
    whole = read_table(tmp_path / "spans.parquet")
    assert whole.num_rows == COUNT + 500
    for name in table.column_names:
        values = table[name].to_pylist()
        assert whole[name].to_pylist() == values + values[3:503], name
    group = pq.read_metadata(tmp_path / "spans.parquet").row_group(0)
    found = {chunk.path_in_schema: chunk for chunk in map(group.column, range(group.num_columns))}
    assert found["time_s"].statistics.max == (COUNT - 1) / 2
    assert {name for name in found if found[name].is_stats_set} == {"time_s", "duration_s", "attempt"}
    assert found["parent_span_id"].total_compressed_size < 8.5 * COUNT  # hex digits of 8 random bytes, half of them new
    assert found["attempt"].total_compressed_size < COUNT / 4
