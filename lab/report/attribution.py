"""Who is guilty, who was blamed and what the faults moved: the graph's marks and the key beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lab.contracts import Truth
from lab.report.answers import blaming
from lab.report.format import NOTHING
from lab.report.graph import BLAMED, GUILTY, Graph, Marks, element_of
from lab.report.matrix import Entry

MAX_NAMED = 8
MAX_BLAMED = 3
KeyLine = tuple[str, str, str]
"""Colour, word, what it says of this run."""


def marks(entry: Entry, engines: Sequence[str], truth: Truth) -> Marks:
    """The marks of a run: as many findings of an engine count as its blame as there are guilty elements.

    An engine that blames more than `MAX_BLAMED` elements alike, as `chance` does, marks nothing.
    """
    blamed: dict[str, tuple[str, ...]] = {}
    for engine in engines:
        culprits = dict.fromkeys(finding.culprit for finding in blaming(entry.run.diagnosis(engine), truth))
        for culprit in culprits if len(culprits) <= max(MAX_BLAMED, len(truth.faults)) else ():
            blamed[culprit] = (*blamed.get(culprit, ()), engine)
    moved = Counter(element for element in _moved(entry) if element)
    return Marks(frozenset(fault.culprit for fault in truth.faults), blamed, moved)


def _moved(entry: Entry) -> list[str | None]:
    """For each signal that a fault moved, the element it belongs to; None for a column of the data."""
    elements = entry.run.neighbours
    signals = {(e["signal"], e["subject"]) for moved in entry.run.effects().values() for e in moved}
    return [element_of(subject, elements) for _, subject in sorted(signals)]


def key(entry: Entry, marked: Marks, drawn: Graph, truth: Truth) -> tuple[KeyLine, ...]:
    """The marks in words, so that no information depends on a colour or a shape alone."""
    guilty = "; ".join(f"{fault.culprit} ({fault.kind})" for fault in truth.faults)
    lines: list[KeyLine] = [("guilty", GUILTY, guilty or "nothing was broken")]
    blamed = [f"{culprit} (by engine {', '.join(engines)})" for culprit, engines in marked.blamed.items()]
    lines.append(("blamed", BLAMED, _listed(blamed) or "nothing"))
    found = _moved(entry)
    if found:
        columns = found.count(None)
        parts = [f"{count} of {element}" for element, count in _by_size(marked)]
        parts += [f"{columns} of data columns" if columns else ""]
        lines.append(("count", "signals moved", _listed([part for part in parts if part])))
    elif not truth.is_control:
        lines.append(("count", "signals moved", NOTHING))
    if drawn.elsewhere:
        lines.append(("", "not drawn", _listed(list(drawn.elsewhere))))
    if drawn.left_out:
        lines.append(("", f"{drawn.left_out} more components", "are not drawn: none of them is guilty or blamed"))
    return tuple(lines)


def _by_size(marked: Marks) -> list[tuple[str, int]]:
    return sorted(marked.moved.items(), key=lambda item: (-item[1], item[0]))


def _listed(parts: Sequence[str]) -> str:
    more = f"; and {len(parts) - MAX_NAMED} more" if len(parts) > MAX_NAMED else ""
    return "; ".join(parts[:MAX_NAMED]) + more
