"""The shapes of the files of `reference/`, as far as anything relies on them; more keys are left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from lab.agreed import trees
from lab.recording.shapes import Number, Open, Positive


class _Feature(Open):
    name: str


class _Contract(Open):
    component: str
    features: list[_Feature]
    inputs: list[str]
    label_window_s: Positive | None = None


class _Tree(Open):
    input: list[int]
    threshold: list[Number]
    left: list[int]
    right: list[int]
    value_micro: list[int]


class _BoostedTrees(Open):
    version: int
    inputs: list[str]
    trees: list[_Tree]
    baseline_micro: int


class _LinearModel(Open):
    version: int
    standardize_mean: list[Number]
    standardize_scale: list[Positive]
    weights: list[Number]
    intercept: Number


CONTRACT: TypeAdapter[Any] = TypeAdapter(_Contract)
LINEAR_MODELS: TypeAdapter[Any] = TypeAdapter(list[_LinearModel])
"""A registry of logistic regressions."""
BOOSTED_TREES: TypeAdapter[Any] = TypeAdapter(list[_BoostedTrees])
"""A registry of gradient-boosted trees."""


def boosted_trees_fit(models: list[dict[str, Any]], others: Mapping[str, Any]) -> str:
    """What is wrong with a registry of trees, by itself and beside the contract; empty if nothing is."""
    contract = others.get("observed/reference/contract.json")
    for model in models:
        if contract is not None and model["inputs"] != contract["inputs"]:
            return f"model version {model['version']} does not have the inputs of the contract"
        try:
            trees.check(model)
        except ValueError as error:
            return f"model version {model['version']}: {error}"
    return ""


def linear_models_fit(models: list[dict[str, Any]], others: Mapping[str, Any]) -> str:
    """What is wrong with a registry of logistic regressions beside the contract; empty if nothing is."""
    contract = others.get("observed/reference/contract.json")
    for model in models:
        sizes = {len(model[key]) for key in ("standardize_mean", "standardize_scale", "weights")}
        if contract is not None:
            sizes.add(len(contract["inputs"]))
        if len(sizes) > 1:
            return f"model version {model['version']} does not have one mean, scale and weight for each input"
    return ""
