"""What a calendar cannot tell: signals without a value, columns of which little is known, datasets without a check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lab.registration.world import recorded_world
from lab.signals import SignalTable
from lab.signals.periods.movements import indicators_of
from lab.signals.periods.shapes import Check, DatasetRow, DriftRow, JobRow, Unmeasured


def unmeasured(
    system: Mapping[str, Any],
    signals: SignalTable,
    jobs: Sequence[JobRow],
    datasets: Sequence[DatasetRow],
    drift: Sequence[DriftRow],
) -> Unmeasured:
    """All of it, of the world of a system; nothing where it has none."""
    if system.get("world") is None:
        return Unmeasured((), (), (), (), ())
    checks = tuple(_checks(system, jobs))
    profiled = {row.dataset for row in drift}
    return Unmeasured(
        signals=tuple(name for name in _registered(system) if not signals.subjects(name)),
        datasets=tuple(row.dataset for row in datasets if row.dataset not in profiled),
        columns=tuple(f"{row.dataset}.{row.column}" for row in drift if all(value is None for value in row.psi)),
        checks=checks,
        unchecked=tuple(row.dataset for row in datasets if not any(row.dataset in one.datasets for one in checks)),
    )


def _registered(system: Mapping[str, Any]) -> tuple[str, ...]:
    """Indicators and other signals of the system's world, by name."""
    registered = recorded_world(str(system["world"])).signals
    return tuple(dict.fromkeys((*indicators_of(system), *(name for one in registered for name in one.catalogue))))


def _checks(system: Mapping[str, Any], jobs: Sequence[JobRow]) -> Iterator[Check]:
    operations = recorded_world(str(system["world"])).operations
    for row in jobs:
        for step in system["components"][row.job]["steps"]:
            known = operations.get(str(step.get("operation")))
            if known is not None and known.checks:
                yield Check(row.job, known.checks, known.doc)
