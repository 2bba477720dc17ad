"""What is told of a dataset's content and not the content itself: its hash, its schema, and a profile of each column.

All of it follows from the values in their order, so that equal content has one version wherever and whenever it was
written: how texts were coded, or which NaN stands for a missing number, makes no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from lab.recording.arrow import Coded

Array: TypeAlias = npt.NDArray[Any]
Columns: TypeAlias = Mapping[str, Array | Coded]
"""Numbers (NaN for null), truth values, or coded texts by name of the column: one length, finite or NaN."""

PERCENTS = range(5, 100, 5)
QUANTILES = {f"q{percent:02d}": percent / 100 for percent in PERCENTS}
"""Those that a profile has. So many, because drift is told from them alone, also of columns with few values."""
NUMBERS = ("null_ratio", "mean", "top_ratio", "min", "max", *QUANTILES)
"""What a profile tells in numbers that may have a fraction."""
_ONCE = np.ones(1, np.int64)
_FEW = 4
"""Integers that span fewer values than so many for each row are counted, not sorted."""
_PARTS = 10_000
"""Numbers of at most four decimals, such as ratios that were rounded, are counted as so many parts of one."""


class Profile(NamedTuple):
    """What is told of one column. Of texts only ratios and counts; NaN is nothing known.

    `distinct`: different values beside null. `top_ratio`: rows that have the most frequent value. `quantiles` are
    values that occur (numpy's `inverted_cdf`), as QUANTILES names them.
    """

    column: str
    type: str
    null_ratio: float
    distinct: int
    mean: float
    top_ratio: float
    min: float
    max: float
    quantiles: tuple[float, ...]

    @property
    def numbers(self) -> tuple[float, ...]:
        """Those of NUMBERS."""
        return (self.null_ratio, self.mean, self.top_ratio, self.min, self.max, *self.quantiles)


class Described(NamedTuple):
    """A dataset's content in short. `version` hashes all of it, `schema_version` names and types of its columns."""

    version: str
    schema_version: str
    rows: int
    bytes: int
    profiles: tuple[Profile, ...]


class Plain(NamedTuple):
    """A column in the one form that equal content has. `numbers`: values, or codes in order of their first rows.

    `content`: the texts that they stand for; empty for numbers.
    """

    type: str
    numbers: Array
    content: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of it."""
        return self.numbers.nbytes + len(self.content)


class Contents:
    """Describes contents; of what it was shown before it remembers profiles, which take most of the time."""

    def __init__(self) -> None:
        self._known: dict[str, Described] = {}

    def described(self, columns: Columns) -> Described:
        """What is told of a dataset with these columns."""
        plain = {name: plain_column(values) for name, values in columns.items()}
        version = content_hash(plain)
        if version not in self._known:
            self._known[version] = Described(
                version,
                schema_hash({name: column.type for name, column in plain.items()}),
                len(next(iter(plain.values())).numbers),
                sum(column.size for column in plain.values()),
                tuple(profile(name, column) for name, column in plain.items()),
            )
        return self._known[version]


def plain_column(values: Array | Coded) -> Plain:
    """A column in the one form that equal content has."""
    if isinstance(values, Coded):
        return _plain_texts(values)
    if values.dtype.kind == "b":
        return Plain("bool", values.astype(np.int8))
    if values.dtype.kind in "iu":
        return Plain("int", values.astype("<i8", copy=False))
    numbers = np.add(values, 0.0, dtype="<f8")  # of both zeros the positive one
    missing = np.isnan(numbers)
    if missing.any():
        numbers[missing] = np.nan
    return Plain("float", numbers)


def _plain_texts(values: Coded) -> Plain:
    """Texts numbered as they first come in the rows."""
    codes = np.asarray(values.codes, np.int64)
    first = np.full(len(values.texts) + 1, len(codes))
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # of several the first row stays
    first[-1] = len(codes)  # null has no number
    order = np.argsort(first[:-1], kind="stable")
    order = order[first[order] < len(codes)]
    places = np.full(len(values.texts) + 1, -1, "<i8")
    places[order] = np.arange(len(order))
    used = [values.texts[code].encode(errors="surrogatepass") for code in order.tolist()]
    lengths = np.fromiter(map(len, used), "<i8", len(used))
    return Plain("text", places[codes], lengths.tobytes() + b"".join(used))


def content_hash(columns: Mapping[str, Plain]) -> str:
    """12 hex digits of the names, types and values of columns, in their order."""
    digest = blake2b(digest_size=6)
    for name, column in columns.items():
        numbers = _packed(column.numbers)
        about = (name, column.type, numbers.dtype.str, len(numbers), len(column.content))
        digest.update("\0".join(map(str, about)).encode())
        digest.update(numbers.data)
        digest.update(column.content)
    return digest.hexdigest()


def _packed(numbers: Array) -> Array:
    """Whole numbers in the fewest bytes that hold all of them, of which there is one way: there is less to hash."""
    if numbers.dtype.kind == "i" and len(numbers):
        fewest = np.promote_types(*map(np.min_scalar_type, (numbers.min(), numbers.max())))
        # Beside a negative number one of 2**32 or more has no common integer type but this one.
        return numbers.astype(fewest if fewest.kind in "iu" else np.int64)
    return np.ascontiguousarray(numbers)


def schema_hash(types: Mapping[str, str]) -> str:
    """8 hex digits of names and types of columns, in their order."""
    return blake2b("\0".join(f"{name}\0{type_}" for name, type_ in types.items()).encode(), digest_size=4).hexdigest()


def profile(name: str, column: Plain) -> Profile:
    """What is told of one column."""
    known, rows = column.numbers, len(column.numbers)
    if column.type == "text":
        known = known[known >= 0]
        top = int(np.bincount(known).max()) if len(known) else 0
        distinct = int(known.max()) + 1 if len(known) else 0
        return _profile(name, column.type, rows, len(known), distinct, top)
    if column.type == "float" and (missing := np.isnan(known)).any():
        known = known[~missing]
    if not len(known):
        return _profile(name, column.type, rows, 0, 0, 0)
    points, distinct, top = _in_order(known, [0, *(-(-percent * len(known) // 100) - 1 for percent in PERCENTS), -1])
    found = _profile(name, column.type, rows, len(known), distinct, top)
    low, *quantiles, high = map(float, points)
    return found._replace(mean=float(known.sum() / len(known)), min=low, max=high, quantiles=tuple(quantiles))


def _in_order(known: Array, places: list[int]) -> tuple[Array, int, int]:
    """The values at these places in their order, how many differ, and how often the most frequent one is there."""
    low, high = known.min(), known.max()
    if known.dtype.kind == "i" and int(high) - int(low) < _FEW * len(known):
        return _counted(known, int(low), places)
    if known.dtype.kind == "f" and high - low < _FEW * len(known) / _PARTS:
        parts = np.rint(known * _PARTS)
        if (parts / _PARTS == known).all():
            values, distinct, top = _counted(parts.astype(np.int64), int(parts.min()), places)
            return values / _PARTS, distinct, top
    ordered = np.sort(known)
    lasts = np.flatnonzero(ordered[1:] != ordered[:-1])  # of each value but the greatest
    lengths = np.diff(lasts, prepend=-1, append=len(ordered) - 1) if len(lasts) < len(ordered) - 1 else _ONCE
    return ordered[places], len(lasts) + 1, int(lengths.max())


def _counted(numbers: Array, low: int, places: list[int]) -> tuple[Array, int, int]:
    """The same of whole numbers from `low` on."""
    counts = np.bincount(numbers - low)
    ranks = np.array(places) % len(numbers)
    values = low + np.searchsorted(np.cumsum(counts), ranks, side="right")
    return values, int(np.count_nonzero(counts)), int(counts.max())


def _profile(name: str, type_: str, rows: int, known: int, distinct: int, top: int) -> Profile:
    """A profile without numbers."""
    share = 1 / rows if rows else 0.0
    nothing = (np.nan,) * len(QUANTILES)
    return Profile(name, type_, (rows - known) * share, distinct, np.nan, top * share, np.nan, np.nan, nothing)
