"""Signals of fraud decisions: what became of payments, what of it turned out to be fraud, and where the limits lie.

What became of payments is known at once. What was fraud is known when label windows have closed, and is told by the
time of the payment: so a signal moves when a decision was wrong, not when somebody complained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
FEWEST_BLOCKED = 4
"""Payments at a merchant, all declined, from which on the merchant is taken to be on the block list."""


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
        yield from _limits(observed.system["components"], payments, grid)


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

    caught, of_fraud = known(fraud & ~passed), known(fraud)
    yield grid.series("matured_recall", entry, ratio(caught, of_fraud))
    yield grid.series("matured_precision", entry, ratio(caught, known(~passed)))
    eur = amount_eur * weight
    yield grid.series("chargeback_ratio", entry, ratio(known(fraud & passed, eur), known(passed, eur)))


def _limits(components: Mapping[str, Any], payments: pa.Table, grid: Grid) -> Iterator[Series]:
    """Of each component that applies limits to scores: payments that it decided otherwise than they say.

    Payments at merchants on the block list are left out: they are declined whatever their score.
    """
    bins, score = grid.bins(numbers(payments["time_s"])), numbers_of(payments, "score")
    decision = texts_of(payments, "decision")
    scored = ~np.isnan(score) & ~_blocked(numbers(payments["merchant_id"]), decision.is_any(["decline"]))
    held = scored & decision.is_any(["review"])
    for name, component in components.items():
        bands = {step["run"]: step["when"] for step in component["steps"] if step.get("when")}
        if not bands.keys() & {"hold", "decline"}:
            continue
        holds, declines = (_within(score, bands.get(run)) for run in ("hold", "decline"))
        differs = decision.is_any(["decline"]) != declines
        differs |= ~declines & (held != holds)
        yield grid.series(
            "limit_mismatch_ratio", name, ratio(grid.sums(bins[scored & differs]), grid.sums(bins[scored]))
        )
        yield grid.series("held_score_min", name, _lowest(bins[held], score[held], grid))


def _blocked(merchant: Array, declined: Array) -> Array:
    """Mask of the payments at merchants all of whose payments, `FEWEST_BLOCKED` at least, were declined."""
    _, place = np.unique(merchant, return_inverse=True)
    all_count, declined_count = np.bincount(place), np.bincount(place, weights=declined)
    return np.asarray(((declined_count == all_count) & (all_count >= FEWEST_BLOCKED))[place])


def _within(score: Array, band: Mapping[str, float | None] | None) -> Array:
    """Mask of the scores within a band: above one limit, at most another; none where there is no band."""
    if band is None:
        return np.zeros(len(score), bool)
    above, at_most = band.get("above"), band.get("at_most")
    found = score > (-np.inf if above is None else above)
    return np.asarray(found & (score <= (np.inf if at_most is None else at_most)))


def _lowest(bins: Array, values: Array, grid: Grid) -> Array:
    """The least value of the last intervals, NaN where there is none."""
    found = np.full(grid.count + LIMIT_INTERVALS, np.inf)
    np.minimum.at(found, bins + LIMIT_INTERVALS - 1, values)
    recent = np.lib.stride_tricks.sliding_window_view(found[: grid.count + LIMIT_INTERVALS - 1], LIMIT_INTERVALS)
    lowest = recent.min(axis=1)
    return np.where(np.isfinite(lowest), lowest, np.nan)
