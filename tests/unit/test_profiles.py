"""What is told of a dataset's content follows from its values, and from nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from lab.recording.arrow import Coded
from lab.recording.profiles import QUANTILES, Contents, Described, Profile

RATES = np.array([1.5, np.nan, 2.5, 2.5])


def described(**columns: object) -> Described:
    return Contents().described(columns)  # type: ignore[arg-type]


def one(values: object) -> Profile:
    return described(column=values).profiles[0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Coded(np.array([0, 1, -1]), ["a", "b"]), Coded(np.array([2, 0, -1]), ["b", "unused", "a"])),
        (np.array([1, 2], np.int16), np.array([1, 2], np.int64)),
        (np.array([0.5, 1.0], np.float32), np.array([0.5, 1.0])),
        (np.array([0.0, 1.0]), np.array([-0.0, 1.0])),
        (np.array([np.nan]), -np.array([np.nan])),
    ],
)
def test_equal_content_has_one_version_however_it_is_held(first: object, second: object) -> None:
    assert described(column=first) == described(column=second)


@pytest.mark.parametrize(
    "other",
    [
        {"rate": RATES[::-1].copy(), "day": np.arange(4)},  # other rows
        {"rate": np.nan_to_num(RATES), "day": np.arange(4)},  # a number in the place of null
        {"day": np.arange(4), "rate": RATES},  # another order of columns
        {"price": RATES, "day": np.arange(4)},  # another name
        {"rate": RATES, "day": np.arange(4.0)},  # another type
        {"rate": RATES, "day": Coded(np.arange(4), list("0123"))},
    ],
)
def test_other_content_has_another_version(other: dict[str, object]) -> None:
    assert described(**other).version != described(rate=RATES, day=np.arange(4)).version


def test_large_whole_numbers_beside_negative_ones_are_told_apart() -> None:
    assert described(a=np.array([-1, 2**62])).version != described(a=np.array([-1, 2**62 + 1])).version


def test_texts_that_no_file_could_hold_have_a_version_too() -> None:
    assert described(a=Coded(np.array([0]), ["\ud800"])) != described(a=Coded(np.array([0]), ["\ud801"]))


def test_texts_that_lie_side_by_side_are_told_apart() -> None:
    assert described(a=Coded(np.array([0, 1]), ["ab", "c"])) != described(a=Coded(np.array([0, 1]), ["a", "bc"]))


def test_a_schema_version_follows_from_names_and_types_alone() -> None:
    before = described(rate=RATES, day=np.arange(4)).schema_version
    assert described(rate=RATES * 2, day=np.arange(4) + 1).schema_version == before
    assert described(rate=RATES).schema_version != before
    assert described(rate=RATES, day=np.arange(4.0)).schema_version != before


@pytest.mark.parametrize("kind", ["float", "few decimals", "few integers", "wide integers"])
def test_a_profile_says_what_numpy_says(kind: str) -> None:
    drawn = np.random.default_rng(1).lognormal(3, 1, 1001)
    integers = {"few integers": (drawn / 10).astype(int), "wide integers": (drawn * 1e6).astype(int)}
    values = np.round(0.2 - drawn / 100, 4) if kind == "few decimals" else integers.get(kind, drawn)
    profile = one(values)
    expected = np.quantile(values, list(QUANTILES.values()), method="inverted_cdf")
    assert list(profile.quantiles) == expected.tolist()
    distinct, counts = np.unique(values, return_counts=True)
    assert (profile.min, profile.max, profile.distinct) == (values.min(), values.max(), len(distinct))
    assert profile.mean == pytest.approx(values.mean())
    assert (profile.top_ratio, profile.null_ratio) == (pytest.approx(counts.max() / 1001), 0)


def test_null_is_no_value() -> None:
    profile = one(RATES)
    assert (profile.null_ratio, profile.distinct, profile.top_ratio) == (0.25, 2, 0.5)
    assert profile.mean == pytest.approx(6.5 / 3)


def test_texts_are_counted() -> None:
    profile = one(Coded(np.array([3, 1, 1, -1]), ["unused", "b", "unused too", "a"]))
    assert (profile.type, profile.distinct, profile.top_ratio, profile.null_ratio) == ("text", 2, 0.5, 0.25)
    assert np.isnan([profile.mean, profile.min, profile.max, *profile.quantiles]).all()


@pytest.mark.parametrize("values", [np.zeros(0), np.full(3, np.nan), Coded(np.zeros(0, np.int64), [])])
def test_without_values_nothing_is_known(values: object) -> None:
    profile = one(values)
    assert (profile.distinct, profile.top_ratio) == (0, 0)
    assert np.isnan(profile.mean)


def test_a_size_counts_numbers_and_texts() -> None:
    assert described(a=np.zeros(10), b=Coded(np.zeros(10, np.int64), ["four"])).bytes == 10 * 8 + 10 * 8 + 8 + 4
