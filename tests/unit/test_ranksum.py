"""The rank-sum test beside scipy's, on any two samples."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, rankdata

from lab.judging.ranksum import rank_sum_p
from lab.signals.ranks import midranks

FEW = st.integers(0, 4).map(float)
ANY = st.floats(allow_nan=False, width=32)
SAMPLES = st.one_of(st.lists(FEW, min_size=1, max_size=60), st.lists(ANY, min_size=1, max_size=60))


@given(SAMPLES, SAMPLES)
@example([1.0], [1.0])
@example([0.0] * 200, [1.0] * 200)
@example([1.0, 2.0], [2.0, 1.0])
@example([1.0], [2.0, 3.0])
def test_p_values_are_those_of_scipy(one, other):
    expected = mannwhitneyu(one, other, alternative="two-sided", method="asymptotic").pvalue
    assert rank_sum_p(np.array(one), np.array(other)) == pytest.approx(expected, rel=1e-12, abs=1e-300)


@given(SAMPLES)
def test_equal_values_share_the_mean_of_their_ranks(values):
    ranks, tied = midranks(np.array(values))
    assert ranks.tolist() == rankdata(values).tolist()
    assert tied.sum() == len(values)


def test_the_order_of_the_samples_does_not_matter():
    rng = np.random.default_rng(3)
    one, other = rng.normal(size=30), rng.normal(0.4, size=50)
    assert rank_sum_p(one, other) == rank_sum_p(other, one)
    assert rank_sum_p(one, other + 10) < 1e-12


@pytest.mark.parametrize(("one", "other"), [([], [1.0]), ([1.0], []), ([1.0, float("nan")], [2.0])])
def test_what_cannot_be_ranked_is_refused(one, other):
    with pytest.raises(ValueError, match="expected at least one each and no NaN"):
        rank_sum_p(np.array(one, float), np.array(other, float))


def test_it_needs_no_statistics_library():
    code = "import sys, lab.judging.ranksum; print('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
