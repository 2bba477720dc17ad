"""The feature contract of the decision model: columns of card and merchant rows, and the inputs made of them.

Inputs are rounded to 1/1024, so that single and double precision hold them, and the thresholds between them, exactly.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.worlds.decisions.registration import CARD_TABLE, MERCHANT_TABLE
from lab.worlds.kit.contract import FeatureSpec

Array = npt.NDArray[Any]


CARD_FEATURES = (
    FeatureSpec("card_age_days", "integer", "days", 0, 7000, 600, "bank"),
    FeatureSpec("home_country", "integer", "1", 0, 11, -1, "bank"),
    FeatureSpec("device", "integer", "1", 0, 2**31 - 1, -1, "bank"),
    FeatureSpec("usual_amount_eur", "double precision", "EUR", 1, 2000, 40, "bank"),
    FeatureSpec("foreign_ratio", "double precision", "ratio", 0, 1, 0.05, "bank"),
    FeatureSpec("payments_12h_count", "double precision", "1", 0, 500, 0.4, "job"),
    FeatureSpec("spent_48h_eur", "double precision", "EUR", 0, 100_000, 60, "job"),
    FeatureSpec("declines_48h_count", "double precision", "1", 0, 500, 0, "job"),
)
MERCHANT_FEATURES = (
    FeatureSpec("merchant_age_days", "integer", "days", 0, 9000, 1100, "bank"),
    FeatureSpec("average_amount_eur", "double precision", "EUR", 1, 5000, 40, "bank"),
    FeatureSpec("payments_24h_count", "double precision", "1", 0, 100_000, 6, "job"),
    FeatureSpec("decline_ratio", "double precision", "ratio", 0, 1, 0.01, "job"),
    FeatureSpec("fraud_ratio", "double precision", "ratio", 0, 1, 0.008, "job"),
)
FEATURES = {CARD_TABLE: CARD_FEATURES, MERCHANT_TABLE: MERCHANT_FEATURES}
CARD_NAMES, MERCHANT_NAMES = (tuple(spec.name for spec in specs) for specs in FEATURES.values())
DEFAULTS = {table: np.array([spec.default for spec in specs], float) for table, specs in FEATURES.items()}
(
    C_AGE, C_COUNTRY, C_DEVICE, C_USUAL, C_FOREIGN, C_PAYMENTS, C_SPENT, C_DECLINES,
) = range(len(CARD_FEATURES))  # fmt: skip
M_AGE, M_AVERAGE, M_PAYMENTS, M_DECLINES, M_FRAUD = range(len(MERCHANT_FEATURES))

INPUT_NAMES = (
    "log_amount",
    "log_amount_to_usual",
    "log_amount_to_merchant",
    "log_card_age",
    "is_new_device",
    "is_foreign",
    "card_foreign_ratio",
    "is_night",
    "log_card_payments",
    "log_spent_to_usual",
    "log_card_declines",
    "log_merchant_age",
    "log_merchant_payments",
    "merchant_decline_ratio",
    "merchant_fraud_ratio",
)
GRID = 1024.0
"""Inputs are whole multiples of one over this."""
INPUT_MAX = 8192.0
"""Greatest absolute value of an input: what is beyond it is cut, so that it stays exact in single precision."""
NIGHT_ENDS_HOUR = 6


class Asked(NamedTuple):
    """What a payment itself says, by column (n,): amount in EUR, local hour (0 to 23), device, country."""

    amount_eur: Array
    hour: Array
    device: Array
    country: Array


def impute(rows: Array, table: str) -> Array:
    """Rows (n, features) of a table with NaN (null, or no row) replaced by the contract's defaults."""
    return np.where(np.isnan(rows), DEFAULTS[table], rows)


def model_inputs(asked: Asked, card: Array, merchant: Array) -> Array:
    """The model's inputs (n, inputs), of imputed card rows and merchant rows (n, features).

    A device or country that the row does not tell is neither new nor foreign.
    """
    log_amount = np.log(np.maximum(asked.amount_eur, 0.01))
    usual = np.maximum(card[:, C_USUAL], 0.01)
    columns = (
        log_amount,
        log_amount - np.log(usual),
        log_amount - np.log(np.maximum(merchant[:, M_AVERAGE], 0.01)),
        np.log1p(np.maximum(card[:, C_AGE], 0.0)),
        (card[:, C_DEVICE] >= 0) & (card[:, C_DEVICE] != asked.device),
        (card[:, C_COUNTRY] >= 0) & (card[:, C_COUNTRY] != asked.country),
        card[:, C_FOREIGN],
        asked.hour < NIGHT_ENDS_HOUR,
        np.log1p(np.maximum(card[:, C_PAYMENTS], 0.0)),
        np.log1p(np.maximum(card[:, C_SPENT], 0.0) / usual),
        np.log1p(np.maximum(card[:, C_DECLINES], 0.0)),
        np.log1p(np.maximum(merchant[:, M_AGE], 0.0)),
        np.log1p(np.maximum(merchant[:, M_PAYMENTS], 0.0)),
        merchant[:, M_DECLINES],
        merchant[:, M_FRAUD],
    )
    values = np.stack([np.asarray(column, float) for column in columns], axis=1)
    return np.clip(np.rint(values * GRID) / GRID, -INPUT_MAX, INPUT_MAX)
