"""Signals of fraud decisions: what became of payments, what of it turned out to be fraud, and where the limits lie.

What became of payments is known at once. What was fraud is known when label windows have closed, and is told by the
time of the payment: so a signal moves when a decision was wrong, not when somebody complained.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.recording.arrow import numbers, numbers_of, texts_of
from lab.recording.observed import Observed
from lab.signals import Series
from lab.signals.columns import Grid, Metrics, ratio, rolling, weights_of
from lab.worlds.kit.predictions import window_of

Array = npt.NDArray[Any]

LIMIT_INTERVALS = 6
"""Of so many intervals the scores are looked at that are next to a limit: one interval has few of them."""


def series(observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """All signals of this module; nothing where no payments are decided."""
    entry = observed.system["entry"]
    yield from _decided(entry, metrics, grid)
    features = observed.tables.get("features")
    if features is not None and len(features):
        yield from _defaults(features, grid)
    payments = observed.tables.get("predictions")
    if payments is not None and len(payments):
        yield from _outcomes(entry, payments, grid)
        yield from _limits(entry, payments, grid)


def _decided(entry: str, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """What became of the payments of each interval, and what waits for analysts."""
    decided, held = metrics.get(entry, "payment.count"), metrics.get(entry, "payment.held.count")
    yield grid.series("decline_ratio", entry, ratio(metrics.get(entry, "payment.declined.count"), decided))
    yield grid.series("review_ratio", entry, ratio(held, decided))


def _defaults(features: pa.Table, grid: Grid) -> Iterator[Series]:
    """By feature table, rows for which none came."""
    bins, table = grid.bins(numbers(features["time_s"])), texts_of(features, "table")
    weight = weights_of(features)
    missing = texts_of(features, "source").is_any(["default"])
    for name in table.texts:
        mine = table.is_any([name])
        some, served = (
            grid.sums(bins[rows], None if weight is None else weight[rows]) for rows in (mine & missing, mine)
        )
        yield grid.series("default_row_ratio", f"features.{name}", ratio(some, served))


def _outcomes(entry: str, payments: pa.Table, grid: Grid) -> Iterator[Series]:
    """Fraud that became known, by the time of the payment, over windows that usually have enough of it."""
    bins, outcome = grid.bins(numbers(payments["time_s"])), numbers_of(payments, "outcome")
    weight = weights_of(payments)
    weight = np.ones(len(outcome)) if weight is None else weight
    closed, fraud = ~np.isnan(outcome), outcome > 0
    passed = texts_of(payments, "decision").is_any(["approve"])
    amount_eur = numbers(payments["amount_eur"])
    width = window_of(grid.sums(bins[fraud]))

    def known(which: Array, of: Array = weight) -> Array:
        """Sums over the window of the payments whose label window has closed."""
        rows = which & closed
        found = rolling(grid.sums(bins[rows], of[rows]), width)
        return np.where(grid.sums(bins[closed]) > 0, found, np.nan)

    everything = np.ones(len(outcome), bool)
    caught, of_fraud = known(fraud & ~passed), known(fraud)
    yield grid.series("known_fraud_ratio", entry, ratio(of_fraud, known(everything)))
    yield grid.series("matured_recall", entry, ratio(caught, of_fraud))
    yield grid.series("matured_precision", entry, ratio(caught, known(~passed)))
    eur = amount_eur * weight
    yield grid.series("chargeback_ratio", entry, ratio(known(fraud & passed, eur), known(passed, eur)))


def _limits(entry: str, payments: pa.Table, grid: Grid) -> Iterator[Series]:
    """Where the rules' limits lie, as the scores on either side of them tell."""
    bins, score = grid.bins(numbers(payments["time_s"])), numbers_of(payments, "score")
    decision = texts_of(payments, "decision")
    scored = ~np.isnan(score)
    highest = _extreme(bins, score, scored & decision.is_any(["approve"]), np.maximum, grid)
    lowest = _extreme(bins, score, scored & decision.is_any(["review"]), np.minimum, grid)
    yield grid.series("approved_score_max", entry, highest)
    yield grid.series("held_score_min", entry, lowest)


def _extreme(bins: Array, values: Array, which: Array, of: np.ufunc, grid: Grid) -> Array:
    """The greatest or least value of the last intervals, NaN where there is none."""
    start = -np.inf if of is np.maximum else np.inf
    found = np.full(grid.count + 1, start)
    of.at(found, bins[which], values[which])
    padded = np.concatenate([np.full(LIMIT_INTERVALS - 1, start), found[: grid.count]])
    over = of.reduce(np.lib.stride_tricks.sliding_window_view(padded, LIMIT_INTERVALS), axis=1)
    return np.where(np.isfinite(over), over, np.nan)
