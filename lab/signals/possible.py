"""Whether a signal could be there of an element at all: of some it tells nothing, however much is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.registration.world import recorded_world
from lab.signals.lineage import Lineage

OF_NUMBERS = frozenset({"column_mean", "column_median", "column_drift_psi"})
"""Signals of columns of numbers. Keys are none: which numbers things have means nothing."""


def is_possible(signal: str, subject: str, system: Mapping[str, Any], lineage: Lineage) -> bool:
    """Whether a signal could have this subject, an element's name or a pattern of one; where in doubt it could."""
    world = system.get("world")
    for signals in recorded_world(world).signals if world else ():
        if operation := signals.only_of.get(signal):
            return _does(subject, operation, system, lineage)
    if signal in OF_NUMBERS:
        dataset, _, column = subject.partition(".")
        known = lineage.registered.get(dataset)
        is_text = known is not None and column in known.columns and known.columns[column].type == "text"
        return not is_text and (not column or column != lineage.key(dataset))
    return True


def _does(subject: str, operation: str, system: Mapping[str, Any], lineage: Lineage) -> bool:
    """Whether a dataset is written by an operation, or a component calls or is called for it; in doubt of others."""
    if subject in lineage.registered:
        return lineage.registered[subject].of == operation
    if subject not in system["components"]:
        return True
    ends = (
        {caller, step.get("call")}
        for caller, component in system["components"].items()
        for step in component.get("steps", ())
        if step.get("operation") == operation
    )
    return any(subject in both for both in ends)
