"""Contents of datasets: columns by name, of one length, with one row or more for each customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lab.draws import stream_key, uniforms
from lab.streams import Streams
from lab.worlds.batch.vocabulary import KEY

Array = npt.NDArray[Any]
Table: TypeAlias = Mapping[str, Array]


def rows_count(table: Table) -> int:
    """How many rows a table has."""
    return len(table[KEY])


def chosen(table: Table, which: Array) -> dict[str, Array]:
    """The rows that a mask or places select."""
    return {name: values[which] for name, values in table.items()}


def filled(values: Array) -> Array:
    """Numbers with 0 in the place of null; where none is null the very same array."""
    return np.nan_to_num(values) if values.dtype.kind == "f" and np.isnan(values).any() else values


def stacked(tables: Sequence[Table]) -> dict[str, Array]:
    """The rows of tables with the same columns, one after the other."""
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def share_of(streams: Streams, purpose: str, customers: Array, share: float) -> Array:
    """Mask of the customers (n,) that belong to a share of all; the same ones whenever it is asked for a purpose."""
    if share >= 1:
        return np.ones(len(customers), bool)
    return np.asarray(uniforms(stream_key(streams, purpose), customers.astype(np.int64), 0, 1)[:, 0] < share)


def partly_kept(old: Table, new: Table, stays: Array, goes: Array) -> dict[str, Array]:
    """`new` rows, in whose place `old` ones stay: masks of the old rows that stay, and of the new ones that go."""
    both = stacked([chosen(old, stays), chosen(new, ~goes)])
    return chosen(both, np.argsort(both[KEY], kind="stable"))
