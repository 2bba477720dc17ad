"""Where the traces of a fault can be seen: on the culprit, and on the way from it to where people feel it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

from lab.contracts import Case, Evidence
from lab.signals.catalogue import known_signals


def _distances(start: str, neighbours: Mapping[str, frozenset[str]]) -> dict[str, int]:
    """Steps from one element to every element that can be reached; a link lies between its two ends."""
    found, waiting = {start: 0}, deque([start])
    while waiting:
        element = waiting.popleft()
        for other in sorted(neighbours.get(element, frozenset())):
            if other not in found:
                found[other] = found[element] + 1
                waiting.append(other)
    return found


def elements_between(culprit: str, case: Case) -> frozenset[str]:
    """The elements whose signals may be evidence against a culprit; empty where the topology does not know it.

    The culprit itself (of a link also its ends), the links over which it is called, and every shortest way from it to
    the link on which users feel a fault, with both ends of that link.
    """
    neighbours = case.neighbours
    if culprit not in neighbours:
        return frozenset()
    called_over = {link for link in neighbours[culprit] if link.endswith(f"->{culprit}")}
    near, far = _distances(culprit, neighbours), _distances(case.symptom, neighbours)
    length = near.get(case.symptom)
    between = {e for e, steps in near.items() if steps + far.get(e, math.inf) == length}
    ends = {*culprit.split("->"), *case.symptom.split("->")}
    return frozenset({culprit, case.symptom, *ends, *called_over, *between})


def lies_on_the_way(evidence: Evidence, culprit: str, case: Case) -> bool:
    """Whether a cited signal lies on the culprit or on the way from it to the symptom.

    `component.fallback` is about the component. A feature column is about the components that hand columns out, and
    about the people whom it describes; where nobody is known to hand them out, it is let pass. The host under all
    components speaks of none of them.
    """
    owner, between = evidence.subject.partition(".")[0], elements_between(culprit, case)
    if owner in case.neighbours:
        return owner in between
    spec = known_signals().get(evidence.signal)
    if not between or (spec is not None and spec.subject != "column"):
        return False
    users = case.symptom.partition("->")[0]
    return not case.column_holders or culprit == users or bool(case.column_holders & between)
