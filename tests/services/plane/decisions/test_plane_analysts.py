"""The analysts' desk: a few at a time, a queue that holds so many, nobody waits for longer than people do."""

from __future__ import annotations

import asyncio
import statistics

import pytest
from prometheus_client import CollectorRegistry

from lab.systems.files import load_system
from lab.systems.topology import Component, ServiceTime
from services.common.trace import TraceContext, root_span
from services.decisions.analysts.desk import Desk, drawn_s

ANALYSTS = load_system("fraud").components["analysts"]


class Watched:
    """A desk of a component that differs from fraud's in some ways, and what came of it."""

    def __init__(self, **changes: object) -> None:
        self.registry = CollectorRegistry()
        self.looked: list[TraceContext] = []
        component: Component = ANALYSTS.model_copy(update=changes)
        self.desk = Desk(component, self.registry, self.looked.append)

    def value(self, name: str) -> float:
        """A metric's present value."""
        found = self.registry.get_sample_value(name)
        assert found is not None, name
        return found


def during(watched: Watched, seconds: float) -> None:
    """Has them work for so long."""

    async def work() -> None:
        task = asyncio.create_task(watched.desk.work())
        await asyncio.sleep(seconds)
        task.cancel()

    asyncio.run(work())


def test_a_full_queue_turns_away() -> None:
    watched = Watched(workers=2, queue=3)
    taken = [watched.desk.put(root_span()) for _ in range(7)]
    assert taken == [True] * 5 + [False] * 2, "two that free workers take at once, three that wait"
    assert watched.value("server_queue_shed_total") == 2


def test_payments_are_looked_at_in_order_and_as_many_at_a_time_as_there_are_workers() -> None:
    watched = Watched(workers=2, service_time=ServiceTime(mean="200ms", cv=0))
    payments = [root_span() for _ in range(5)]
    for payment in payments:
        watched.desk.put(payment)
    during(watched, 0.3)
    assert watched.looked == payments[:2]
    assert watched.value("server_request_duration_seconds_count") == 2
    assert watched.value("server_queue_wait_seconds_count") == 4, "two more are being looked at"
    assert watched.value("server_queue_length") == 1


def test_who_waited_too_long_is_turned_away_and_looked_at_by_nobody() -> None:
    watched = Watched(workers=1, max_wait_s=0.05, service_time=ServiceTime(mean="400ms", cv=0))
    first, second = root_span(), root_span()
    watched.desk.put(first)
    watched.desk.put(second)
    during(watched, 0.6)
    assert watched.looked == [first]
    assert watched.value("server_queue_shed_total") == 1
    assert watched.value("server_queue_length") == 0


def test_times_have_the_mean_and_the_spread_of_the_topology() -> None:
    assert ANALYSTS.service_time is not None
    drawn = [drawn_s(ANALYSTS.service_time) for _ in range(20_000)]
    mean = statistics.fmean(drawn)
    assert mean == pytest.approx(ANALYSTS.service_time.mean_s, rel=0.05)
    assert statistics.stdev(drawn) / mean == pytest.approx(ANALYSTS.service_time.cv, rel=0.1)
