"""Indicators of fraud decisions: how many payments are stopped, what waits, what fraud costs and how much is caught."""

from __future__ import annotations

import numpy as np

from lab.recording.slis import Level, Samples, counted_ratio, rolling

DECIDED_INTERVALS, LOSS_INTERVALS, LABEL_INTERVALS = 6, 12, 24
MINUTE_S = 60.0


def decline_ratio(samples: Samples) -> Level:
    """Payments declined, of all decided."""
    return counted_ratio(samples, "payment.declined.count", "payment.count", DECIDED_INTERVALS)


def review_ratio(samples: Samples) -> Level:
    """Payments held, of all decided."""
    return counted_ratio(samples, "payment.held.count", "payment.count", DECIDED_INTERVALS)


def review_backlog(samples: Samples) -> Level:
    """Payments held and not decided, beyond those that waited at the start."""
    times_s, (held, closed) = samples.wide(("payment.held.count", "review.closed.count"))
    return Level(times_s, np.cumsum(np.nan_to_num(held)) - np.cumsum(np.nan_to_num(closed)))


def fraud_loss_eur(samples: Samples) -> Level:
    """Euros charged back a minute, over the last intervals."""
    times_s, (loss,) = samples.wide(("fraud.loss.eur",))
    minutes = LOSS_INTERVALS * samples.interval_s / MINUTE_S
    return Level(times_s, rolling(loss, LOSS_INTERVALS) / minutes)


def fraud_recall(samples: Samples) -> Level:
    """Of the fraud that became known, what had been declined or held."""
    return counted_ratio(samples, "fraud.stopped.count", "fraud.known.count", LABEL_INTERVALS)


def fraud_precision(samples: Samples) -> Level:
    """Of the payments declined or held whose label window closed, those known to be fraud."""
    return counted_ratio(samples, "payment.flagged.fraud.count", "payment.flagged.ripe.count", LABEL_INTERVALS)


def charged_back_eur(samples: Samples) -> Level:
    """Euros charged back, of each interval."""
    times_s, (loss,) = samples.wide(("fraud.loss.eur",))
    return Level(times_s, loss)


def declined_payments(samples: Samples) -> Level:
    """Payments declined, of each interval."""
    times_s, (declined,) = samples.wide(("payment.declined.count",))
    return Level(times_s, declined)


def held_payment_minutes(samples: Samples) -> Level:
    """Minutes that payments waited for an analyst, of each interval: so many wait at its end."""
    times_s, waiting, *_ = review_backlog(samples)
    return Level(times_s, waiting * samples.interval_s / MINUTE_S)
