"""Data that arrive after they were read."""

from __future__ import annotations

from collections.abc import Iterator

from lab.contracts import Boundary
from lab.errors import ParameterError, Problem
from lab.files.units import PositiveDuration, PositiveRatio
from lab.injection.faults import fault
from lab.injection.levers import PartitionDelay, Testbed, table_of
from lab.systems.topology import Name, System


def _usual(system: System, database: str) -> dict[str, str | None]:
    return {"table": table_of(system, database)}


@fault(
    "late-partition",
    boundary=Boundary.DATA,
    target="database",
    witnesses=(),  # who reads partitions, and when, is a matter of worlds
    recovery_s=60,
    defaults=_usual,
)
def late_partition(
    testbed: Testbed,
    database: str,
    *,
    delay: PositiveDuration,
    fraction: PositiveRatio = 1.0,
    table: Name | None = None,
) -> Iterator[None]:
    """New partitions of a table land `delay` later, and whoever reads them before that misses what is not there yet.

    `fraction` is the share of each partition's rows that is late, as where one of its shards is (mild: 30%). `table`
    need not be given where the database has one that feature code reads, or only one.
    """
    if table is None:
        what, expected = "the database has several tables, or none", "'table': which one is meant"
        raise ParameterError("table", Problem(what, seen="no 'table'", expected=expected))
    with testbed.pull(f"{database}/{table}", PartitionDelay(seconds=delay, fraction=fraction)):
        yield
