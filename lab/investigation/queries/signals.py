"""Signals as they were at a time: which there are, and their series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.investigation.queries.asking import QueryError, UnknownError, plain, within
from lab.investigation.view import View
from lab.registration.signals import SignalSpec
from lab.signals.catalogue import CORE, catalogue_of

MOST_SERIES = 12
"""Series of one answer."""
_GROUPS = {
    "entry link": "what users feel",
    "link": "links",
    "component": "components",
    "component.callee": "connections",
    "component.fallback": "fallbacks",
    "job": "jobs",
    "dataset": "datasets",
    "dataset.column": "columns of datasets",
    "host": "host",
    "`host.` and a resource": "host",
}
CONTENT = "features and predictions"


def catalogue(view: View, at_s: float) -> list[dict[str, Any]]:
    """Every signal that there is by now, with its subjects, in the order of the catalogue."""
    table = view.signals(at_s)
    specs = catalogue_of(view.system(at_s)["world"])
    return [
        {"signal": name, "unit": spec.unit, "doc": spec.doc, "group": _group(name, spec), "subjects": subjects}
        for name, spec in specs.items()
        if (subjects := table.subjects(name))
    ]


def _group(name: str, spec: SignalSpec) -> str:
    return _GROUPS.get(spec.subject, CONTENT) if name in CORE else CONTENT


def series(
    view: View, at_s: float, of: Sequence[str], since_s: float | None = None, until_s: float | None = None
) -> list[dict[str, Any]]:
    """Some series, each named `SIGNAL:SUBJECT`, by the ends of their intervals.

    A series that the system may have and that has no value yet is empty. UnknownError for a signal that there is not.
    """
    if len(of) > MOST_SERIES:
        raise QueryError("too many series at once", seen=str(len(of)), expected=f"at most {MOST_SERIES}")
    table = view.signals(at_s)
    specs = catalogue_of(view.system(at_s)["world"])
    found = []
    for name in of:
        signal, colon, subject = name.partition(":")
        if not colon or not subject:
            raise QueryError("not the name of a series", seen=name[:100], expected="SIGNAL:SUBJECT")
        if signal not in specs:
            raise UnknownError("unknown signal", expected="a name from the list of signals")
        one = table.get(signal, subject)
        entry = {"signal": signal, "subject": subject, "unit": specs[signal].unit, "times_s": [], "values": []}
        if one is not None:
            mask = within(one.times_s, since_s, until_s)
            entry |= {"times_s": plain(one.times_s[mask]), "values": plain(one.values[mask])}
        found.append(entry)
    return found
