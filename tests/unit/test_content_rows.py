"""Rows of the content: what was added in parts comes out as one table, whatever the parts were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lab.recording import content
from lab.recording.arrow import coded_array
from lab.recording.content import ContentRows
from lab.recording.ids import Ids
from lab.recording.schema import schema_of
from lab.streams import Streams

pytestmark = pytest.mark.usefixtures("records_world")

COUNT = 23


def columns(chosen: Any, more: str = "x") -> dict[str, Any]:
    """These of 23 rows: texts, whole numbers, floats with gaps and narrow floats, whose widths differ."""
    at = np.arange(COUNT)[chosen]
    return {
        "request": at // 2,
        "time_s": at / 8,
        "service.name": coded_array(at % 3 - 1, ["b", "a"]),
        "subject": at * 7,
        "score": np.where(at % 5, at / 3, np.nan),
        f"input.{more}": at.astype(np.float32),
    }


def rows(*cuts: int, share: float = 1.0) -> ContentRows:
    """All rows, added in parts that end at these."""
    found = ContentRows("answers", Ids([17], Streams(1)), share, schema_of("records"))
    for begin, end in zip((0, *cuts), (*cuts, COUNT), strict=True):
        found.add(columns(np.s_[begin:end]))
    return found


def whole_of(found: ContentRows) -> pa.Table:
    return pa.concat_tables(found.groups())


@pytest.mark.parametrize("cuts", [(1,), (0, 5, 5, 6, 22), (COUNT,), range(1, COUNT)])
def test_parts_do_not_matter(cuts: tuple[int, ...]) -> None:
    whole = whole_of(rows())
    assert whole_of(rows(*cuts)).equals(whole)
    assert whole["subject"].to_pylist() == [7 * at for at in range(COUNT)]
    assert whole["service.name"].to_pylist() == [[None, "b", "a"][at % 3] for at in range(COUNT)]
    assert whole["score"].to_pylist() == [at / 3 if at % 5 else None for at in range(COUNT)]
    assert whole["input.x"].to_pylist() == [float(at) for at in range(COUNT)]
    assert whole["trace_id"].to_pylist()[::2] == whole["trace_id"].unique().to_pylist()


@pytest.mark.parametrize("cuts", [(1,), (0, 5, 5, 6, 22), (COUNT,), range(1, COUNT)])
@pytest.mark.parametrize(("at_most", "sizes"), [(10, [10, 10, 3]), (23, [23]), (4, [4, 4, 4, 4, 4, 3])])
def test_row_groups_have_as_many_rows_whatever_the_parts(
    monkeypatch: pytest.MonkeyPatch, cuts: tuple[int, ...], at_most: int, sizes: list[int]
) -> None:
    (whole,) = rows().groups()
    monkeypatch.setattr(content, "GROUP_ROWS", at_most)
    groups = [*rows(*cuts).groups()]
    assert [group.num_rows for group in groups] == sizes
    assert pa.concat_tables(groups).to_pylist() == whole.to_pylist()


def test_without_a_row_there_is_one_empty_group() -> None:
    found = ContentRows("answers", Ids([17], Streams(1)), 1.0, schema_of("records"))
    found.add(columns(np.s_[:0]))
    (group,) = found.groups()
    assert group.num_rows == 0
    assert group.schema == whole_of(rows()).schema


def test_a_share_of_the_requests_is_kept_whole_and_weighted() -> None:
    kept, everything = whole_of(rows(3, 4, share=0.5)), whole_of(rows())
    chosen = set(kept["trace_id"].to_pylist())
    assert 0 < len(chosen) < 12
    wanted = [trace in chosen for trace in everything["trace_id"].to_pylist()]
    assert kept["subject"].to_pylist() == [7 * at for at in range(COUNT) if wanted[at]]
    assert set(kept["sample_weight"].to_pylist()) == {2.0}


def test_a_branch_goes_on_by_itself() -> None:
    first = rows()
    before = whole_of(first)
    other = first.branch(Ids([17], Streams(1)))
    other.add({**columns(np.s_[:5]), "service.name": coded_array(np.zeros(5, np.int64), ["c"])})
    assert whole_of(other).num_rows == COUNT + 5
    assert whole_of(first).equals(before)


def test_rows_with_other_columns_are_refused() -> None:
    with pytest.raises(TypeError, match=r"input\.y"):
        rows().add(columns(np.s_[:2], more="y"))
