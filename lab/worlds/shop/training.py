"""Trains the click model with scikit-learn and keeps versions by content, so that training happens once.

Every version is made in two steps, as is common: candidates are cross-validated on their window, and what passes is
fitted again on the whole window before it is shipped. Its registry entry reports the validation.

A recipe names how a version comes about: `next-window` (good, the next window of history) or
`corrupted-labels` (`corrupted`: share of clicks, those of the most engaged first, whose label was lost before the fit
that is shipped).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.injection.levers import Recipe
from lab.worlds.kit.kept_models import KeptModels, Trained
from lab.worlds.shop import behaviour, catalog, features, history, missions
from lab.worlds.shop.catalog import Catalog
from lab.worlds.shop.features import INPUT_NAMES, NAMES

Array = npt.NDArray[Any]
SAMPLE_ROWS = 4000
FOLDS = 5
SCORE_DECIMALS = 6


@dataclass(frozen=True)
class Model:
    """A trained click model: logistic regression over standardised inputs, and what the registry says of it.

    metrics: auc, log_loss, click_through_ratio of the cross-validation on its window.
    sample_vectors (rows, features) and sample_inputs (rows, inputs) are drawn from its training rows.
    """

    mean: Array
    scale: Array
    weights: Array
    intercept: float
    metrics: Mapping[str, float]
    window: int
    rows_count: int
    sample_vectors: Array
    sample_inputs: Array
    sample_clicked: Array

    def score(self, inputs: Array) -> Array:
        """Click probabilities of inputs (..., inputs), rounded so that ranking never hangs on the last bit.

        Terms are added in a fixed order, so that a score does not depend on its batch.
        """
        logit = np.full(inputs.shape[:-1], self.intercept)
        for i, (mean, scale, weight) in enumerate(zip(self.mean, self.scale, self.weights, strict=True)):
            logit += (inputs[..., i] - mean) / scale * weight
        with np.errstate(over="ignore"):  # of inputs far outside of what was learnt: a score of 0
            return np.asarray(np.round(1 / (1 + np.exp(-logit)), SCORE_DECIMALS))

    def registry_entry(self, version: int) -> dict[str, Any]:
        """The registry entry; the same fields for every version."""
        return {
            "version": version,
            "family": "logistic-regression",
            "inputs": list(INPUT_NAMES),
            "standardize_mean": [float(v) for v in self.mean],
            "standardize_scale": [float(v) for v in self.scale],
            "weights": [float(v) for v in self.weights],
            "intercept": self.intercept,
            "metrics": dict(self.metrics),
            "training_window": self.window,
            "training_rows_count": self.rows_count,
        }


def train(shop: Catalog, seed: int, window: int, recipe: Recipe) -> Model:
    """The model of this recipe: the kept one if the very same was trained before, else trained now."""
    return _KEPT.get(seed, window, recipe, lambda: _fit(shop, seed, window, recipe))


_KEPT = KeptModels(
    (sys.modules[__name__], features, catalog, behaviour, missions, history),
    lambda kept: Model(**kept.arrays, **kept.facts),
)


def _fit(shop: Catalog, seed: int, window: int, recipe: Recipe) -> Trained:
    past = history.generate_history(shop, seed, window)
    rng = np.random.Generator(np.random.Philox(key=window))
    # The labels are joined anew for the fit that is shipped, so that late clicks count; that join is what can break.
    lost = past.clicked & (past.engaged > np.quantile(past.engaged[past.clicked], 1 - recipe.get("corrupted", 0.0)))
    scaler, regression = _regression(past.inputs, past.clicked & ~lost)
    registry_fields = {
        "intercept": float(np.round(regression.intercept_[0], 9)),
        "metrics": _validation(past, rng.integers(0, FOLDS, len(past.clicked))),
        "window": window,
        "rows_count": len(past.clicked),
    }
    chosen = rng.choice(len(past.clicked), SAMPLE_ROWS, replace=False)
    arrays = {
        "mean": np.round(scaler.mean_, 9),
        "scale": np.round(scaler.scale_, 9),
        "weights": np.round(regression.coef_[0], 9),
        "sample_vectors": past.vectors[chosen // history.SHOWN],
        "sample_inputs": past.inputs[chosen],
        "sample_clicked": past.clicked[chosen].astype(np.int8),
    }
    return Trained(registry_fields, arrays)


def _regression(inputs: Array, clicked: Array) -> tuple[Any, Any]:
    """(scaler, logistic regression) fitted to these rows."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=200))
    pipeline.fit(inputs, clicked)
    return pipeline[0], pipeline[1]


def _validation(past: history.History, fold: Array) -> dict[str, float]:
    """How candidates do on the rows of each fold that were fitted to the others."""
    from sklearn.metrics import log_loss, roc_auc_score

    predicted = np.empty(len(fold))
    for held_out in range(FOLDS):
        is_held_out = fold == held_out
        scaler, regression = _regression(past.inputs[~is_held_out], past.clicked[~is_held_out])
        predicted[is_held_out] = regression.predict_proba(scaler.transform(past.inputs[is_held_out]))[:, 1]
    return {
        "auc": round(float(roc_auc_score(past.clicked, predicted)), 6),
        "log_loss": round(float(log_loss(past.clicked, predicted)), 6),
        "click_through_ratio": round(float(past.clicked.mean()), 6),
    }


assert len(NAMES) == len(features.USER_FEATURES)
