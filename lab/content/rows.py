"""Rows of a world's table as content gives them: whether they fit what the registration says of the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from lab.content.protocol import Columns
from lab.errors import Problem, nearest
from lab.recording.arrow import Coded
from lab.recording.schema import Schema
from lab.registration.recorded import Column

REQUEST = "request"
"""The column that stands in the place of a trace id: the request's number over all streams."""


def row_problem(schema: Schema, table: str, columns: Columns, until_s: float) -> Problem | None:
    """What is wrong with rows of a table that were given for the time until `until_s`; None for nothing."""
    if not columns:
        return None
    registered = {column.name: column for column in schema.columns(table)}
    families = tuple(name.removesuffix("*") for name in registered if name.endswith(".*"))
    of = f"in the table {table!r}"
    for name in (REQUEST, "time_s"):
        if name not in columns:
            return Problem(f"gives rows without {name!r} {of}", seen=", ".join(columns), expected=f"a column {name!r}")
    rows = len(columns["time_s"])
    for name, values in columns.items():
        if len(values) != rows:
            seen = f"{len(values)} of {name!r}, {rows} of 'time_s'"
            return Problem(f"gives columns of several lengths {of}", seen=seen, expected="one length")
        if name == REQUEST or (families and name.startswith(families)):
            continue
        if name not in registered:
            hint = nearest(name, registered)
            return Problem(f"gives a column that is not registered {of}", seen=name, expected="its columns", hint=hint)
        if wrong := _unfit(registered[name], values):
            expected = {"int": "whole numbers", "float": "numbers"}.get(registered[name].type, "texts")
            return Problem(f"gives a wrong column {name!r} {of}", seen=wrong, expected=f"{expected}, as registered")
    time_s = np.asarray(columns["time_s"], float)
    if rows and (np.any(np.diff(time_s) < 0) or time_s[0] < 0 or time_s[-1] > until_s):
        first, last = float(time_s.min()), float(time_s.max())
        seen = f"{first:g} to {last:g} s" + (", not in order of time" if np.any(np.diff(time_s) < 0) else "")
        expected = f"scenario seconds, 0 to {until_s:g}, in order"
        return Problem(f"gives rows of other times {of}", seen=seen, expected=expected)
    return None


def _unfit(column: Column, values: Any) -> str:
    """What values are that a registered column cannot have; empty where they are as registered."""
    is_text = column.type in ("category", "string")
    if isinstance(values, Coded):
        return "" if is_text else "texts"
    if isinstance(values, pa.Array | pa.ChunkedArray):
        given_texts = pa.types.is_dictionary(values.type) or pa.types.is_string(values.type)
        return "" if given_texts == is_text else str(values.type)
    plain = np.asarray(values)
    if is_text:
        return str(plain.dtype) if plain.dtype.kind in "iufb" else ""
    if plain.dtype.kind not in "iuf":
        return str(plain.dtype)
    if plain.dtype.kind == "f":
        known = plain[~np.isnan(plain)]
        if len(known) < len(plain) and not column.null:
            return "empty values, and it is registered without null=True"
        if column.type == "int" and np.any(known != np.floor(known)):
            return f"{plain.dtype} with fractions"
    return ""
