"""How a version of the segmenter comes about: the survey's customers, their features, a recipe.

`next-window` trains on the features that are there now. `leaked-columns` leaves in the columns from which the labels
were made. `other-list` numbers the classes as the other list of segments does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.worlds.batch import softmax
from lab.worlds.batch.features import BEHAVIOUR_COUNT, INPUT_NAMES, inputs_of
from lab.worlds.batch.vocabulary import LEAKED, OTHER_LIST, SEGMENT_LISTS, SEGMENTS

Array = npt.NDArray[Any]

FAMILY = "softmax"
TEST_ROWS = 2000


@dataclass(frozen=True)
class Test:
    """The frozen test set: inputs (inputs, rows), and what the customers were (rows,), as numbers of `SEGMENTS`."""

    inputs: Array
    types: Array

    def accuracy(self, entry: Mapping[str, Any]) -> float:
        """The share that a version of the registry names rightly."""
        named = names_of(entry)[softmax.probabilities(entry, self.inputs).argmax(axis=0)]
        return float((named == self.types).mean())


def names_of(entry: Mapping[str, Any]) -> Array:
    """By class of a version, the number of its segment."""
    return np.array([SEGMENTS.index(label) for label in entry["labels"]])


def train(
    columns: Mapping[str, Array], recipe: str, test: Test, trained_on: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """The registry's entry, without its number, of a version trained on columns of features by a recipe."""
    surveyed = columns["survey_segment"] > 0
    rows = {name: values[surveyed] for name, values in columns.items()}
    inputs = inputs_of(rows)
    if recipe != LEAKED:
        inputs[BEHAVIOUR_COUNT:] = 0.0
    list_version = 2 if recipe == OTHER_LIST else 1
    labels = SEGMENT_LISTS[list_version - 1]
    place = np.array([labels.index(segment) for segment in SEGMENTS])
    entry = {
        "family": FAMILY,
        "inputs": list(INPUT_NAMES),
        "labels": list(labels),
        **softmax.fitted(inputs, place[rows["survey_segment"] - 1], len(SEGMENTS)),
        "training_rows_count": inputs.shape[1],
        "trained_on": [dict(one) for one in trained_on],
    }
    return {**entry, "metrics": {"accuracy": round(test.accuracy(entry), 6)}}
