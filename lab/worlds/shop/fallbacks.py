"""What the shop serves when a step fails: one definition for the simulator and for the feature service.

`default_features`: no row, so that `impute` fills in the contract's defaults. `popular_items`: popularity in the place
of the model's scores. `unfiltered_items`: the best scores first, without business rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.worlds.shop.behaviour import PAGE

Array = npt.NDArray[Any]


def popular_scores(popularity: Array, candidates: Array) -> Array:
    """Scores of candidates by their share of all visits (0 to 1), as exact as a model's."""
    return np.round(popularity[candidates], 6)


def unfiltered_positions(candidates: Array, scores: Array) -> Array:
    """Positions of the best candidates among those of a page, ties by item id; along the last axis."""
    return np.lexsort((candidates, -scores), axis=-1)[..., :PAGE]
