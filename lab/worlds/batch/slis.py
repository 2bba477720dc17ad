"""Indicators of nightly segments: how old and how many they are, how they shift, and what campaigns bring in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.recording.slis import Level, Samples, rolling, share
from lab.worlds.batch.vocabulary import RETURN_INTERVALS, SEGMENTS

Array = npt.NDArray[Any]

_LEAST_SHARE = 1e-4
"""A share that is none counts as this in a stability index."""


def published_age_s(samples: Samples) -> Level:
    """Seconds since segments were published."""
    times_s, (age_s,) = samples.wide(("segment.published.age",))
    return Level(times_s, age_s)


def published_rows_ratio(samples: Samples) -> Level:
    """Rows of the list, of all customers."""
    times_s, (rows, customers) = samples.wide(("segment.published.rows", "customer.count"))
    return Level(times_s, share(rows, customers))


def segment_share_shift(samples: Samples) -> Level:
    """How far the shares of segments are from the first ones."""
    times_s, rows = by_attribute(samples, "segment.published.count", SEGMENTS)
    total = rows.sum(axis=0)
    shares = np.maximum(share(rows, total), _LEAST_SHARE)
    known = np.flatnonzero(~np.isnan(total))
    if not len(known):
        return Level(times_s, np.full(len(times_s), np.nan))
    first = shares[:, known[0]][:, None]
    return Level(times_s, ((shares - first) * np.log(shares / first)).sum(axis=0))


def campaign_return_ratio(samples: Samples) -> Level:
    """Revenue over cost of the contacts that were counted in the last intervals."""
    times_s, (revenue, cost) = samples.wide(("contact.ripe.revenue", "contact.ripe.cost"))
    return Level(times_s, share(rolling(revenue, RETURN_INTERVALS), rolling(cost, RETURN_INTERVALS)))


def offline_accuracy(samples: Samples) -> Level:
    """Accuracy of the serving version on the frozen test set."""
    times_s, (accuracy,) = samples.wide(("model.offline.accuracy",))
    return Level(times_s, accuracy)


def campaign_margin_eur(samples: Samples) -> Level:
    """Revenue of each interval's responses, without the cost of its contacts."""
    times_s, (revenue, cost) = samples.wide(("response.revenue", "contact.cost"))
    return Level(times_s, revenue - cost)


def unanswered_contacts(samples: Samples) -> Level:
    """Contacts counted in each interval to which nobody responded."""
    times_s, (contacts, responses) = samples.wide(("contact.ripe.count", "contact.ripe.response.count"))
    return Level(times_s, contacts - responses)


def by_attribute(samples: Samples, metric: str, attributes: tuple[str, ...]) -> tuple[Array, Array]:
    """A metric's times, and its values (attributes, times) for each of some attributes; NaN where one is missing."""
    from lab.recording.arrow import numbers, texts_of

    mine = texts_of(samples.metrics, "metric").is_any([metric])
    table = samples.metrics.filter(mine)
    times_s, at = np.unique(numbers(table["time_s"]), return_inverse=True)
    values, attribute = numbers(table["value"]), texts_of(table, "attribute")
    found = np.full((len(attributes), len(times_s)), np.nan)
    for row, name in zip(found, attributes, strict=True):
        named = attribute.is_any([name])
        row[at[named]] = values[named]
    return times_s, found
