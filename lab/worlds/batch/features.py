"""What a job makes of four weeks of partitions: a row of features for each customer; and the model's inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.worlds.batch.vocabulary import COUNTRY, KEY, SEGMENTS

Array = npt.NDArray[Any]

RECENCY_MAX, TENURE_MAX = 90, 720
FEATURES = (
    KEY, COUNTRY, "recency_days", "orders_28d", "spend_28d_eur", "discount_share_28d", "visits_28d", "tenure_days",
    "survey_segment",
)  # fmt: skip
"""Columns of the features. `survey_segment`: what a customer of the survey was found to be, 0 for all others."""
_BEHAVIOUR = (
    "log_recency", "log_orders", "log_spend", "discount_share", "log_visits", "log_tenure", "log_basket", "no_orders",
)  # fmt: skip
INPUT_NAMES = (*_BEHAVIOUR, *(f"survey_{segment}" for segment in SEGMENTS))
"""Of the model. Those of the survey are there for whoever analyses; what is shipped is trained without them."""
BEHAVIOUR_COUNT = len(_BEHAVIOUR)
NUMBERS = FEATURES[2:]
"""The columns that are numbers."""


def features_of(sums: Array, recency: Array, tenure: Array, rates: Array, survey: Array) -> dict[str, Array]:
    """Features of customers (n,) by column. sums (4, n): of orders, amounts, discounted orders, visits over the window.

    recency, tenure: days. rates: euros of a unit of the customer's money. survey: as in the column.
    """
    orders, amount, discounted, visits = sums
    share = np.round(discounted / np.maximum(orders, 1), 4)
    columns = (
        np.clip(recency, 0, RECENCY_MAX), whole(orders), np.round(amount * rates, 2) + 0.0, share, whole(visits),
        whole(np.clip(tenure, 0, TENURE_MAX)), survey.astype(np.int64),
    )  # fmt: skip
    return dict(zip(NUMBERS, columns, strict=True))


def whole(values: Array) -> Array:
    """Whole numbers as such; others as they are."""
    counts = values.astype(np.int64)
    return counts if (counts == values).all() else values


def inputs_of(columns: Mapping[str, Array]) -> Array:
    """The model's inputs (inputs, n) of columns of features."""
    recency, orders, spend, share, visits, tenure, survey = (columns[name] for name in NUMBERS)
    inputs = np.zeros((len(INPUT_NAMES), len(orders)))
    spend = np.log1p(np.maximum(spend, 0.0))
    basket = np.log1p(np.maximum(columns["spend_28d_eur"], 0.0) / np.maximum(orders, 1))
    logs = (np.log1p(recency), np.log1p(orders), spend, share, np.log1p(visits), np.log1p(tenure), basket, orders == 0)
    for i, values in enumerate(logs):
        inputs[i] = values
    asked = np.flatnonzero(survey)
    inputs[BEHAVIOUR_COUNT - 1 + survey[asked], asked] = 1.0
    return inputs
