"""The database as the lab's role sees it: the views that feature code reads, and what they are changed to.

The state of the views is kept in a schema of the lab's own: no service reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from lab.agreed import ports
from lab.content.stack import View
from lab.testbeds.stack.compose import Compose, StackError, room_hint
from lab.testbeds.stack.views import view_sql

ROLE = "lab"
PASSWORD = "LAB_DB_ADMIN_PASSWORD"
LOCK_ATTEMPTS, LOCK_PAUSE_S, LOCK_PAUSE_LONGER_BY_S = 40, 0.1, 0.02

Result = TypeVar("Result")


class Database:
    """The database of a stack. `name` is its own, `password` that of the lab's role; `views` by table."""

    def __init__(self, compose: Compose, name: str, password: str, views: Mapping[str, View]) -> None:
        self.views = views
        self._compose = compose
        self._name = name
        self._password = password

    def open_session(self) -> Any:
        """A connection that the caller closes; StackError where there is none to be had."""
        import psycopg

        host, port = self._compose.address("db", ports.DATABASE)
        try:
            return psycopg.connect(
                host=host, port=port, dbname=self._name, user=ROLE, password=self._password, connect_timeout=5,
                autocommit=True,
            )  # fmt: skip
        except psycopg.Error as error:
            raise failed(error) from error

    @contextmanager
    def connect(self) -> Iterator[Any]:
        """A connection whose failures are the stack's, except for a lock not had in time: that is tried again."""
        import psycopg

        try:
            with self.open_session() as connection:
                yield connection
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            raise
        except psycopg.Error as error:
            raise failed(error) from error

    def relation(self, table: str) -> str:
        """The relation behind a table of the topology: of a view that it is over, where readers and writers meet."""
        return self.views[table].base if table in self.views else table

    def view_state(self, table: str) -> dict[str, Any]:
        """What a table's view is changed to: `columns` by name, as the lever has them, and `slow_s`."""
        with self.connect() as connection:
            row = connection.execute("SELECT state FROM levers.views WHERE name = %s", (table,)).fetchone()
        state: dict[str, Any] = row[0] if row else {"columns": {}, "slow_s": 0.0}
        return state

    def set_view(self, table: str, state: Mapping[str, Any]) -> None:
        """Changes a table's view, and what is known of it, at once; StackError where readers never let go of it."""
        from psycopg.types.json import Jsonb

        def change() -> None:
            with self.connect() as connection, connection.transaction():
                connection.execute(view_sql(table, self.views[table], state["columns"], state["slow_s"]))
                connection.execute("DELETE FROM levers.views WHERE name = %s", (table,))
                connection.execute("INSERT INTO levers.views VALUES (%s, %s)", (table, Jsonb(dict(state))))

        with_locks(change, f"the view {table} stayed locked by readers; nothing was changed")


def with_locks(attempt: Callable[[], Result], otherwise: str) -> Result:
    """What the attempt gives once it has the locks that it needs; StackError with the words where it never has them."""
    from psycopg.errors import DeadlockDetected, LockNotAvailable
    from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_incrementing

    retrying = Retrying(
        stop=stop_after_attempt(LOCK_ATTEMPTS),
        wait=wait_incrementing(LOCK_PAUSE_S, LOCK_PAUSE_LONGER_BY_S),
        retry=retry_if_exception_type((LockNotAvailable, DeadlockDetected)),
    )
    try:
        return retrying(attempt)
    except RetryError:
        raise StackError(otherwise) from None


def failed(error: Exception) -> StackError:
    """A failure of the database as one of the stack."""
    message = " ".join(str(error).split())
    return StackError(f"the database: {message}{room_hint(message)}")
