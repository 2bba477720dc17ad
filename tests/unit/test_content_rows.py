"""Rows of the content: what was added in parts comes out as one table, whatever the parts were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lab.recording.arrow import coded_array
from lab.recording.content import ContentRows
from lab.recording.ids import Ids

COUNT = 23


def columns(chosen: Any, more: str = "x") -> dict[str, Any]:
    """These of 23 rows: texts, whole numbers, floats with gaps and narrow floats, whose widths differ."""
    at = np.arange(COUNT)[chosen]
    return {
        "request": at // 2,
        "time_s": at / 8,
        "service.name": coded_array(at % 3 - 1, ["b", "a"]),
        "item_id": at * 7,
        "score": np.where(at % 5, at / 3, np.nan),
        f"input.{more}": at.astype(np.float32),
    }


def rows(*cuts: int, share: float = 1.0) -> ContentRows:
    """All rows, added in parts that end at these."""
    found = ContentRows("predictions", Ids([17]), share)
    for begin, end in zip((0, *cuts), (*cuts, COUNT), strict=True):
        found.add(columns(np.s_[begin:end]))
    return found


@pytest.mark.parametrize("cuts", [(1,), (0, 5, 5, 6, 22), (COUNT,), range(1, COUNT)])
def test_parts_do_not_matter(cuts: tuple[int, ...]) -> None:
    whole = rows().table()
    assert rows(*cuts).table().equals(whole)
    assert whole["item_id"].to_pylist() == [7 * at for at in range(COUNT)]
    assert whole["service.name"].to_pylist() == [[None, "b", "a"][at % 3] for at in range(COUNT)]
    assert whole["score"].to_pylist() == [at / 3 if at % 5 else None for at in range(COUNT)]
    assert whole["input.x"].to_pylist() == [float(at) for at in range(COUNT)]
    assert whole["trace_id"].to_pylist()[::2] == whole["trace_id"].unique().to_pylist()


def test_a_share_of_the_requests_is_kept_whole_and_weighted() -> None:
    kept, everything = rows(3, 4, share=0.5).table(), rows().table()
    chosen = set(kept["trace_id"].to_pylist())
    assert 0 < len(chosen) < 12
    wanted = [trace in chosen for trace in everything["trace_id"].to_pylist()]
    assert kept["item_id"].to_pylist() == [7 * at for at in range(COUNT) if wanted[at]]
    assert set(kept["sample_weight"].to_pylist()) == {2.0}


def test_a_branch_goes_on_by_itself() -> None:
    first = rows()
    before = first.table()
    other = first.branch(Ids([17]))
    other.add({**columns(np.s_[:5]), "service.name": coded_array(np.zeros(5, np.int64), ["c"])})
    assert other.table().num_rows == COUNT + 5
    assert first.table().equals(before)


def test_rows_with_other_columns_are_refused() -> None:
    with pytest.raises(TypeError, match=r"input\.y"):
        rows().add(columns(np.s_[:2], more="y"))
