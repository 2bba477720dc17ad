"""Signals in one file: what comes out is what went in, and whatever is damaged is refused in one way."""

from __future__ import annotations

import numpy as np
import pytest

from lab.signals import Series, SignalTable
from lab.signals.packed import as_arrays, as_table, packed, unpacked

TIMES_S = np.array([5.0, 10.0])
TABLE = SignalTable(
    [
        Series("error_ratio", "shoppers->features", TIMES_S, np.array([0.5, np.nan])),
        Series("queue_wait_mean_s", "features", TIMES_S, np.array([0.0, 0.25])),
    ]
)


def content() -> bytes:
    names, times_s, values = as_arrays(TABLE)
    return packed({"names": names}, {"times_s": times_s, "values": values})


def test_signals_come_out_as_they_went_in() -> None:
    head, arrays = unpacked(content())
    found = as_table(head["names"], **arrays)
    for series in TABLE:
        same = found.get(series.signal, series.subject)
        assert same is not None
        np.testing.assert_array_equal(same.values, series.values)
        np.testing.assert_array_equal(same.times_s, TIMES_S)
    assert len(found) == len(TABLE)
    assert len(as_table(*as_arrays(SignalTable([])))) == 0


def test_equal_signals_have_equal_bytes() -> None:
    assert content() == content()


def test_names_without_values_are_refused() -> None:
    names, times_s, values = as_arrays(TABLE)
    with pytest.raises(ValueError, match="shorter"):
        as_table(names, times_s, values[:1])


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"not an archive",
        content()[:-40],
        content().replace(np.float64(0.25).tobytes(), np.float64(0.75).tobytes()),
        packed({}, {}).replace(b"head.npy", b"tail.npy"),
    ],
    ids=["empty", "text", "cut", "another value", "no head"],
)
def test_what_is_damaged_is_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="expected packed signals"):
        unpacked(damaged)
