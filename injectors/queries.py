"""A database that answers late although its machine has nothing to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from lab.contracts import Boundary
from lab.errors import ParameterError, Problem
from lab.files.units import Duration
from lab.injection.faults import Witness, fault
from lab.injection.levers import TableSlow, Testbed, table_of
from lab.systems.topology import System

Table = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


def _usual(system: System, database: str) -> dict[str, str | None]:
    return {"table": table_of(system, database)}


@fault(
    "slow-query",
    boundary=Boundary.SERVICE,
    target="database",
    witnesses=(Witness("self_time_mean_s", "{target}", 0.003),),
    recovery_s=45,
    defaults=_usual,
)
def slow_query(
    testbed: Testbed, database: str, *, table: Table | None = None, delay: Annotated[Duration, Field(gt=0)] = 0.05
) -> Iterator[None]:
    """Each statement on a table takes `delay` longer, in which it waits and needs no CPU (mild: 10ms).

    So it is where pages come from a disk because nobody keeps the index and its statistics. No statement waits for
    another. `table` need not be given where the database has one that feature code reads, or only one.
    """
    if table is None:
        what, expected = "the database has several tables, or none", "'table': which one is meant"
        raise ParameterError("table", Problem(what, seen="no 'table'", expected=expected))
    with testbed.pull(f"{database}/{table}", TableSlow(seconds=delay)):
        yield
