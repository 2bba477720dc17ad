"""A shifted population: a feature of the people multiplied in their rows, from what it is without a shift."""

from __future__ import annotations

from lab.content.stack import StackPart
from lab.injection.levers import Place, PopulationShift
from lab.systems.topology import System
from lab.testbeds.stack.database import Database, with_locks
from lab.testbeds.stack.views import LOCK_TIMEOUT

# The seeding of a run replaces a relation's file, and with it all that was shifted in it.
_FILE = "pg_relation_filenode(to_regclass(relation))"

_NOTE = "INSERT INTO levers.shifted VALUES (%s, %s, %s, pg_relation_filenode(to_regclass(%s)))"


class Shifts:
    """Shifts in the database of a stack that serves this system, by its world's part."""

    def __init__(self, database: Database, part: StackPart, system: System) -> None:
        self._database = database
        self._part = part
        self._system = system

    def read(self, place: Place) -> PopulationShift | None:
        """What the rows' feature was multiplied by; None where it was not, or rows were filled anew since."""
        with self._database.connect() as connection:
            row = connection.execute(
                f"SELECT factor FROM levers.shifted WHERE feature = %s AND filenode = {_FILE}", (place.part,)
            ).fetchone()
        return PopulationShift(factor=float(row[0])) if row else None

    def write(self, place: Place, value: PopulationShift | None) -> None:
        """Multiplies a feature in all rows, or puts it back (None); safe to repeat."""
        feature = place.part
        shift = self._part.shift(self._system, feature, value.factor if value else 1.0)

        def change() -> None:
            with self._database.connect() as connection, connection.transaction():
                # The statement log is for statements of the services only.
                connection.execute("SET LOCAL log_min_duration_statement = -1")
                connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                # Row by row the same order as a run of a job, whose locks are waited for and not met; readers go on.
                for relation in shift.beside:
                    connection.execute(f"LOCK TABLE {relation} IN ACCESS SHARE MODE")
                connection.execute(f"LOCK TABLE {shift.relation} IN SHARE ROW EXCLUSIVE MODE")
                connection.execute(shift.statement, shift.values)
                connection.execute("DELETE FROM levers.shifted WHERE feature = %s", (feature,))
                if value is not None:
                    connection.execute(_NOTE, (feature, value.factor, shift.relation, shift.relation))

        with_locks(change, f"{shift.relation} stayed locked; nothing was changed")
