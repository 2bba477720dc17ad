"""Intervals and tests against published values, and what may and may not be in a denominator."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from lab.judging.statistics import (
    Score,
    clustered_bootstrap_interval,
    compare,
    mcnemar_exact,
    summarise,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_values_of_newcombe_1998_table_1(successes, n, low, high):
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=6e-5)


def test_wilson_of_a_perfect_score_has_width_and_reaches_one():
    low, high = wilson_interval(10, 10)
    assert low == pytest.approx(0.7225, abs=1e-4)
    assert high == 1.0


def test_wilson_refuses_more_successes_than_cases():
    with pytest.raises(ValueError, match="not a proportion"):
        wilson_interval(11, 10)


def test_the_bootstrap_is_the_same_for_the_same_seed_and_wider_when_scenarios_differ():
    alike = [[1.0, 0.0]] * 10
    unlike = [[1.0, 1.0]] * 5 + [[0.0, 0.0]] * 5
    assert clustered_bootstrap_interval(unlike) == clustered_bootstrap_interval(unlike)
    low, high = clustered_bootstrap_interval(unlike)
    assert clustered_bootstrap_interval(alike) == (0.5, 0.5)
    # The percentile interval of a mean of ten fair draws: 2 to 8 of 10.
    assert (low, high) == (pytest.approx(0.2), pytest.approx(0.8))


def test_inconclusive_cases_leave_the_denominator_and_are_counted():
    summary = summarise([Score("a", 1, 1.0), Score("b", 1, 0.0), Score("c", 1, None)])
    assert (summary.value, summary.n, summary.inconclusive) == (0.5, 2, 1)
    assert "1 inconclusive" in str(summary)


def test_nothing_judged_has_no_value_rather_than_a_perfect_one():
    summary = summarise([Score("a", 1, None)])
    assert (summary.value, summary.low, summary.high, summary.n) == (None, None, None, 0)
    assert str(summary) == "no case judged, 1 inconclusive"


def test_scenarios_that_disagree_widen_the_interval_beyond_that_of_independent_cases():
    scores = [Score(f"s{i}", seed, float(i < 2)) for i in range(4) for seed in range(25)]
    summary = summarise(scores)
    low, high = wilson_interval(50, 100)
    assert summary.low is not None
    assert summary.high is not None
    assert summary.low < low - 0.2
    assert summary.high > high + 0.2


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.sampled_from([0.0, 1 / 3, 1.0])), min_size=1))
def test_a_rate_lies_within_its_interval_and_within_0_and_1(rows):
    summary = summarise(Score(*row) for row in rows)
    assert summary.value is not None
    assert summary.low is not None
    assert summary.high is not None
    assert 0 <= summary.low <= summary.value + 1e-12
    assert summary.value - 1e-12 <= summary.high <= 1
    assert summary.low < summary.high


@pytest.mark.parametrize(("better", "worse"), [(0, 0), (6, 0), (10, 2), (5, 5), (1, 9)])
def test_mcnemar_is_the_two_sided_binomial_test_of_the_discordant_pairs(better, worse):
    expected = binomtest(better, better + worse).pvalue if better + worse else 1.0
    assert mcnemar_exact(better, worse) == pytest.approx(expected)


def test_six_better_and_none_worse_is_two_in_sixty_four():
    ours = {(f"s{i}", 1): True for i in range(6)}
    theirs = dict.fromkeys(ours, False)
    comparison = compare(ours, theirs)
    assert (comparison.better, comparison.worse, comparison.n) == (6, 0, 6)
    assert comparison.p_value == comparison.clustered_p_value == 2 / 64


def test_ten_seeds_of_one_scenario_are_one_observation_to_the_clustered_test():
    ours = {("only", seed): True for seed in range(10)}
    comparison = compare(ours, dict.fromkeys(ours, False))
    assert comparison.p_value == pytest.approx(2 / 1024)
    assert comparison.clustered_p_value == 1.0


def test_cases_only_one_engine_was_judged_on_are_left_out_and_counted():
    ours = {("a", 1): True, ("b", 1): None, ("c", 1): True}
    theirs = {("a", 1): False, ("b", 1): True, ("d", 1): True}
    comparison = compare(ours, theirs)
    assert (comparison.n, comparison.better, comparison.worse, comparison.unpaired) == (1, 1, 0, 3)


def test_a_case_judged_in_one_repeat_and_not_in_another_is_one_judged_case():
    summary = summarise([Score("a", 1, None), Score("a", 1, 1.0), Score("b", 1, None)])
    assert (summary.n, summary.inconclusive) == (1, 1)


PAIRS = st.lists(st.tuples(st.sampled_from([True, False, None]), st.sampled_from([True, False, None])), max_size=9)


@given(PAIRS)
def test_with_one_case_a_scenario_both_tests_are_mcnemars_of_the_cases_that_only_one_passed(pairs):
    verdicts = {(f"s{i}", 1): pair for i, pair in enumerate(pairs)}
    comparison = compare({case: ours for case, (ours, _) in verdicts.items()},
                         {case: theirs for case, (_, theirs) in verdicts.items()})  # fmt: skip
    assert comparison.better == pairs.count((True, False))
    assert comparison.worse == pairs.count((False, True))
    assert comparison.n == sum(None not in pair for pair in pairs)
    assert comparison.unpaired == len(pairs) - comparison.n
    assert comparison.p_value == mcnemar_exact(comparison.better, comparison.worse)
    assert comparison.clustered_p_value == pytest.approx(comparison.p_value)


@given(st.lists(st.integers(-3, 3), max_size=7))
def test_the_clustered_test_counts_the_ways_in_which_scenarios_could_have_swapped_sides(nets):
    engine, baseline = {}, {}
    for number, net in enumerate(nets):
        for seed in range(abs(net)):
            engine[f"s{number}", seed], baseline[f"s{number}", seed] = net > 0, net < 0
        engine[f"s{number}", 9] = baseline[f"s{number}", 9] = True
    swapped = [abs(sum(sign * net for sign, net in zip(signs, nets, strict=True)))
               for signs in product([1, -1], repeat=len(nets))]  # fmt: skip
    extreme = sum(total >= abs(sum(nets)) for total in swapped)
    assert compare(engine, baseline).clustered_p_value == pytest.approx(extreme / len(swapped))


def test_a_score_is_printed_with_its_interval_and_what_was_left_out():
    scores = [Score(f"s{i}", seed, 1.0) for i in range(8) for seed in range(10)]
    assert str(summarise(scores)) == "1.000 [0.954, 1.000] (80 cases of 8 scenarios)"
    unknown = [Score("s0", 99, None), Score("s9", 1, None), Score("s9", 1, None)]
    assert str(summarise(scores + unknown)) == "1.000 [0.954, 1.000] (80 cases of 8 scenarios, 2 inconclusive)"
    assert str(summarise([])) == "no case judged"
    assert (summarise(unknown).n, summarise(unknown).scenarios, summarise(unknown).inconclusive) == (0, 0, 2)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 10, 29, 80, 263, 999, 1234, 54321])
def test_none_and_all_of_any_number_reach_exactly_zero_and_one(n):
    for confidence in (0.5, 0.9, 0.95, 0.999):
        assert wilson_interval(0, n, confidence)[0] == 0.0
        assert wilson_interval(n, n, confidence)[1] == 1.0


UNLIKE = [[i / 39] * 3 for i in range(40)]
"""Forty scenarios, each with a share of its own: their mean has a standard error of 0.0468."""


@pytest.mark.parametrize(("confidence", "errors"), [(0.95, 1.96), (0.5, 0.674)])
def test_the_bootstrap_is_as_wide_as_the_normal_approximation_where_scenarios_are_many(confidence, errors):
    low, high = clustered_bootstrap_interval(UNLIKE, confidence=confidence)
    assert low == pytest.approx(0.5 - errors * 0.0468, abs=0.005)
    assert high == pytest.approx(0.5 + errors * 0.0468, abs=0.005)


def test_figures_are_drawn_2000_times_with_seed_0_unless_one_asks_for_others():
    assert clustered_bootstrap_interval(UNLIKE) == clustered_bootstrap_interval(UNLIKE, seed=0, resamples=2000)
    assert clustered_bootstrap_interval(UNLIKE, seed=1) != clustered_bootstrap_interval(UNLIKE)
    assert clustered_bootstrap_interval(UNLIKE, resamples=2001) != clustered_bootstrap_interval(UNLIKE)
    scores = [Score(f"s{i}", seed, value) for i, values in enumerate(UNLIKE) for seed, value in enumerate(values)]
    assert summarise(scores) == summarise(scores, seed=0)
    assert summarise(scores) != summarise(scores, seed=1)
