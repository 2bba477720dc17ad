"""Whether a signal could be there of an element at all: of some it tells nothing, however much is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.registration.signals import SignalSpec
from lab.signals.lineage import Lineage

OF_NUMBERS = frozenset({"column_mean", "column_median", "column_drift_psi"})
"""Signals of columns of numbers. Keys are none: which numbers things have means nothing."""


def is_possible(signal: str, spec: SignalSpec, subject: str, system: Mapping[str, Any], lineage: Lineage) -> bool:
    """Whether a signal could have this subject, an element's name or a pattern of one; where in doubt it could."""
    if spec.only_of:
        return _does(subject, spec.only_of, system, lineage)
    if signal in OF_NUMBERS:
        dataset, _, column = subject.partition(".")
        known = lineage.registered.get(dataset)
        is_text = known is not None and column in known.columns and known.columns[column].type == "text"
        return not is_text and (not column or column != lineage.key(dataset))
    return True


def _does(subject: str, operation: str, system: Mapping[str, Any], lineage: Lineage) -> bool:
    """Whether a dataset is written by an operation, or a component calls for it; in doubt of what is neither."""
    if subject in lineage.registered:
        return lineage.registered[subject].of == operation
    component = system["components"].get(subject)
    return component is None or any(step.get("operation") == operation for step in component.get("steps", ()))
