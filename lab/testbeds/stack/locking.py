"""Locks a table against readers and writers: a database session of the lab holds the lock, until its lease ends."""

from __future__ import annotations

import select
from typing import Any

from lab.agreed import leases
from lab.injection.levers import Place, TableLock
from lab.testbeds.stack.compose import StackError
from lab.testbeds.stack.database import ROLE, Database, failed, with_locks
from lab.testbeds.stack.views import LOCK_TIMEOUT

ANSWERS_WITHIN_S = 2.0
_HOLDERS = """
SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE relation = %s::regclass AND mode = 'AccessExclusiveLock' AND granted AND usename = %s
"""


class TableLocks:
    """Locks in the database of a stack, by the names that tables have in the topology."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sessions: dict[str, Any] = {}

    def read(self, place: Place) -> TableLock | None:
        """Whether a session of the lab's holds the lock, whichever process it belongs to."""
        with self._database.connect() as connection:
            held = connection.execute(_HOLDERS, (self._database.relation(place.table), ROLE)).fetchall()
        return TableLock() if held else None

    def write(self, place: Place, value: TableLock | None) -> None:
        """Takes the lock, once statements under way have ended, or ends it; StackError where they do not end."""
        if value is None:
            self._unlock(place.table)
        elif self.read(place) is None:
            self._sessions[place.table] = with_locks(
                lambda: self._locked_session(place.table), f"the table {place.table} stayed in use; it was not locked"
            )

    def _locked_session(self, table: str) -> Any:
        import psycopg

        session = self._database.open_session()
        try:
            # The server ends the session when nothing renews it: a lab that hangs holds no lock for ever.
            session.execute(f"SET idle_in_transaction_session_timeout = {round(leases.LEASE_S * 1000)}")
            session.execute("BEGIN")
            session.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            session.execute(f"LOCK TABLE {self._database.relation(table)} IN ACCESS EXCLUSIVE MODE")
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            session.close()
            raise
        except psycopg.Error as error:
            session.close()
            raise failed(error) from error
        return session

    def _unlock(self, table: str) -> None:
        """Ends every session of the lab's that holds the lock; safe to repeat."""
        with self._database.connect() as connection:
            for (pid,) in connection.execute(_HOLDERS, (self._database.relation(table), ROLE)).fetchall():
                connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        session = self._sessions.pop(table, None)
        if session is not None:
            session.close()

    def renew(self, place: Place) -> bool:
        """Renews the lease by a statement; False where the session has ended."""
        import psycopg
        from psycopg.pq import ConnStatus

        session = self._sessions.get(place.table)
        if session is None or session.closed:
            return False
        connection = session.pgconn
        try:
            if not connection.is_busy():
                connection.send_query(b"SELECT 1")
            # Not waited for longer: leases of other levers are renewed after this one.
            if not select.select([connection.socket], [], [], ANSWERS_WITHIN_S)[0]:
                raise StackError("the database does not answer")
            while connection.get_result() is not None:
                pass
        except psycopg.OperationalError:
            return False
        return bool(connection.status == ConnStatus.OK)
