"""Payments as the request engine carries them: two own keys and a few whole numbers each."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.content.protocol import Arrivals
from lab.draws import uniforms
from lab.worlds.decisions.payments import DRAW_REVIEW, Payments
from lab.worlds.decisions.score_tables import BIT_FOUND, BIT_SUSPECTED

Array = npt.NDArray[Any]

FOUND_SHARE, SUSPECTED_SHARE = 0.9, 0.04
"""What analysts find of the fraud that they look at, and suspect of what is genuine."""


def arrivals(paid: Payments, key: int, numbers: Array, hour_ns: int, responds: bool) -> Arrivals:
    """What the plane learns of these payments of a stream. Where nobody responds, nobody reports a fraud either."""
    reported = np.isfinite(paid.report_h) & responds
    report_ns = np.where(reported, np.rint(np.where(reported, paid.report_h, 0.0) * hour_ns), -1).astype(np.int64)
    chance = uniforms(key, numbers, DRAW_REVIEW, 2)
    bits = (chance[:, 0] < FOUND_SHARE).astype(np.int64) << BIT_FOUND
    bits |= (chance[:, 1] < SUSPECTED_SHARE).astype(np.int64) << BIT_SUSPECTED
    cents = np.rint(paid.amount_eur * 100).astype(np.int64)
    own = (cents, paid.hour, paid.device, paid.country, paid.pattern + 1, report_ns, bits)
    return Arrivals(np.stack([paid.card, paid.merchant], axis=1), np.stack(own, axis=1))
