"""Everything random about a request: who comes, what is offered, what would be clicked.

A draw follows from the stream's key, the request's number in it and what the draw is for; nothing else. So the
simulator and the load generator of the real stack draw the same, each when it comes to it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.draws import exponentials, uniforms
from lab.worlds.shop.behaviour import PAGE
from lab.worlds.shop.catalog import STRATA, Catalog
from lab.worlds.shop.features import INPUTS_LOGGED_ONE_IN
from lab.worlds.shop.page_tables import (
    DRAW_CANDIDATES,
    DRAW_CLICKS,
    DRAW_LABEL_DELAYS,
    DRAW_LOGGED,
    DRAW_USER,
)

Array = npt.NDArray[Any]

LABEL_DELAY_MEAN_S = 6.0


class Visits:
    """Draws of requests: `key` is that of their stream (64 bits), `numbers` (n,) those of the requests in it.

    activity: cumulative, by user. last: the last user who visits.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.activity = np.cumsum(catalog.activity)
        self.last = int(np.flatnonzero(catalog.activity)[-1])

    def users(self, key: int, numbers: Array) -> Array:
        """Who comes: users (n,) by how active they are."""
        places = np.searchsorted(self.activity, uniforms(key, numbers, DRAW_USER, 1)[:, 0], side="right")
        return np.asarray(np.minimum(places, self.last))


def candidate_draws(key: int, numbers: Array) -> Array:
    """Uniform numbers (n, strata): which item of each stratum is offered."""
    return uniforms(key, numbers, DRAW_CANDIDATES, STRATA)


def click_draws(key: int, numbers: Array) -> tuple[Array, Array]:
    """Uniform numbers (n, places), below the chance of a click where there is one; seconds (n, places) until it."""
    chance = uniforms(key, numbers, DRAW_CLICKS, PAGE)
    return chance, exponentials(uniforms(key, numbers, DRAW_LABEL_DELAYS, PAGE), LABEL_DELAY_MEAN_S)


def are_inputs_logged(key: int, numbers: Array) -> Array:
    """Mask (n,): whether the prediction log has the model's inputs of the request."""
    return np.asarray(uniforms(key, numbers, DRAW_LOGGED, 1)[:, 0] * INPUTS_LOGGED_ONE_IN < 1)
