"""Where a system's components are drawn: callers left of what they call, jobs aside, each below what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.systems.needs import in_order_of_needs

Link = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """Column from the left, and row from the top; rows of a short column lie between those of a long one."""

    column: int
    row: float


def forward(names: Sequence[str], links: Iterable[Link], start: str) -> list[Link]:
    """The links without those that close a circle, as met on a walk from `start`, then from whatever is left."""
    calls: dict[str, list[str]] = {name: [] for name in names}
    for caller, callee in links:
        if caller in calls and callee in calls and caller != callee:
            calls[caller].append(callee)
    kept: list[Link] = []
    state: dict[str, int] = {}
    for first in [start, *names]:
        if first in state or first not in calls:
            continue
        state[first] = 1
        stack = [(first, iter(calls[first]))]
        while stack:
            name, left = stack[-1]
            for callee in left:
                if state.get(callee) == 1:
                    continue  # it is still being walked through: this link leads back up
                kept.append((name, callee))
                if callee not in state:
                    state[callee] = 1
                    stack.append((callee, iter(calls[callee])))
                    break
            else:
                state[name] = 2
                stack.pop()
    return kept


def layers(names: Sequence[str], links: Sequence[Link], jobs: frozenset[str]) -> dict[str, int]:
    """Each component's column: one right of the rightmost of its callers; a job just left of the first it calls."""
    column = dict.fromkeys(names, 0)
    for _ in names:  # as often as the longest chain at most
        changed = False
        for caller, callee in links:
            if column[callee] < column[caller] + 1:
                column[callee] = column[caller] + 1
                changed = True
        if not changed:
            break
    for job in jobs:
        called = [column[callee] for caller, callee in links if caller == job]
        if called and not any(callee == job for _, callee in links):
            column[job] = max(0, min(called) - 1)
    return column


def places(
    kinds: Mapping[str, str], links: Sequence[Link], users: str, needs: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Place]:
    """A place for every component of `kinds` (name to kind). `needs`: of each job the jobs that it needs."""
    names = list(kinds)
    jobs = frozenset(name for name, kind in kinds.items() if kind == "job")
    onward = forward(names, links, users)
    column = layers(names, onward, jobs)
    columns: dict[int, list[str]] = {}
    for name in names:
        if name not in jobs:
            columns.setdefault(column[name], []).append(name)
    tallest = max((len(found) for found in columns.values()), default=0)
    placed: dict[str, Place] = {}
    for number in sorted(columns):
        found = sorted(columns[number], key=lambda name: (_height(name, onward, placed), names.index(name)))
        for i, name in enumerate(found):
            placed[name] = Place(number, i + (tallest - len(found)) / 2)
    below: dict[int, int] = {}
    for name in in_order_of_needs((name for name in names if name in jobs), needs or {}):
        # Below everything, unless nothing but jobs is in their column.
        row = below.setdefault(column[name], tallest if column[name] in columns else 0)
        placed[name] = Place(column[name], row)
        below[column[name]] = row + 1
    return placed


def _height(name: str, links: Sequence[Link], placed: Mapping[str, Place]) -> float:
    """Mean row of those that call it: links cross less where components lie beside their callers."""
    rows = [placed[caller].row for caller, callee in links if callee == name and caller in placed]
    return sum(rows) / len(rows) if rows else 0.0
