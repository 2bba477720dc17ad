"""Differences put together: those of one subject, and those that a dataset has because of what it is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lab.signals.periods.shapes import Copy, DatasetRow, Difference, Stretch

NEXT = 1
"""Periods by which a dataset may show later, or longer, what it has from the one that it is made from."""


def folded(found: Sequence[Difference], datasets: Sequence[DatasetRow]) -> tuple[Difference, ...]:
    """Each once, in the order in which they began; of those that began together in the order in which they came."""
    above = _upstream({row.dataset: row.inputs for row in datasets})
    told = _put_together(found)
    whole: dict[int, Difference] = {}
    for came, one in sorted(enumerate(told), key=lambda of: of[1].first):
        place = next((place for place, first in whole.items() if _is_copy(one, first, above)), None)
        if place is None:
            whole[came] = one
        else:
            copy = Copy(one.subject, one.since)
            whole[place] = replace(whole[place], also=(*whole[place].also, copy))
    order = [row.dataset for row in datasets]
    return tuple(
        replace(one, also=tuple(sorted(one.also, key=lambda copy: order.index(_owner(copy.subject)))))
        for _, one in sorted(whole.items(), key=lambda of: (of[1].since, of[0]))
    )


def _put_together(found: Sequence[Difference]) -> list[Difference]:
    """What of a subject differed several times alike is told once: the longest of them, and when it was so besides.

    The level that it had at first is that of the first of them.
    """
    alike: dict[tuple[str, ...], list[Difference]] = {}
    for one in found:
        kind = one.detail if one.what in ("runs", "content", "schema") else _way(one)
        alike.setdefault((one.subject, one.what, kind), []).append(one)
    told = []
    for of in alike.values():
        longest = max(of, key=lambda one: one.often)
        others = sorted((one for one in of if one is not longest), key=lambda one: one.first)
        begun = min(of, key=lambda one: one.first)
        again = tuple(Stretch(one.first, one.last) for one in others)
        told.append(replace(longest, at_first=begun.at_first, again=again))
    return told


def _is_copy(one: Difference, first: Difference, above: Mapping[str, Sequence[str]]) -> bool:
    """Whether a dataset has a difference, in a column of the same name, from another one that it is made from."""
    here, column = _parts(one.subject)
    there, other = _parts(first.subject)
    return (
        there in above.get(here, ())
        and (column, one.what, _way(one)) == (other, first.what, _way(first))
        and first.first <= one.first <= first.first + NEXT
        and one.last <= first.last + NEXT
    )


def _way(one: Difference) -> str:
    """In which direction something went; of what has no direction how it differed."""
    if one.what != "distribution":
        return one.detail
    return "" if one.before is None or one.after is None else "more" if one.after > one.before else "fewer"


def _parts(subject: str) -> tuple[str, str]:
    dataset, _, column = subject.partition(".")
    return dataset, column


def _owner(subject: str) -> str:
    return _parts(subject)[0]


def _upstream(inputs: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """All that each dataset is made from, also by way of others."""
    found = {}
    for dataset in inputs:
        known: dict[str, None] = {}
        waiting = [*inputs[dataset]]
        while waiting:
            name = waiting.pop()
            if name not in known and name != dataset:
                known[name] = None
                waiting += inputs.get(name, ())
        found[dataset] = tuple(known)
    return found
