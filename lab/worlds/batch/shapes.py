"""The shape of the registry, as far as anything relies on it."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from lab.recording.shapes import Number, Open, Positive


class _TrainedOn(Open):
    dataset: str
    version: str


class _Softmax(Open):
    version: int
    inputs: list[str]
    labels: list[str]
    standardize_mean: list[Number]
    standardize_scale: list[Positive]
    weights: list[list[Number]]
    intercepts: list[Number]
    trained_on: list[_TrainedOn]


REGISTRY: TypeAdapter[Any] = TypeAdapter(list[_Softmax])
