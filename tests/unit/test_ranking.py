"""Ties have no order: the statistics equal the average over all orders, and nothing else about the list matters."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.judging.ranking import expected_hit, expected_recall

labels = st.sampled_from("abcd")
rankings = st.lists(st.tuples(labels, st.sampled_from([0.1, 0.5, 0.9])), min_size=1, max_size=5)
wanted_labels = st.lists(labels, min_size=1, max_size=3).map(Counter)
depths = st.integers(1, 6)


def orders(items):
    """Every way to write the ranking down that respects the confidences, equally often each."""
    for order in permutations(items):
        confidences = [confidence for _, confidence in order]
        if confidences == sorted(confidences, reverse=True):
            yield [label for label, _ in order]


def average(values):
    values = list(values)
    return sum(values, Fraction(0)) / len(values)


@given(rankings, wanted_labels, depths)
def test_hit_is_the_average_over_all_tie_orders(items, wanted, k):
    brute = average(Fraction(any(label in wanted for label in order[:k])) for order in orders(items))
    assert expected_hit(items, wanted, k) == brute


@given(rankings, wanted_labels, depths)
def test_recall_is_the_average_over_all_tie_orders(items, wanted, k):
    brute = average(Fraction((Counter(order[:k]) & wanted).total(), wanted.total()) for order in orders(items))
    assert expected_recall(items, wanted, k) == brute


@given(rankings, wanted_labels, depths, st.randoms())
def test_the_order_of_the_list_does_not_matter(items, wanted, k, random):
    shuffled = random.sample(items, len(items))
    assert expected_hit(shuffled, wanted, k) == expected_hit(items, wanted, k)
    assert expected_recall(shuffled, wanted, k) == expected_recall(items, wanted, k)


@given(rankings, wanted_labels, depths)
def test_values_lie_within_0_and_1_and_never_fall_with_depth(items, wanted, k):
    for statistic in (expected_hit, expected_recall):
        assert 0 <= statistic(items, wanted, k) <= statistic(items, wanted, k + 1) <= 1


def test_a_tie_of_three_with_one_right_is_worth_a_third_at_one_and_two_thirds_at_two():
    tie = [("a", 0.5), ("b", 0.5), ("c", 0.5)]
    assert expected_recall(tie, {"a": 1}, 1) == Fraction(1, 3)
    assert expected_recall(tie, {"a": 1}, 2) == Fraction(2, 3)
    assert expected_hit(tie, {"a"}, 1) == Fraction(1, 3)


def test_a_ranking_that_names_nothing_finds_nothing():
    assert expected_hit([], {"a"}, 1) == 0
    assert expected_recall([], {"a": 1}, 1) == 0


def test_a_depth_below_one_or_nothing_wanted_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match=r"^k is 0, expected at least 1$"):
        expected_hit([("a", 1.0)], {"a"}, 0)
    with pytest.raises(ValueError, match=r"^nothing is wanted, so recall is undefined$"):
        expected_recall([("a", 1.0)], {}, 1)
