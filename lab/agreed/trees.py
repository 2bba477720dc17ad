"""Gradient-boosted trees as the registry describes them: as matrices and node by node, with the same scores.

A registry entry of the family `gradient-boosted-trees` has, besides what every entry has:

* `inputs`: names of the inputs, in order.
* `trees`: of each tree, by node, the root first: `input` (index of the input it compares, -1 at a leaf), `threshold`
  (where at most that much goes `left`, all else `right`, as in scikit-learn), `left`, `right` (nodes after their
  parent; -1 at a leaf), `value_micro` (at a leaf what the tree adds to the logit, in whole millionths; 0 elsewhere).
* `baseline_micro`: the logit before any tree, in whole millionths.

Whole millionths add up to the same sum in any order, so that numpy, a kernel and TensorFlow give one score.

The matrices are the GEMM form of Nakandala et al., "A Tensor Compiler for Unified Machine Learning Prediction Serving"
(OSDI 2020), known from Hummingbird: `((X @ A <= B) @ C == D) @ E`. `X @ A` only picks columns of X, and is done by
index: in a product one value that is not finite would spoil its whole row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

FAMILY = "gradient-boosted-trees"
MICRO = 1e6
SCORE_DECIMALS = 6
LOGIT_MICRO_MAX = 2**53
"""Whole numbers up to here are exact as doubles."""
_COLUMNS = ("input", "threshold", "left", "right", "value_micro")


@dataclass(frozen=True)
class Matrices:
    """All trees side by side, with `comparisons` inner nodes and `leaves` over all trees.

    compared (comparisons): the input that each compares (A); thresholds (comparisons): B. paths (comparisons, leaves),
    C: 1 where a leaf lies to the left of a node, -1 to the right, 0 elsewhere. lefts (leaves), D: how often the way
    to a leaf turns left, a sum that rows reach at that leaf of its tree only. values_micro (leaves), E. baseline_micro.
    """

    compared: npt.NDArray[np.int32]
    thresholds: Array
    paths: Array
    lefts: Array
    values_micro: Array
    baseline_micro: float


def check(entry: Mapping[str, Any]) -> None:
    """ValueError in words where the trees of an entry are none."""
    width, sum_micro = len(entry["inputs"]), abs(_whole(entry["baseline_micro"], "baseline_micro"))
    if not entry["trees"]:
        raise ValueError("trees is empty")
    for n, tree in enumerate(entry["trees"]):
        sizes = {len(tree[name]) for name in _COLUMNS}
        if len(sizes) != 1 or sizes == {0}:
            raise ValueError(f"tree {n} does not have one {', '.join(_COLUMNS)} for each of its nodes")
        parents = [0] * len(tree["input"])
        for node, (at, threshold, left, right, value) in enumerate(zip(*(tree[c] for c in _COLUMNS), strict=True)):
            _whole(value, f"value_micro of node {node} of tree {n}")
            if at == -1:
                continue
            leads_on = all(node < to < len(parents) for to in (left, right))
            if not (0 <= at < width and isfinite(threshold) and leads_on):
                raise ValueError(f"node {node} of tree {n} compares no input, or leads to no node after it")
            parents[left] += 1
            parents[right] += 1
        if parents != [0] + [1] * (len(parents) - 1):
            raise ValueError(f"tree {n} has nodes with no parent or with several")
        sum_micro += max(abs(value) for value in tree["value_micro"])
    if sum_micro > LOGIT_MICRO_MAX:
        raise ValueError(f"logits may reach {sum_micro / MICRO:g}: too much for sums that are exact")


def matrices(entry: Mapping[str, Any]) -> Matrices:
    """The matrices of a registry entry; ValueError where its trees are none."""
    check(entry)
    trees: Sequence[Mapping[str, Any]] = entry["trees"]
    inner = [[n for n, at in enumerate(tree["input"]) if at >= 0] for tree in trees]
    leaves = [[n for n, at in enumerate(tree["input"]) if at < 0] for tree in trees]
    first_inner = list(accumulate(map(len, inner), initial=0))
    first_leaf = list(accumulate(map(len, leaves), initial=0))
    paths = np.zeros((first_inner[-1], first_leaf[-1]))
    for n, tree in enumerate(trees):
        column = {node: first_inner[n] + i for i, node in enumerate(inner[n])}
        turns = _turns(tree)
        for i, leaf in enumerate(leaves[n], first_leaf[n]):
            for node, turn in turns[leaf]:
                paths[column[node], i] = turn
    return Matrices(
        compared=_of(trees, inner, "input").astype(np.int32),
        thresholds=_of(trees, inner, "threshold"),
        paths=paths,
        lefts=(paths > 0).sum(0).astype(float),
        values_micro=_of(trees, leaves, "value_micro"),
        baseline_micro=float(entry["baseline_micro"]),
    )


def score(entry: Mapping[str, Any], inputs: Array) -> Array:
    """Scores of inputs (rows, inputs), to `SCORE_DECIMALS`: each node takes of its children what rows choose.

    What is NaN goes right. Nodes come after their parents, so from the last to the first every child is known. A node
    compares all rows, also those that never reach it: that is quick, while to follow each row's own way is not.
    """
    logits_micro = np.full(len(inputs), float(entry["baseline_micro"]))
    columns = np.ascontiguousarray(inputs.T)
    for tree in entry["trees"]:
        values: list[Any] = list(map(float, tree["value_micro"]))
        nodes = zip(*(tree[name] for name in ("input", "threshold", "left", "right")), strict=True)
        for node, (at, threshold, left, right) in reversed(list(enumerate(nodes))):
            if at >= 0:
                values[node] = np.where(columns[at] <= threshold, values[left], values[right])
                values[left] = values[right] = None  # they have no other parent
        logits_micro += values[0]
    return probabilities(logits_micro)


def probabilities(logits_micro: Array) -> Array:
    """Sigmoid of logits in millionths, to `SCORE_DECIMALS`."""
    with np.errstate(over="ignore"):
        return np.asarray(np.round(1 / (1 + np.exp(-logits_micro / MICRO)), SCORE_DECIMALS))


def _turns(tree: Mapping[str, Any]) -> dict[int, list[tuple[int, float]]]:
    """The way to each node: (node on it, 1 where it turns left there, else -1)."""
    turns: dict[int, list[tuple[int, float]]] = {0: []}
    for node, at in enumerate(tree["input"]):
        if at >= 0:
            turns[tree["left"][node]] = [*turns[node], (node, 1.0)]
            turns[tree["right"][node]] = [*turns[node], (node, -1.0)]
    return turns


def _of(trees: Sequence[Mapping[str, Any]], nodes: Sequence[Sequence[int]], column: str) -> Array:
    return np.array([tree[column][node] for tree, own in zip(trees, nodes, strict=True) for node in own], float)


def _whole(value: float, what: str) -> float:
    if not float(value).is_integer():
        raise ValueError(f"{what} is {value}, not a whole number of millionths")
    return value
