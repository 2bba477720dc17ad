"""What looked suspicious in a control, why it was nothing, and what it would have cost to believe it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from lab.injection.faults import fault_type
from lab.investigation.aftermath import number
from lab.investigation.detection import FAILURES
from lab.investigation.exercises import Exercise
from lab.investigation.remedies import remedies
from lab.investigation.told import Json, Record, Told
from lab.recording.schema import DATASET_VERSIONS
from lab.registration.known import slis_of
from lab.report.format import quantity
from lab.signals import Series
from lab.signals.catalogue import spec_of
from lab.signals.windows import is_before

MOST = 4
MOST_STILL = 8
LEAST_BEFORE = 5
"""Known values before an event without which nothing is said to be usual."""
FAR_SPREADS = 2.0
"""How many times the usual range, between the least and the most before, a level must have left its middle."""
LEAST_SHARE = 0.05
"""Of a level, that counts as its range where it hardly varied."""
LASTS = 3
"""Known values in a row that are a level."""


def suspicions(told: Told, exercise: Exercise, answers: Iterable[Json], record: Record | None = None) -> Json | None:
    """What a control had that looked like a cause; None where something was wrong.

    `events`: what happened that was harmless, each with what it was, what moved since (`moved`) and what its own
    element did meanwhile (`own`): the level before, the range that was usual then, and the level since. `blamed`: the
    same of what the participant blamed beside these. `moved`: what went far of all signals; `still`: what did not, of
    what has the same subject as these, and of the system's indicators. `said`: who noticed first, as the participant
    answered. `accusation`: points, and remedies that somebody who believed it
    would have done, with the time that they take people.
    """
    if told.truth.faults or told.truth.degraded:
        return None
    scenario = exercise.scenario.scenario
    given = {use.id: dict(use.given) for use in scenario.decoys}
    events = []
    for decoy in told.truth.decoys:
        own = [*_levels(decoy.at_s, _own(told, decoy.element))]
        own.sort(key=lambda one: not one["is_far"] and one["unit"] == "s")  # what it does before how long that takes
        events.append({
            "kind": decoy.kind, "element": decoy.element, "at_s": number(decoy.at_s),
            "doc": _plain(fault_type(decoy.kind).doc.partition("\n")[0], given.get(decoy.id, {})),
            "own": own[:MOST],
            "is_calm": not any(one["is_far"] for one in own),
        })  # fmt: skip
    named = {decoy.element for decoy in told.truth.decoys}
    mine = [one for answer in answers if answer["who"] == "you" for one in answer["findings"]]
    since_s = min((decoy.at_s for decoy in told.truth.decoys), default=told.observed.end_s / 2)
    blamed = [
        {"element": one["culprit"], "own": [*_levels(since_s, _own(told, one["culprit"]))][:MOST]}
        for one in mine
        if one["culprit"] not in named
    ]
    everything = list(told.signals)
    moved = [one for one in _levels(since_s, everything) if one["is_far"]][:MOST]
    still = [one for one in _levels(since_s, _beside(told, moved)) if not one["is_far"]][:MOST_STILL]
    suspects = [*named, *(one["element"] for one in blamed)]
    return {"events": events, "blamed": blamed, "moved": moved, "still": still,
            "said": (record or {}).get("detection"), "since_s": number(since_s),
            "signals": len(everything), "accusation": _accusation(exercise, suspects, answers)}  # fmt: skip


def _own(told: Told, element: str) -> list[Series]:
    """The signals of an element, of what it writes, and of links from and to it."""
    written = _written_by(told, element)
    return [
        one
        for one in told.signals
        if element in (one.subject, *one.subject.split("->")) or one.subject.partition(".")[0] in written
    ]


def _beside(told: Told, moved: Iterable[Json]) -> list[Series]:
    """Signals with the same subject as what moved, or one of the same name; and the system's indicators of no job."""
    names = {one["subject"].rpartition(".")[2] for one in moved}
    slis = set(slis_of(told.observed.system.get("world"))) - set(FAILURES)
    of_parts = {*told.observed.system["components"]}
    return [
        one
        for one in told.signals
        if one.subject.rpartition(".")[2] in names
        or (one.signal in slis and "->" not in one.subject and one.subject not in of_parts)
    ]


def _written_by(told: Told, element: str) -> frozenset[str]:
    """The datasets that a job writes."""
    if DATASET_VERSIONS not in told.observed.tables:
        return frozenset()
    versions = told.observed.frame(DATASET_VERSIONS)
    return frozenset(versions["dataset"][versions["service.name"] == element].astype(str))


def _levels(at_s: float, series: Iterable[Series]) -> Iterator[Json]:
    """How signals were before a time and since, those first that left their usual range farthest."""
    found = [one for one in (_level(each, at_s) for each in series) if one is not None]
    ranked = sorted(found, key=lambda one: (-one["spreads"], "->" in one["subject"], one["signal"]))
    told_of = set[tuple[Any, ...]]()
    for one in ranked:
        same = one["subject"], one["before"], one["since"]
        if same not in told_of:  # the same by another name
            told_of.add(same)
            yield one


def _level(one: Series, at_s: float) -> Json | None:
    spec, known = spec_of(one.signal), ~np.isnan(one.values)
    if spec.names:
        return None  # what a number stands for is neither usual nor far
    times_s, values = one.times_s[known], one.values[known]
    before, since = values[is_before(times_s, at_s)], values[times_s > at_s]
    if len(before) < LEAST_BEFORE or len(since) < LASTS:
        return None
    low, high, middle = float(before.min()), float(before.max()), float(np.median(before))
    if not high and not low and not since.any():
        return None  # it never occurred
    # What lasted, not the one value that lies farthest: medians of values in a row.
    runs = np.array([np.median(since[i : i + LASTS]) for i in range(len(since) - LASTS + 1)])
    farthest = float(runs[np.abs(runs - middle).argmax()])
    room = max(high - low, LEAST_SHARE * abs(middle), 1e-12)
    return {
        "signal": one.signal, "subject": one.subject, "unit": spec.unit, "doc": spec.doc,
        "before": number(middle), "low": number(low), "high": number(high), "since": number(farthest),
        "spreads": number(abs(farthest - middle) / room),
        "is_far": abs(farthest - middle) > FAR_SPREADS * room,
    }  # fmt: skip


def _plain(doc: str, given: Mapping[str, Any]) -> str:
    """What an event is, with the values that it had here in the place of their names."""
    return re.sub(r"`\{?(\w+)\}?`", lambda found: str(given.get(found[1], found[1])), doc)


def _accusation(exercise: Exercise, suspects: Iterable[str], answers: Iterable[Json]) -> Json:
    system = exercise.scenario.system
    known = set(suspects)
    done: list[Json] = [
        {"title": one.title, "place": place, "cost_s": one.cost_s}
        for one in remedies(system)
        for place in one.places(system)
        if place in known
    ]
    mine = next((one for one in answers if one["who"] == "you"), None)
    axes = (mine or {}).get("score", {}).get("by_axis", {})
    return {"points": number(sum(one["most"] for one in axes.values())) if axes else None,
            "lost": number(sum(one["most"] - one["points"] for one in axes.values())) if axes else None,
            "remedies": sorted(done, key=lambda one: -one["cost_s"])[:MOST]}  # fmt: skip


def told_level(one: Mapping[str, Any]) -> str:
    """A level held against its usual range, in words: `queue_length of a 2 before (1 to 3 usually), 2.5 since`."""
    before, low, high, since = (quantity(one[key], one["unit"]) for key in ("before", "low", "high", "since"))
    return f"{one['signal']} of {one['subject']}: {before} before ({low} to {high} were usual), {since} since"
