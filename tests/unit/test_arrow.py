"""Arrow columns from numpy's and back: as pyarrow's own conversions give them, and without pandas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.recording import arrow

TEXTS = st.lists(st.none() | st.text(max_size=4), max_size=12)
FLOATS = st.lists(st.floats(width=32), max_size=12)
CUTS = st.tuples(st.integers(0, 12), st.integers(0, 12))


def in_pieces(array: pa.Array, cuts: tuple[int, int]) -> pa.ChunkedArray:
    """The same column as chunks that begin within their buffers, as slices of a table do."""
    low, high = sorted(min(cut, len(array)) for cut in cuts)
    return pa.chunked_array([array[:low], array[low:high], array[high:]], array.type)


@given(FLOATS, CUTS, st.sampled_from(["float64", "float32"]))
def test_floats_come_back_with_nan_for_null(values, cuts, kind):
    given_ = np.array(values, kind)
    made = arrow.known_array(given_)
    assert made.equals(pa.array(given_, from_pandas=True))
    np.testing.assert_array_equal(arrow.numbers(in_pieces(made, cuts)), given_)
    np.testing.assert_array_equal(arrow.is_null(in_pieces(made, cuts)), np.isnan(given_))


@given(st.lists(st.none() | st.integers(-(2**53), 2**53), max_size=12), CUTS)
def test_whole_numbers_with_nulls_become_floats(values, cuts):
    found = arrow.numbers(in_pieces(pa.array(values, pa.int64()), cuts))
    np.testing.assert_array_equal(found, [np.nan if value is None else value for value in values])


@given(TEXTS, CUTS)
def test_texts_come_back_whether_they_lie_plain_or_in_a_dictionary(values, cuts):
    assert arrow.texts_array(values).equals(pa.array(values, pa.string()))
    for made in (arrow.texts_array(values), arrow.encoded_array(values)):
        made.validate(full=True)
        assert made.to_pylist() == values
        assert arrow.texts(in_pieces(made, cuts)).tolist() == values


@given(TEXTS)
def test_the_texts_of_a_dictionary_are_sorted(values):
    known = arrow.encoded_array(values).dictionary.to_pylist()
    assert known == sorted({value for value in values if value is not None})


HEX = st.lists(st.none() | st.integers(0, 3).map(lambda number: f"{number:016x}"), max_size=12)


@pytest.mark.parametrize("texts", [HEX, TEXTS], ids=["span ids", "any texts"])
@given(st.data())
def test_texts_as_numbers_are_equal_where_the_texts_are(texts, data):
    one, other = data.draw(texts), data.draw(texts)
    columns = [in_pieces(pa.array(values, pa.string()), data.draw(CUTS)) for values in (one, other)]
    numbers = np.concatenate(arrow.identities(*columns))
    every = [*one, *other]
    assert [number == 0 for number in numbers] == [text is None for text in every]
    for at, text in enumerate(every):
        assert (numbers == numbers[at]).tolist() == [text == another for another in every]


def test_a_mask_of_texts_is_false_for_null_and_for_texts_that_are_not_there():
    column = arrow.coded(arrow.encoded_array(["b", None, "a"]))
    assert column.is_any(["a", "c"]).tolist() == [False, False, True]
    assert (column.codes == column.code("c")).tolist() == [False, False, False]
    assert (column.codes == column.code("b")).tolist() == [True, False, False]


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "int32", "uint8"])
def test_numbers_are_taken_over_without_a_copy(kind):
    values = np.arange(5, dtype=kind)
    made = arrow.numbers_array(values)
    assert made.equals(pa.array(values))
    assert np.shares_memory(arrow.numbers(made), values)


VALUES = {
    "text": (pa.string(), st.text(max_size=3)),
    "truth": (pa.bool_(), st.booleans()),
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "number": (pa.float64(), st.floats(allow_nan=False)),
}


@pytest.mark.parametrize("kind", VALUES)
@given(st.data())
def test_python_values_become_columns(kind, data):
    type_, values = VALUES[kind][0], data.draw(st.lists(st.none() | VALUES[kind][1], max_size=12))
    made = arrow.values_array(values, type_)
    made.validate(full=True)
    assert made.equals(pa.array(values, type_))


def test_columns_that_a_file_does_not_have_are_left_out(tmp_path: Path):
    pq.write_table(pa.table({"a": [1.0], "b": ["x"]}), tmp_path / "t.parquet")
    assert arrow.read_table(tmp_path / "t.parquet", ["b", "c"]).to_pydict() == {"b": ["x"]}
    assert arrow.read_table(tmp_path / "t.parquet").column_names == ["a", "b"]


def test_nothing_here_imports_pandas(tmp_path: Path):
    pq.write_table(pa.table({"n": [1.0, None], "t": ["x", None]}), tmp_path / "t.parquet")
    code = (
        "import sys; from pathlib import Path; import numpy as np; from lab.recording import arrow as a\n"
        "t = a.read_table(Path(sys.argv[1])); a.numbers(t['n']); a.texts(t['t']); a.is_null(t['n'])\n"
        "a.known_array(np.array([1.0, np.nan])); a.encoded_array(['x', None]); a.identities(t['t'], t['t'])\n"
        "t.filter(a.mask_array(np.array([True, False]))); print('pandas' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "t.parquet")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"
