"""What came of campaigns, as the campaign tool tells it: counts by scrape interval, rows of the table `contacts`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.content.protocol import Columns, Counts, Times
from lab.recording.arrow import coded_array
from lab.worlds.batch.campaigns import LAGS, Sent
from lab.worlds.batch.dates import DAY_NS
from lab.worlds.batch.recorded import LABEL_DAYS
from lab.worlds.batch.vocabulary import COUNTRIES, SEGMENTS

Array = npt.NDArray[Any]
RIPENS_NS = LABEL_DAYS * DAY_NS
COUNTED = LABEL_DAYS + 1
"""So many of the lags are within the label window."""


def counts(sent: Mapping[int, Sent], edges_ns: Times, component: str) -> list[tuple[str, str, str, Counts]]:
    """(component, metric, attribute, count by interval)."""
    times_ns = np.array([one.time_ns for one in sent.values()])
    contacts, cost, due = (_by_segment(sent, name) for name in ("contacts", "cost_eur", "due"))
    responses, revenue = (_by_lag(sent, name) for name in ("responses", "revenue_eur"))
    answered, back = responses[..., :COUNTED].sum(axis=2), revenue[..., :COUNTED].sum(axis=2)
    later_ns = times_ns[:, None] + np.arange(LAGS) * DAY_NS
    whole = {
        "contact.count": (times_ns, contacts.sum(axis=1)),
        "contact.cost": (times_ns, cost.sum(axis=1)),
        "contact.ripe.count": (times_ns + RIPENS_NS, contacts.sum(axis=1)),
        "contact.ripe.cost": (times_ns + RIPENS_NS, cost.sum(axis=1)),
        "contact.ripe.response.count": (times_ns + RIPENS_NS, answered.sum(axis=1)),
        "contact.ripe.revenue": (times_ns + RIPENS_NS, back.sum(axis=1)),
        "response.count": (later_ns, responses.sum(axis=1)),
        "response.revenue": (later_ns, revenue.sum(axis=1)),
    }
    by_segment = {
        "campaign.due.count": (times_ns, due),
        "campaign.contact.count": (times_ns, contacts),
        "campaign.ripe.cost": (times_ns + RIPENS_NS, cost),
        "campaign.ripe.revenue": (times_ns + RIPENS_NS, back),
    }
    found = [(component, name, "", _sums(edges_ns, *of)) for name, of in whole.items()]
    for name, (at_ns, values) in by_segment.items():
        found += [(component, name, one, _sums(edges_ns, at_ns, values[:, i])) for i, one in enumerate(SEGMENTS)]
    return found


def _by_segment(sent: Mapping[int, Sent], name: str) -> Array:
    """A part of what was sent, (days, segments)."""
    stacked = np.stack([getattr(one, name) for one in sent.values()])
    return stacked if stacked.ndim == 2 else np.asarray(stacked.sum(axis=2))


def _by_lag(sent: Mapping[int, Sent], name: str) -> Array:
    """What came of it, (days, segments, LAGS)."""
    return np.stack([getattr(one, name).sum(axis=1) for one in sent.values()])


def _sums(edges_ns: Times, times_ns: Array, values: Array) -> Array:
    """Values at times by interval; what lies outside of all is left out."""
    at = np.searchsorted(edges_ns, times_ns.ravel(), side="right")
    return np.bincount(at, values.ravel().astype(np.float64), len(edges_ns) + 1)[1 : len(edges_ns)]


def rows(sent: Iterable[Sent], start_ns: int, until_ns: int, component: str) -> dict[str, Columns]:
    """Rows of what was sent, with what came of it as far as it is known by a time."""
    parts = [one for one in sent if start_ns <= one.time_ns <= until_ns]
    if not parts:
        return {}
    columns: dict[str, list[Array]] = {name: [] for name in ("time_s", "request", "segment", "country", *_NUMBERS)}
    for one in parts:
        segment, country = np.nonzero(one.contacts)
        is_known = one.time_ns + RIPENS_NS <= until_ns
        found = [one.responses[..., :COUNTED].sum(axis=2), one.revenue_eur[..., :COUNTED].sum(axis=2)]
        numbers = [one.contacts, np.round(one.cost_eur, 2), *(np.where(is_known, of, np.nan) for of in found)]
        columns["time_s"].append(np.full(len(segment), (one.time_ns - start_ns) / NS))
        columns["request"].append(np.full(len(segment), one.request))
        columns["segment"].append(segment)
        columns["country"].append(country)
        for name, values in zip(_NUMBERS, numbers, strict=True):
            columns[name].append(values[segment, country])
    whole = {name: np.concatenate(values) for name, values in columns.items()}
    named = {
        "service.name": coded_array(np.zeros(len(whole["time_s"]), np.int64), [component]),
        "campaign": coded_array(whole["segment"], SEGMENTS),
        "segment": coded_array(whole.pop("segment"), SEGMENTS),
        "country": coded_array(whole.pop("country"), COUNTRIES),
    }
    return {"contacts": whole | named}


_NUMBERS = ("contacts", "cost_eur", "responses", "revenue_eur")
