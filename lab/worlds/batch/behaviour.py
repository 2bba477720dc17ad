"""What customers do on a day, by what they truly are: orders, what they pay, what of it was discounted, visits."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.draws import normals, stream_key, uniforms
from lab.streams import Streams
from lab.worlds.batch.population import Population, numbers_of
from lab.worlds.batch.vocabulary import UNITS_PER_EUR

Array = npt.NDArray[Any]

# By type, as in `SEGMENTS`.
_ORDERS = np.array([0.16, 0.10, 0.012, 0.05, 0.09])
_BASKET_EUR = np.array([38.0, 24.0, 32.0, 30.0, 110.0])
_DISCOUNTED = np.array([0.15, 0.7, 0.25, 0.35, 0.08])
_VISITS = np.array([0.35, 0.55, 0.05, 0.3, 0.25])
WEEKDAYS = np.array([0.95, 0.92, 0.95, 1.0, 1.15, 1.2, 0.83])
"""How much is ordered on a day of the week, Monday first, beside the mean."""
_MOST = 8
"""Orders, and visits, of a customer in a day."""


class Day(NamedTuple):
    """What customers did in a day, by number (customers,): money in the currency of their country."""

    orders: Array
    amount: Array
    discounted: Array
    visits: Array


def live(population: Population, day: int, weekday: int, lively: float, streams: Streams) -> Day:
    """What each of the customers did on a day; `lively`: how much of it there is beside an ordinary day."""
    count = population.count
    kind = population.types[:count]
    key, numbers = stream_key(streams, "days"), numbers_of(np.arange(count), day)
    drawn = uniforms(key, numbers, 0, 2)
    is_there = population.since_day[:count] <= day
    level = np.where(is_there, WEEKDAYS[weekday] * lively, 0.0)
    orders = _poisson(drawn[:, 0], _ORDERS[kind] * population.rate[:count] * level)
    visits = _poisson(drawn[:, 1], _VISITS[kind] * population.visiting[:count] * level) + (orders > 0)
    buying = np.flatnonzero(orders)
    amount, discounted = np.zeros(count), np.zeros(count)
    of = kind[buying]
    bought = uniforms(key, numbers[buying], 0, 5)[:, 2:]  # few buy: the others need no numbers for it
    spread = np.exp(0.35 * normals(bought[:, :2])[:, 0])
    money = np.array(UNITS_PER_EUR)[population.country[buying]]
    amount[buying] = orders[buying] * _BASKET_EUR[of] * population.basket[buying] * spread * money
    odds = np.log(_DISCOUNTED[of] / (1 - _DISCOUNTED[of])) + population.thrift[buying]
    discounted[buying] = orders[buying] * (bought[:, 2] < 1 / (1 + np.exp(-odds)))
    return Day(orders, np.round(amount, 2), discounted, visits)


def _poisson(drawn: Array, mean: Array) -> Array:
    """Poisson numbers of uniform ones, by the inverse: most are 0, so that few places are looked at again."""
    found = np.zeros(len(drawn))
    chance = np.exp(-mean)
    at = np.flatnonzero(drawn > chance)
    chance, below = chance[at], chance[at]
    for number in range(1, _MOST + 1):
        if not len(at):
            break
        found[at] = number
        chance = chance * mean[at] / number
        below = below + chance
        kept = drawn[at] > below
        at, chance, below = at[kept], chance[kept], below[kept]
    return found
