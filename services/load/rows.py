"""Rows of what people did, on their way into the database: in batches, kept until they are in."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import gevent
import psycopg
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_fixed

INTERVAL_S = 0.2
RETRY_S = 0.5
QUEUE_MAX = 200_000


class RowWriter:
    """Writes rows over a connection of its own: what people leave behind is no part of the system under test.

    `target`: a relation and its columns, `events (user_id, kind)`.
    """

    def __init__(self, conninfo: str, target: str) -> None:
        self._conninfo = conninfo
        self._statement = f"COPY {target} FROM STDIN"
        self._queue: deque[Sequence[Any]] = deque(maxlen=QUEUE_MAX)
        self._connection: psycopg.Connection | None = None

    def put(self, rows: Sequence[Sequence[Any]]) -> None:
        """Queues rows; never waits."""
        self._queue.extend(rows)

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
        with self._connection.transaction(), self._connection.cursor().copy(self._statement) as copy:
            for row in batch:
                copy.write_row(row)
        return len(batch)
