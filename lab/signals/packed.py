"""Signals in one file: arrays of numpy, and a head in JSON that says what they are."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.signals import Floats, Series, SignalTable

Array = npt.NDArray[Any]


def packed(head: Mapping[str, Any], arrays: Mapping[str, Any], *, sort_keys: bool = False) -> bytes:
    """The content of a `.npz` file. Equal heads and arrays in equal order give equal bytes."""
    told = json.dumps(head, sort_keys=sort_keys).encode()
    into = io.BytesIO()
    np.savez(into, head=np.frombuffer(told, np.uint8), **arrays)
    return into.getvalue()


def unpacked(content: bytes) -> tuple[Any, dict[str, Array]]:
    """Head and arrays, the inverse of `packed`; ValueError for what is damaged, or something else."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = dict(file)
        return json.loads(arrays.pop("head").tobytes()), arrays
    except Exception as error:  # a damaged archive fails in many ways
        raise ValueError(f"expected packed signals: {type(error).__name__}: {error}") from error


def as_arrays(table: SignalTable) -> tuple[list[list[str]], Floats, Floats]:
    """Names (signal and subject) of the series, their common interval ends in seconds, and a row of values each."""
    series = list(table)
    times_s = series[0].times_s if series else np.zeros(0)
    return [[one.signal, one.subject] for one in series], times_s, np.array([one.values for one in series], np.float64)


def as_table(names: Sequence[Sequence[str]], times_s: Floats, values: Floats) -> SignalTable:
    """The inverse of `as_arrays`; ValueError where there are not as many rows as names."""
    named = zip(names, values, strict=True)
    return SignalTable([Series(signal, subject, times_s, one) for (signal, subject), one in named])
