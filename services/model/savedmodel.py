"""Writes a registry entry as a SavedModel in the official layout: linear models and trees.

`python -m services.model.savedmodel BASE NAME VERSION < entry.json` pushes a registry entry as BASE/NAME/VERSION.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.agreed import trees
from services.common.serving import INPUT, OUTPUT

from .graph import FILE_NAME
from .writing import Writing


def encode(entry: Mapping[str, Any]) -> bytes:
    """The SavedModel of a registry entry: `inputs` (-1, n) to `scores` (-1), probabilities, by its family.

    ValueError for an entry that is not whole, or of a family that is not known here.
    """
    family = FAMILIES.get(entry["family"])
    if family is None:
        raise ValueError(f"family {entry['family']!r} is not known; expected one of {', '.join(FAMILIES)}")
    writing = Writing()
    writing.input(INPUT, (-1, len(entry["inputs"])))
    writing.operation("probabilities", "Sigmoid", family(writing, entry))
    writing.operation(OUTPUT, "Squeeze", "probabilities", squeeze_dims=[1])
    writing.output(OUTPUT, (-1,))
    return writing.to_bytes()


def _logistic_regression(writing: Writing, entry: Mapping[str, Any]) -> str:
    """Inputs standardised and weighted.

    entry: inputs (names), standardize_mean, standardize_scale, weights, all of one length (else ValueError), intercept.
    """
    width = len(entry["inputs"])
    for key in ("standardize_mean", "standardize_scale", "weights"):
        if len(entry[key]) != width:
            raise ValueError(f"{key} has {len(entry[key])} values for {width} inputs")
    writing.constant("mean", _doubles(entry["standardize_mean"]))
    writing.constant("scale", _doubles(entry["standardize_scale"]))
    writing.constant("weights", [[float(weight)] for weight in entry["weights"]])
    writing.constant("intercept", float(entry["intercept"]))
    writing.operation("centered", "Sub", INPUT, "mean")
    writing.operation("standardized", "RealDiv", "centered", "scale")
    writing.operation("weighted", "MatMul", "standardized", "weights", transpose_a=False, transpose_b=False)
    return writing.operation("logits", "AddV2", "weighted", "intercept")


def _trees(writing: Writing, entry: Mapping[str, Any]) -> str:
    """Trees as comparisons and matrix products: the entry and the matrices are those of `lab/agreed/trees.py`."""
    found = trees.matrices(entry)
    writing.constant("compared", found.compared)
    writing.constant("thresholds", found.thresholds)
    writing.constant("paths", found.paths)
    writing.constant("lefts", found.lefts)
    writing.constant("values", found.values_micro[:, None])
    writing.constant("baseline", found.baseline_micro)
    writing.constant("micro", trees.MICRO)
    writing.columns("picked", INPUT, "compared")
    writing.operation("is_left", "LessEqual", "picked", "thresholds")
    writing.numbers("lefts_turned", "is_left")
    writing.operation("sums", "MatMul", "lefts_turned", "paths", transpose_a=False, transpose_b=False)
    writing.operation("is_reached", "Equal", "sums", "lefts")
    writing.numbers("reached", "is_reached")
    writing.operation("added", "MatMul", "reached", "values", transpose_a=False, transpose_b=False)
    writing.operation("logits_micro", "AddV2", "added", "baseline")
    return writing.operation("logits", "RealDiv", "logits_micro", "micro")


FAMILIES: Mapping[str, Callable[[Writing, Mapping[str, Any]], str]] = {
    "logistic-regression": _logistic_regression,
    trees.FAMILY: _trees,
}
"""By family, what writes the nodes of an entry and names that of its logits (-1, 1)."""


def push(base: Path, name: str, version: int, saved_model: bytes) -> Path:
    """Makes BASE/NAME/VERSION appear at once and whole, as the server polls. FileExistsError if it is there already."""
    folder = base / name / str(version)
    if folder.exists():
        raise FileExistsError(f"version {version} of {name} exists")
    staged = folder.with_name(f"{version}.tmp")
    (staged / "variables").mkdir(parents=True)
    with open(staged / FILE_NAME, "wb") as file:
        file.write(saved_model)
        file.flush()
        os.fsync(file.fileno())
    staged.rename(folder)
    return folder


def main(arguments: Sequence[str]) -> int:
    """Pushes the registry entry on stdin. Exit code 2 on wrong usage."""
    if len(arguments) != 3 or not arguments[2].isdecimal():
        print("usage: python -m services.model.savedmodel BASE NAME VERSION < entry.json", file=sys.stderr)
        return 2
    base, name, version = arguments
    print(push(Path(base), name, int(version), encode(json.load(sys.stdin))))
    return 0


def _doubles(values: Sequence[float]) -> list[float]:
    return [float(value) for value in values]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
