"""Gradient-boosted trees of the registry: node by node, as matrices and by scikit-learn they are one model."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from lab.agreed import trees
from tests.boosted_trees import fitted, stump


def by_matrices(entry: dict[str, Any], inputs: Any) -> Any:
    """`((X @ A <= B) @ C == D) @ E`, as it is written."""
    m = trees.matrices(entry)
    select = np.zeros((len(entry["inputs"]), len(m.compared)))
    select[m.compared, np.arange(len(m.compared))] = 1
    reached = (inputs @ select <= m.thresholds) @ m.paths == m.lefts
    return trees.probabilities(reached @ m.values_micro + m.baseline_micro)


def test_a_stump_by_hand() -> None:
    low, high = 1 / (1 + np.exp(0.5)), 1 / (1 + np.exp(-2.5))
    scores = trees.score(stump(threshold=3.0), np.array([[9.0, 2.9], [9.0, 3.0], [-9.0, 3.1], [0.0, np.nan]]))
    np.testing.assert_array_equal(scores, np.round([low, low, high, high], 6))


def test_scores_are_those_of_scikit_learn() -> None:
    entry, model, rows = fitted()
    expected = model.predict_proba(rows)[:, 1]
    # 60 values, each rounded to a millionth of logit.
    np.testing.assert_allclose(trees.score(entry, rows), expected, rtol=0, atol=61 * 0.5e-6 / 4 + 0.5e-6)
    assert np.ptp(expected) > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_matrices_and_nodes_give_the_very_same_scores(seed: int) -> None:
    entry, _, rows = fitted(seed, trees=20, depth=3)
    far = np.random.default_rng(seed).normal(0, 1e6, (500, rows.shape[1]))
    for inputs in (rows, far, rows[:1], rows[:0]):
        np.testing.assert_array_equal(by_matrices(entry, inputs), trees.score(entry, inputs))


def test_a_row_reaches_one_leaf_of_each_tree() -> None:
    entry, _, rows = fitted()
    m = trees.matrices(entry)
    reached = (rows[:, m.compared] <= m.thresholds) @ m.paths == m.lefts
    assert (reached.sum(1) == len(entry["trees"])).all()


def test_the_order_of_trees_changes_no_score() -> None:
    entry, _, rows = fitted()
    np.testing.assert_array_equal(trees.score({**entry, "trees": entry["trees"][::-1]}, rows), trees.score(entry, rows))


def test_a_tree_may_be_one_leaf() -> None:
    leaf = {"input": [-1], "threshold": [0], "left": [-1], "right": [-1], "value_micro": [250_000]}
    entry = {**stump(), "trees": [leaf, *stump()["trees"]]}
    inputs = np.array([[0.0, -1.0], [0.0, 1.0]])
    np.testing.assert_array_equal(by_matrices(entry, inputs), trees.score(entry, inputs))
    np.testing.assert_array_equal(trees.score(entry, inputs), np.round(1 / (1 + np.exp([0.25, -2.75])), 6))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("input", [2, -1, -1], "node 0 of tree 0 compares no input"),
        ("left", [0, -1, -1], "leads to no node after it"),
        ("right", [3, -1, -1], "leads to no node after it"),
        ("right", [1, -1, -1], "no parent or with several"),
        ("threshold", [float("nan"), 0, 0], "compares no input"),
        ("value_micro", [0, 0.5, 1], "value_micro of node 1 of tree 0 is 0.5, not a whole number"),
        ("value_micro", [0, 1], "does not have one"),
        ("value_micro", [0, 2**54, 0], "too much for sums that are exact"),
    ],
)
def test_trees_that_are_none_are_refused(column: str, values: list[float], message: str) -> None:
    entry = deepcopy(stump())
    entry["trees"][0][column] = values
    with pytest.raises(ValueError, match=message):
        trees.matrices(entry)
