"""Span sides: what a testbed measures of calls, one row for each side of each attempt; everything else follows.

A side is 48 bytes, six words of 64 bits, so that a compiled loop writes it as it is. Times are ns of the testbed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lab.clock import NS

Array: TypeAlias = npt.NDArray[Any]
Sides: TypeAlias = npt.NDArray[np.void]
"""Rows of SIDE"""

SIDE = np.dtype(
    [
        ("request", "<i8"), ("start_ns", "<i8"), ("end_ns", "<i8"), ("key", "<u8"), ("parent", "<u8"), ("edge", "<i2"),
        ("attempt", "u1"), ("status", "i1"), ("side", "i1"), ("by_rate", "u1"), ("spare", "<u2"),
    ]
)  # fmt: skip
"""`request`: its number across all streams (`lab.recording.ids`). `key`: 64 bits that name the call among all calls of
the run. `parent`: the key of the call that its caller was serving when it called; for calls made at the root, and for a
job's own run, the request's key. `edge`: the number of the call step (`lab.systems.calls`), or of a job's own run (-1
and below). `attempt`: 0 for the first. `status`: as in `lab.recording.status`. `side`: one of the constants below.
`by_rate`: 1 where a sampler kept it by its rate alone; whoever measures leaves 0.
`spare`: nothing."""

CLIENT, CLIENT_FINAL, SERVER = 0, 1, 2
"""Sides: the caller's view of an attempt, the same when no further attempt follows, the callee's view."""

WORDS = SIDE.itemsize // 8
GRID_PER_S = 1 << 23
"""Points of the grid of recorded span times in a second. A sum of two times on it is exact in 64-bit floats, and a time
leaves half of its bits zero, which is what makes a span small on disk."""
_NUMERATOR, _DENOMINATOR = 1 << 14, 5**9
"""2^23 points a second over 10^9 ns a second, shortened so that products of times below a second fit 64 bits."""


def word(edge: int, attempt: int, status: int, side: int) -> int:
    """The last word of a side: everything of it that is no time and no name."""
    return (edge & 0xFFFF) | attempt << 16 | status << 24 | side << 32


def from_words(words: npt.NDArray[np.int64]) -> Sides:
    """Sides over (n, 6) words of 64 bits, without a copy."""
    return np.ascontiguousarray(words).view(SIDE).reshape(len(words))


def make_sides(count: int, **columns: Any) -> Sides:
    """Sides from columns; what is not given is 0. A single value goes to all rows."""
    rows = np.zeros(count, SIDE)
    for name, values in columns.items():
        rows[name] = values
    return rows


def joined(parts: Sequence[Sides]) -> Sides:
    """The rows of several arrays of one type as one; of none, no sides."""
    if not parts:
        return np.empty(0, SIDE)
    kind = parts[0].dtype
    return np.concatenate([part.view(_whole(kind)) for part in parts]).view(kind)


def tied(*ordered: Array) -> Array:
    """Mask of the rows that are as one next to them, by all of these columns, which have the rows' order."""
    same = np.logical_and.reduce([values[1:] == values[:-1] for values in ordered])
    found = np.zeros(len(ordered[0]), bool)
    found[1:] = same
    found[:-1] |= same
    return found


def picked(rows: Sides, where: Array) -> Sides:
    """The rows at these places, or where a mask is true: `rows[where]`, ten times as fast."""
    return rows.view(_whole(rows.dtype))[where].view(rows.dtype)


def _whole(kind: np.dtype[Any]) -> np.dtype[Any]:
    """Rows without fields: numpy copies them at once, and rows with fields field by field."""
    return np.dtype((np.void, kind.itemsize))


def on_grid(sides: Sides, origin_ns: int) -> Sides:
    """The sides with times on the grid of recordings, which begins at `origin_ns`: starts are rounded down, ends up.

    So a span never ends before it does, and lies within its parent as before. Times stay whole ns: the ones next to the
    points, which are 119 ns apart.
    """
    rows: Sides = joined([sides])
    rows["start_ns"] = origin_ns + _to_ns(_points(sides["start_ns"] - origin_ns, up=False))
    rows["end_ns"] = origin_ns + _to_ns(_points(sides["end_ns"] - origin_ns, up=True))
    return rows


def end_on_grid(time_ns: int, origin_ns: int) -> int:
    """The time at which a call is recorded to end that ends at this one: later by less than a step of the grid."""
    return origin_ns + int(_to_ns(_points(np.array([time_ns - origin_ns]), up=True))[0])


def seconds(sides: Sides, origin_ns: int) -> tuple[Array, Array]:
    """(start in seconds since `origin_ns`, duration in s) of sides on the grid: exact, and so are sums of both."""
    start = _nearest_point(sides["start_ns"] - origin_ns)
    end = _nearest_point(sides["end_ns"] - origin_ns)
    return start / GRID_PER_S, (end - start) / GRID_PER_S


def _whole_and_rest(numbers: Array, unit: int) -> tuple[Array, Array]:
    """`np.divmod`, in half of its time: numpy divides by one number without dividing."""
    whole = numbers // unit
    return whole, numbers - whole * unit


def _points(times_ns: Array, *, up: bool) -> Array:
    whole, rest_ns = _whole_and_rest(times_ns, NS)
    points: Array = whole * GRID_PER_S + (rest_ns * _NUMERATOR + (_DENOMINATOR - 1 if up else 0)) // _DENOMINATOR
    return points


def _nearest_point(times_ns: Array) -> Array:
    whole, rest_ns = _whole_and_rest(times_ns, NS)
    points: Array = whole * GRID_PER_S + (rest_ns * _NUMERATOR + _DENOMINATOR // 2) // _DENOMINATOR
    return points


def _to_ns(points: Array) -> Array:
    whole, rest = _whole_and_rest(points, GRID_PER_S)
    times_ns: Array = whole * NS + (rest * _DENOMINATOR + _NUMERATOR // 2) // _NUMERATOR
    return times_ns
