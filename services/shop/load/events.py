"""Shoppers' events on their way into the database: in batches, kept until they are in."""

from __future__ import annotations

from collections import deque

import gevent
import psycopg
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_fixed

from services.shop.load.shoppers import Event

INTERVAL_S = 0.2
RETRY_S = 0.5
QUEUE_MAX = 200_000


class EventWriter:
    """Writes events over a connection of its own: shoppers' tracking is no part of the recommender."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._queue: deque[Event] = deque(maxlen=QUEUE_MAX)
        self._connection: psycopg.Connection | None = None

    def put(self, events: list[Event]) -> None:
        """Queues events; never waits."""
        self._queue.extend(events)

    def run(self) -> None:
        """Writes for ever."""
        retrying = Retrying(
            sleep=gevent.sleep,
            wait=wait_fixed(RETRY_S),
            retry=retry_if_exception_type((psycopg.Error, OSError)),
            before_sleep=self._disconnect,
        )
        while True:
            gevent.sleep(INTERVAL_S)
            while self._queue:
                for _ in range(retrying(self._write)):
                    self._queue.popleft()

    def _disconnect(self, _: RetryCallState) -> None:
        self._connection = None

    def _write(self) -> int:
        """Writes all that wait, and returns how many those are."""
        batch = list(self._queue)
        if self._connection is None:
            self._connection = psycopg.connect(self._conninfo, connect_timeout=3, prepare_threshold=None)
        statement = "COPY events (user_id, kind, category, log_price_eur, occurred_at) FROM STDIN"
        with self._connection.transaction(), self._connection.cursor().copy(statement) as copy:
            for event in batch:
                copy.write_row(event)
        return len(batch)
