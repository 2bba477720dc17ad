"""Signals of nightly segments: shares, what each campaign brings in, whether names are those that the model meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.recording.observed import Observed
from lab.recording.slis import rolling
from lab.signals import Series
from lab.signals.columns import Grid, Metrics, ratio
from lab.worlds.batch.datasets import LIST
from lab.worlds.batch.vocabulary import RETURN_INTERVALS, SEGMENTS

Array = npt.NDArray[Any]


def series(observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """All signals of this module; nothing where no segments are published."""
    found = {metric: component for component, metric, _, _ in metrics}
    if "segment.published.rows" not in found:
        return
    tool = found["segment.published.rows"]
    published = _by_segment(metrics, tool, "segment.published.count")
    shares = ratio(published, published.sum(axis=0))
    for segment, share in zip(SEGMENTS, shares, strict=True):
        yield grid.series("segment_share", f"segment.{segment}", share)
    due, contacts = (_by_segment(metrics, tool, f"campaign.{name}.count") for name in ("due", "contact"))
    yield grid.series("contacts_ratio", tool, ratio(contacts.sum(axis=0), due.sum(axis=0)))
    revenue, cost = (_by_segment(metrics, tool, f"campaign.ripe.{name}") for name in ("revenue", "cost"))
    for i, segment in enumerate(SEGMENTS):
        subject = f"campaign.{segment}"
        yield grid.series("contacts_ratio", subject, ratio(contacts[i], due[i]))
        back, paid = (rolling(values[i], RETURN_INTERVALS) for values in (revenue, cost))
        yield grid.series("campaign_return", subject, ratio(back, paid))
    if "segment.scored.count" in found:
        scored = _by_segment(metrics, found["segment.scored.count"], "segment.scored.count")
        meant = ratio(scored, scored.sum(axis=0))
        mismatch = np.abs(shares - meant).sum(axis=0) / 2
        # A list that was not published that night is compared with the scores of another night.
        is_new = metrics.get(tool, "segment.published.age") < grid.interval_s
        yield grid.series("list_mismatch_ratio", LIST, np.where(is_new, mismatch, np.nan))
    if "feature.order.value" in found:
        yield from _order_values(metrics, found["feature.order.value"], grid)
    if "model.version" in found:
        model = found["model.version"]
        yield grid.series("model_version", model, metrics.get(model, "model.version"))
    if "customer.count" in found:
        source = found["customer.count"]
        yield grid.series("customers_count", source, metrics.get(source, "customer.count"))


def _order_values(metrics: Metrics, job: str, grid: Grid) -> Iterator[Series]:
    """By country against the median of all countries in which people order."""
    countries = [attribute for _, metric, _, attribute in metrics if metric == "feature.order.value"]
    values = np.array([metrics.get(job, "feature.order.value", attribute=country) for country in countries])
    values = np.where(values > 0, values, np.nan)
    there = ~np.isnan(values).all(axis=0)
    usual, highest = np.full((2, values.shape[1]), np.nan)
    usual[there], highest[there] = np.nanmedian(values[:, there], axis=0), np.nanmax(values[:, there], axis=0)
    for country, ratios in zip(countries, ratio(values, usual), strict=True):
        yield grid.series("order_value_ratio", f"country.{country}", ratios)
    yield grid.series("order_value_spread", job, ratio(highest, usual))


def _by_segment(metrics: Metrics, component: str, metric: str) -> Array:
    return np.array([metrics.get(component, metric, attribute=segment) for segment in SEGMENTS])
