"""Multinomial logistic regression: fitted by Newton's method, and scored as a registry describes it.

Inputs lie row by row (inputs, n). Sums are numpy's own, not those of a linear algebra library: on small tables these
wait for threads longer than they work, and give other last digits on other machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

RIDGE = 0.003
"""Of the squared weights, beside the mean loss of a row."""
_FREE = 1e-6
"""The same of the classes' baselines, which are free up to a constant."""
_STEPS = 30
_SHORTER = (1.0, 0.5, 0.25, 0.1, 0.02)
_ENOUGH = 1e-6
"""The loss falls by less: it has come to its end."""
_DIGITS = 6


def fitted(inputs: Array, classes: Array, count: int) -> dict[str, Any]:
    """What the registry says of a model of `count` classes that was fitted to inputs (inputs, n) and classes (n,)."""
    mean, scale = inputs.mean(axis=1), inputs.std(axis=1)
    tells = np.flatnonzero(scale > 1e-9)  # what is the same in all rows gets no weight
    scale[scale <= 1e-9] = 1.0
    rows = np.vstack([np.ones(len(classes)), ((inputs - mean[:, None]) / scale[:, None])[tells]])
    fit = _Fit(rows, (np.arange(count)[:, None] == classes).astype(np.float64))
    weights = np.zeros((count, len(rows)))
    shares, loss = fit.at(weights)
    for _ in range(_STEPS):
        step = fit.newton_step(weights, shares)
        for factor in _SHORTER:
            nearer = weights - factor * step
            of_nearer, less = fit.at(nearer)
            if less < loss - _ENOUGH:
                break
        else:
            break
        weights, shares, loss = nearer, of_nearer, less
    whole = np.zeros((count, len(inputs)))
    whole[:, tells] = weights[:, 1:]
    return {
        "standardize_mean": np.round(mean, _DIGITS).tolist(),
        "standardize_scale": np.round(scale, _DIGITS).tolist(),
        "weights": np.round(whole, _DIGITS).tolist(),
        "intercepts": np.round(weights[:, 0], _DIGITS).tolist(),
    }


def probabilities(entry: Mapping[str, Any], inputs: Array) -> Array:
    """Of each class (classes, n) of a registry entry, by inputs (inputs, n)."""
    mean, scale = np.array(entry["standardize_mean"]), np.array(entry["standardize_scale"])
    weights = np.array(entry["weights"]) / scale
    baseline = np.array(entry["intercepts"]) - (weights * mean).sum(axis=1)
    tells = weights.any(axis=0)  # what has no weight adds nothing
    return _shares(_products(weights[:, tells], inputs[tells]) + baseline[:, None])


def likeliest(shares: Array) -> tuple[Array, Array]:
    """Of each row the most probable class, the first of several, and how probable it is; shares (classes, n)."""
    most, best = shares.max(axis=0), np.zeros(shares.shape[1], np.int64)
    for number in reversed(range(len(shares))):  # several times as quick as `argmax`, which goes row by row
        best[shares[number] == most] = number
    return best, most


def _products(weights: Array, rows: Array) -> Array:
    """weights (classes, inputs) times rows (inputs, n)."""
    return np.asarray(np.einsum("ki,in->kn", weights, rows))


def _shares(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=0))
    return np.asarray(powers / powers.sum(axis=0))


class _Fit:
    """Rows (inputs, n), the first of ones, and of each class which rows are of it (classes, n)."""

    def __init__(self, rows: Array, is_class: Array) -> None:
        self._rows, self._is_class = rows, is_class
        self._count = rows.shape[1]
        self._ridge = np.where(np.arange(len(rows)) == 0, _FREE, RIDGE)
        self._pairs = np.triu_indices(len(rows))
        self._squares = rows[self._pairs[0]] * rows[self._pairs[1]]

    def at(self, weights: Array) -> tuple[Array, float]:
        """How probable each class is in each row (classes, n), and the mean loss of a row and of the weights."""
        shares = _shares(_products(weights, self._rows))
        fit = -np.log(np.maximum((shares * self._is_class).sum(axis=0), 1e-300)).mean()
        return shares, float(fit + (self._ridge[1:] * weights[:, 1:] ** 2).sum() / 2)

    def newton_step(self, weights: Array, shares: Array) -> Array:
        """What to go back by, (classes, inputs), from weights that give these shares."""
        classes, width = weights.shape
        gradient = np.einsum("kn,in->ki", (shares - self._is_class) / self._count, self._rows) + self._ridge * weights
        one, other = np.triu_indices(classes, 1)
        sums = np.einsum("qn,pn->qp", -shares[one] * shares[other] / self._count, self._squares)
        blocks = np.zeros((len(one), width, width))
        blocks[:, self._pairs[0], self._pairs[1]] = blocks[:, self._pairs[1], self._pairs[0]] = sums
        curvature = np.zeros((classes, width, classes, width))
        curvature[one, :, other] = curvature[other, :, one] = blocks
        each = np.arange(classes)
        curvature[each, :, each] = -curvature.sum(axis=2)  # shares add up to one: what one gains the others lose
        size = classes * width
        matrix = curvature.reshape(size, size) + np.diag(np.tile(self._ridge, classes))
        return np.asarray(np.linalg.solve(matrix, gradient.ravel()).reshape(classes, width))
