"""Trains the fraud model with scikit-learn and keeps versions by content, so that training happens once.

Genuine payments are many: one in `1 / KEPT_SHARE` of them is learnt from, for which the baseline is put right. Every
version is cross-validated on its window, then fitted again on the whole of it before it is shipped.

A recipe names how a version comes about: `next-window` (good, the next window of history) or `corrupted-labels`
(`corrupted`: share of the known fraud, the dearest first, whose label was lost before the fit that is shipped).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.agreed import trees
from lab.injection.levers import Recipe
from lab.worlds.decisions import aggregates, features, history, payments, population
from lab.worlds.decisions.features import INPUT_NAMES
from lab.worlds.decisions.population import Population
from lab.worlds.kit.kept_models import KeptModels, Trained

Array = npt.NDArray[Any]
TREES, DEPTH, LEARNING_RATE, LEAF_ROWS, ROWS_SHARE = 60, 3, 0.15, 20, 0.7
KEPT_SHARE = 0.2
FOLDS = 3
SAMPLE_ROWS = 4000


@dataclass(frozen=True)
class Model:
    """A trained model: its registry entry without the version, and rows that it was trained on.

    sample_inputs (rows, inputs), sample_cards and sample_merchants (rows, features), sample_fraud (rows,).
    """

    entry: Mapping[str, Any]
    sample_inputs: Array
    sample_cards: Array
    sample_merchants: Array
    sample_fraud: Array

    def score(self, inputs: Array) -> Array:
        """Probabilities of fraud of inputs (rows, inputs), to the millionth."""
        return trees.score(self.entry, inputs)

    def registry_entry(self, version: int) -> dict[str, Any]:
        """The registry entry; the same fields for every version."""
        return {"version": version, **self.entry}


def train(of: Population, seed: int, window: int, recipe: Recipe) -> Model:
    """The model of this recipe: the kept one if the very same was trained before, else trained now."""
    return _KEPT.get(seed, window, recipe, lambda: _fit(of, seed, window, recipe))


_KEPT = KeptModels(
    (sys.modules[__name__], aggregates, features, history, payments, population, trees),
    lambda kept: Model(kept.facts, **kept.arrays),
)


def _fit(of: Population, seed: int, window: int, recipe: Recipe) -> Trained:
    past = history.generate_history(of, seed, window)
    rng = np.random.Generator(np.random.Philox(key=window))
    count = len(past.is_known_fraud)
    lost = _dearest(past, recipe.get("corrupted", 0.0))
    kept = rng.random(count) < KEPT_SHARE
    metrics = _validation(past, kept, rng.integers(0, FOLDS, count))
    # Labels are joined anew for the fit that is shipped, so that late chargebacks count; that join is what can break.
    shipped = classifier(past.inputs, past.is_known_fraud & ~lost, kept, window)
    sample = rng.choice(count, SAMPLE_ROWS, replace=False)
    entry = {**entry_of(shipped), "metrics": metrics, "training_window": window, "training_rows_count": count}
    arrays = {
        "sample_inputs": past.inputs[sample],
        "sample_cards": past.cards[sample],
        "sample_merchants": past.merchants[sample],
        "sample_fraud": past.is_known_fraud[sample].astype(np.int8),
    }
    return Trained(entry, arrays)


def _dearest(past: history.History, share: float) -> Array:
    """Mask of this share of the known fraud, by amount: claims for large sums are another system's."""
    fraud = np.flatnonzero(past.is_known_fraud)
    order = np.argsort(-past.inputs[fraud, INPUT_NAMES.index("log_amount")], kind="stable")
    lost = np.zeros(len(past.is_known_fraud), bool)
    lost[fraud[order[: round(share * len(fraud))]]] = True
    return lost


def classifier(inputs: Array, is_fraud: Array, kept: Array, seed: int) -> Any:
    """scikit-learn's trees, fitted to all fraud and to the `kept` (n,) of the other rows."""
    from sklearn.ensemble import GradientBoostingClassifier

    rows = is_fraud | kept
    model = GradientBoostingClassifier(
        n_estimators=TREES, max_depth=DEPTH, learning_rate=LEARNING_RATE, min_samples_leaf=LEAF_ROWS,
        subsample=ROWS_SHARE, random_state=seed,
    )  # fmt: skip
    return model.fit(inputs[rows], is_fraud[rows])


def entry_of(model: Any) -> dict[str, Any]:
    """The registry's form of a fitted classifier (`lab.agreed.trees`): leaves are rounded to millionths of a logit."""
    _, fraud = model.init_.class_prior_
    baseline = np.log(fraud / (1 - fraud)) + np.log(KEPT_SHARE)
    return {
        "family": trees.FAMILY,
        "inputs": list(INPUT_NAMES),
        "baseline_micro": round(float(baseline) * trees.MICRO),
        "trees": [_tree(one.tree_, model.learning_rate) for one in model.estimators_[:, 0]],
    }


def _tree(tree: Any, learning_rate: float) -> dict[str, Any]:
    is_leaf = tree.children_left < 0
    micro = np.rint(tree.value[:, 0, 0] * learning_rate * trees.MICRO)
    return {
        "input": np.where(is_leaf, -1, tree.feature).tolist(),
        "threshold": np.where(is_leaf, 0.0, tree.threshold).tolist(),
        "left": tree.children_left.tolist(),
        "right": tree.children_right.tolist(),
        "value_micro": np.where(is_leaf, micro, 0.0).astype(int).tolist(),
    }


def _validation(past: history.History, kept: Array, fold: Array) -> dict[str, float]:
    """How candidates do on the rows of each fold that were fitted to the others."""
    from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

    is_fraud = past.is_known_fraud
    predicted = np.empty(len(fold))
    for held_out in range(FOLDS):
        mine = fold == held_out
        model = classifier(past.inputs[~mine], is_fraud[~mine], kept[~mine], held_out)
        predicted[mine] = trees.score(entry_of(model), past.inputs[mine])
    return {
        "auc": round(float(roc_auc_score(is_fraud, predicted)), 6),
        "average_precision": round(float(average_precision_score(is_fraud, predicted)), 6),
        "log_loss": round(float(log_loss(is_fraud, predicted)), 6),
        "fraud_ratio": round(float(is_fraud.mean()), 6),
    }
