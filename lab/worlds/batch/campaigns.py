"""The campaign tool: who is written to on a day, what it costs, and who responds when.

Every customer on the list is due one day a week and gets the campaign of the segment that the list says. Whether they
respond depends on what they truly are; they do so within two weeks.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.draws import normals, stream_key, uniforms
from lab.streams import Streams
from lab.worlds.batch.population import Population, numbers_of
from lab.worlds.batch.vocabulary import COUNTRIES, SEGMENTS

Array = npt.NDArray[Any]

RESPONSE = np.array(
    [
        [0.100, 0.035, 0.020, 0.020, 0.030],
        [0.030, 0.110, 0.025, 0.030, 0.010],
        [0.012, 0.020, 0.060, 0.010, 0.006],
        [0.030, 0.040, 0.020, 0.120, 0.020],
        [0.040, 0.012, 0.020, 0.020, 0.090],
    ]
)
"""Chance to respond of a customer of a type (rows) to the campaign of a segment (columns)."""
_VALUE_EUR = np.array([40.0, 26.0, 34.0, 30.0, 105.0])
_MARGIN = 0.30
COST_EUR = np.array([0.35, 0.25, 0.45, 0.40, 0.60])
"""Of a contact, by campaign: what is sent, and the voucher in it."""
LAGS = 15
"""Responses come 1 to 14 days after the contact."""
WEEK = 7


class Sent(NamedTuple):
    """What was sent at a time and what comes of it.

    request: the run that sent it. due (segments,): rows of the list whose day it was. contacts, cost_eur (segments,
    countries). responses, revenue_eur (segments, countries, LAGS): by days since the contact.
    """

    time_ns: int
    request: int
    due: Array
    contacts: Array
    cost_eur: Array
    responses: Array
    revenue_eur: Array


class Listed(NamedTuple):
    """The list that the tool works with: customers (n,), segments (n,)."""

    customers: Array
    segments: Array


class Campaigns:
    """`sent` by day. `response`: what chances are multiplied by, by campaign. `max_recency_days`: who ordered longer
    ago is not written to."""

    def __init__(self, streams: Streams, sent: dict[int, Sent]) -> None:
        self._streams = streams
        self.sent = sent
        self.response = np.ones(len(SEGMENTS))
        self.max_recency_days = 365.0

    def send(
        self, listed: Listed, recency_days: Array, population: Population, day: int, lively: float, now_ns: int = 0,
        request: int = -1,
    ) -> None:  # fmt: skip
        """Writes to those who are due on a day. recency_days (customers,): since their last order."""
        due = np.flatnonzero(listed.customers % WEEK == day % WEEK)
        taken = due[recency_days[listed.customers[due]] <= self.max_recency_days]
        customers, segments = listed.customers[taken], listed.segments[taken]
        country = population.country[customers]
        shape = (len(SEGMENTS), len(COUNTRIES))
        cells = segments * len(COUNTRIES) + country
        contacts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
        all_due = np.bincount(listed.segments[due], minlength=len(SEGMENTS))
        # Somebody who is on the list twice is written to twice, and buys once.
        first = np.zeros(len(customers), bool)
        first[np.unique(customers, return_index=True)[1]] = True
        kind = population.types[customers]
        key, numbers = stream_key(self._streams, "responses"), numbers_of(customers, day)
        chance = RESPONSE[kind, segments] * self.response[segments] * lively
        hit = np.flatnonzero(first & (uniforms(key, numbers, 0, 1)[:, 0] < chance))
        drawn = uniforms(key, numbers[hit], 0, 4)
        lag = 1 + np.minimum((np.log1p(-drawn[:, 1]) / np.log(2 / 3)).astype(np.int64), LAGS - 2)
        value = _MARGIN * _VALUE_EUR[kind[hit]] * np.exp(0.3 * normals(drawn[:, 2:4])[:, 0])
        at = cells[hit] * LAGS + lag
        size = shape[0] * shape[1] * LAGS
        responses = np.bincount(at, minlength=size).reshape(*shape, LAGS)
        revenue = np.round(np.bincount(at, value, size), 2).reshape(*shape, LAGS)
        found = Sent(now_ns, request, all_due, contacts, contacts * COST_EUR[:, None], responses, revenue)
        self.sent = {**self.sent, day: found}

    def copy(self) -> Campaigns:
        """One that goes on for itself."""
        copied = copy.copy(self)
        copied.response = self.response.copy()
        return copied
