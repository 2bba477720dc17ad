"""Registry entries of gradient-boosted trees for tests: fitted by scikit-learn, or drawn."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from lab.agreed.trees import FAMILY, MICRO

NAMES = [f"input_{i}" for i in range(14)]


def whole_micro(value: float) -> int:
    return round(float(value) * MICRO)


@cache
def fitted(seed: int = 0, trees: int = 60, depth: int = 4) -> tuple[dict[str, Any], Any, Any]:
    """(entry, the model of scikit-learn, rows it was fitted to); all values are whole 1024ths, exact as floats too."""
    from sklearn.ensemble import GradientBoostingClassifier

    draw = np.random.default_rng(seed)
    rows = np.round(draw.normal(0, 3, (3000, len(NAMES))) * 1024) / 1024
    risk = rows[:, 0] * (rows[:, 1] > 1) + np.abs(rows[:, 2]) - 4
    labels = draw.random(len(rows)) < 1 / (1 + np.exp(-risk))
    model = GradientBoostingClassifier(n_estimators=trees, max_depth=depth, random_state=seed).fit(rows, labels)
    return entry_of(model), model, rows


def entry_of(model: Any) -> dict[str, Any]:
    """The registry's form of a fitted classifier."""
    prior = model.init_.class_prior_
    return {
        "version": 1, "family": FAMILY, "inputs": NAMES, "baseline_micro": whole_micro(np.log(prior[1] / prior[0])),
        "trees": [tree_of(one.tree_, model.learning_rate) for one in model.estimators_[:, 0]],
    }  # fmt: skip


def tree_of(tree: Any, learning_rate: float) -> dict[str, Any]:
    is_leaf = tree.children_left < 0
    return {
        "input": np.where(is_leaf, -1, tree.feature).tolist(),
        "threshold": np.where(is_leaf, 0.0, tree.threshold).tolist(),
        "left": tree.children_left.tolist(),
        "right": tree.children_right.tolist(),
        "value_micro": [
            whole_micro(value * learning_rate) if leaf else 0
            for leaf, value in zip(is_leaf, tree.value[:, 0, 0], strict=True)
        ],
    }


def stump(threshold: float = 0.0, low_micro: int = -1_000_000, high_micro: int = 2_000_000) -> dict[str, Any]:
    """One tree of one comparison of `x` after another input: low where x is at most the threshold."""
    tree = {"input": [1, -1, -1], "threshold": [threshold, 0, 0], "left": [1, -1, -1], "right": [2, -1, -1],
            "value_micro": [0, low_micro, high_micro]}  # fmt: skip
    return {"version": 1, "family": FAMILY, "inputs": ["other", "x"], "trees": [tree], "baseline_micro": 500_000}
