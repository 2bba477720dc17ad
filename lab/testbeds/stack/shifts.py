"""A shifted population: a feature of all users multiplied in their rows, from what it is without a shift."""

from __future__ import annotations

from typing import Any

from lab.injection.levers import Place, PopulationShift
from lab.systems.topology import System
from lab.testbeds.stack.database import Database, with_locks
from lab.worlds.shop.view import LOCK_TIMEOUT

_AGGREGATED = {"views_recent_count": "s.views_recent_count", "recent_price_eur": "s.recent_price_eur"}
# The seeding of a run replaces the table's file, and with it all that was shifted in it.
_FILE = "pg_relation_filenode('public.users_base')"
# Row by row the same order as a run of the feed, whose locks are waited for and not met; readers go on.
_ALONE = "LOCK TABLE feed_state IN ACCESS SHARE MODE; LOCK TABLE users_base IN SHARE ROW EXCLUSIVE MODE"


class Shifts:
    """Shifts in the database of a stack that serves this system's world."""

    def __init__(self, database: Database, system: System) -> None:
        self._database = database
        self._system = system

    def read(self, place: Place) -> PopulationShift | None:
        """What the rows' feature was multiplied by; None where it was not, or rows were filled anew since."""
        with self._database.connect() as connection:
            row = connection.execute(
                f"SELECT factor FROM levers.shifts WHERE feature = %s AND filenode = {_FILE}", (place.part,)
            ).fetchone()
        return PopulationShift(factor=float(row[0])) if row else None

    def write(self, place: Place, value: PopulationShift | None) -> None:
        """Multiplies a feature in all rows, or puts it back (None); safe to repeat.

        A feature that the feed computes is so until its next run, which writes its own.
        """
        feature = place.part
        statement, values = self._update(feature, value.factor if value else 1.0)

        def change() -> None:
            with self._database.connect() as connection, connection.transaction():
                # The statement log is for statements of the services only.
                connection.execute("SET LOCAL log_min_duration_statement = -1")
                connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                connection.execute(_ALONE)
                connection.execute(statement, values)
                connection.execute("DELETE FROM levers.shifts WHERE feature = %s", (feature,))
                if value is not None:
                    connection.execute(f"INSERT INTO levers.shifts VALUES (%s, %s, {_FILE})", (feature, value.factor))

        with_locks(change, "the table of users stayed locked; nothing was changed")

    def _update(self, feature: str, factor: float) -> tuple[str, tuple[Any, ...]]:
        """The statement that sets a feature in all rows, and its values."""
        from lab.worlds.shop.catalog import make_catalog
        from lab.worlds.shop.features import CATEGORIES, INDEX, USER_FEATURES

        interests = {f"interest_{name}_ratio": f"s.interest_ratios[{i}]" for i, name in enumerate(CATEGORIES, 1)}
        aggregated = (_AGGREGATED | interests).get(feature)
        if aggregated:
            return (
                f"UPDATE users_base u SET {feature} = {aggregated} * %s FROM feed_state s WHERE s.user_id = u.user_id",
                (factor,),
            )
        assert self._system.world is not None
        values = make_catalog(self._system.world.seed).profile[:, INDEX[feature]]
        is_integer = USER_FEATURES[INDEX[feature]].type == "integer"
        shifted = "round(p.value * %s)::integer" if is_integer else "p.value * %s"
        source = "unnest(%s::float8[]) WITH ORDINALITY AS p(value, number)"
        statement = f"UPDATE users_base u SET {feature} = {shifted} FROM {source} WHERE u.user_id = p.number - 1"
        return statement, (factor, values.tolist())
