"""Rank statistics that treat ties as ties: exact expected values over every order of equally confident items.

Sorting breaks ties by something (insertion, hash, name) that the engine never said; one real study's top-1 moved from
0.44 to 0.62 between hash seeds. Here each order of the tied items is equally likely, and the expectation over them is
computed in closed form (hypergeometric) as a fraction, so that `== 1` means "in every order".
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from fractions import Fraction
from math import comb
from typing import TypeVar

Label = TypeVar("Label", bound=Hashable)
Item = tuple[Hashable, float]
"""A label and its confidence. The order of a list of items carries no meaning."""


def cut(items: Sequence[tuple[Label, float]], k: int) -> tuple[list[Label], list[Label], int]:
    """Labels surely among the first k, labels tied for the last of these places, and how many of those get in.

    All of the tied ones may get in. ValueError where k is below 1.
    """
    if k < 1:
        raise ValueError(f"k is {k}, expected at least 1")
    if len(items) <= k:
        return [label for label, _ in items], [], 0
    threshold = sorted((confidence for _, confidence in items), reverse=True)[k - 1]
    sure = [label for label, confidence in items if confidence > threshold]
    tied = [label for label, confidence in items if confidence == threshold]
    return sure, tied, k - len(sure)


def expected_hit(items: Sequence[Item], wanted: Collection[Hashable], k: int) -> Fraction:
    """Probability, over tie orders, that at least one wanted label is among the first k."""
    sure, tied, places = cut(items, k)
    if any(label in wanted for label in sure):
        return Fraction(1)
    others = sum(label not in wanted for label in tied)
    return 1 - Fraction(comb(others, places), comb(len(tied), places))


def expected_recall(items: Sequence[Item], wanted: Mapping[Hashable, int], k: int) -> Fraction:
    """Expected share, over tie orders, of the wanted labels found among the first k.

    `wanted` says how often each label is wanted; finding a label more often than that adds nothing. With k equal to
    the number wanted this is R-precision; with one label wanted once it is the probability of a hit at k.
    """
    total = sum(wanted.values())
    if total < 1:
        raise ValueError("nothing is wanted, so recall is undefined")
    sure, tied, places = cut(items, k)
    orders = comb(len(tied), places)
    found = Fraction(0)
    for label, times in wanted.items():
        certain, chances = sure.count(label), tied.count(label)
        for drawn in range(min(chances, places) + 1):
            ways = comb(chances, drawn) * comb(len(tied) - chances, places - drawn)
            found += Fraction(ways, orders) * min(certain + drawn, times)
    return found / total
