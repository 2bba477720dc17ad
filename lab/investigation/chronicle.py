"""What happened when: the truth, what could be seen, and what was done, on one timeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lab.injection.levers import Place
from lab.investigation.aftermath import number
from lab.investigation.exercises import Exercise
from lab.investigation.told import Json, Record, Told, fault_name
from lab.report.format import done_text
from lab.scenario import DecoyUse, FaultUse

WORDS = {"fault": "the fault", "decoy": "harmless", "action": "an action", "other": "no part of it"}


def chronicle(
    told: Told,
    exercise: Exercise,
    record: Record | None,
    actions: Sequence[Json],
    shown_s: Mapping[str, float | None],
    outcomes: Iterable[Json],
) -> list[Json]:
    """Truth, alerts, changes, actions and what was done in a session, by time, each with a kind and a text.

    `shown_s`: when each fault first showed, by its id; `outcomes`: when each was over.
    """
    entries = [*_entries(told, exercise, record, actions), *_of_faults(told, shown_s, outcomes)]
    return sorted(entries, key=lambda entry: float(entry["time_s"]))


def _of_faults(told: Told, shown_s: Mapping[str, float | None], outcomes: Iterable[Json]) -> Iterator[Json]:
    for fault in told.truth.faults:
        yield _entry(fault.injected_s, "fault", f"{fault_name(fault)} begins")
        if (first_s := shown_s[fault.id]) is not None:
            yield _entry(first_s, "fault", f"first effect of {fault_name(fault)}", is_end=True)
        if fault.reverted_s < told.observed.end_s:
            yield _entry(fault.reverted_s, "fault", f"{fault_name(fault)} ends")
    for one in outcomes:
        if one["over_s"] is not None:
            yield _entry(one["over_s"], "fault", f"{one['fault']} has no effects left", is_end=True)


def _entries(told: Told, exercise: Exercise, record: Record | None, actions: Iterable[Json]) -> Iterator[Json]:
    for decoy in told.truth.decoys:
        if decoy.at_s <= told.observed.end_s:
            yield _entry(decoy.at_s, "decoy", f"{decoy.kind} of {decoy.element}, harmless")
    for alert in told.observed.alerts:
        yield _entry(alert["time_s"], "alert", f"{alert['slo']} {alert['state']} ({alert['value']:.3g})")
    for change in changes_told(told, exercise):
        yield _entry(change["time_s"], "change", f"{change['summary']} ({WORDS[change['of']]})")
    for action in actions:
        yield _entry(action["done_s"], "action", done_text(action, action["title"]))
    yield from _of_session(exercise, record) if record else ()
    yield _entry(told.observed.end_s, "end", "the recording ends")


def changes_told(told: Told, exercise: Exercise) -> list[Json]:
    """The change log, each entry with what it was `of`: a `fault`, a `decoy`, an `action`, or `other`.

    An entry is of a fault or decoy on its element that began or ended at that time, or of what was done at that time.
    """
    scenario, interval_s = exercise.scenario.scenario, float(told.observed.system["scrape_interval_s"])
    uses: list[tuple[str, FaultUse | DecoyUse]] = [("fault", use) for use in scenario.faults]
    uses += [("decoy", use) for use in scenario.decoys]
    events = [(of, use.target, use.at_s) for of, use in uses]
    events += [(of, use.target, use.at_s + (use.for_s or scenario.duration_s)) for of, use in uses]
    events += [("action", Place.parse(one["place"]).element, float(one["at_s"])) for one in told.run.actions]
    found = []
    for change in told.observed.changes:
        near = [
            (abs(at_s - change["time_s"]), of)
            for of, element, at_s in events
            if element == change["service.name"] and abs(at_s - change["time_s"]) <= interval_s
        ]
        told_of = {"time_s": number(change["time_s"]), "element": change["service.name"], "summary": change["summary"]}
        found.append({**told_of, "of": min(near)[1] if near else "other"})
    return found


def _of_session(exercise: Exercise, record: Record) -> Iterator[Json]:
    for hint in record["hints"]:
        yield _entry(hint["at_s"], "hint", exercise.hints[hint["number"]].text)
    # A calendar shows many signals at once: that is one look.
    calendars = {look["at_s"] for look in record["looks"] if look["kind"] == "calendar"}
    for look in record["looks"]:
        if look["kind"] == "signal" and look["at_s"] in calendars:
            continue
        yield _entry(look["at_s"], "look", f"{look['kind']} {look['reference']}".strip(), is_end=True)
    board = record["board"]
    names = {one["id"]: one.get("text", "") for one in board["hypotheses"]}
    for pin in board["pins"]:
        about = f" {pin['stance']} “{names[pin['hypothesis']]}”" if pin.get("hypothesis") in names else ""
        yield _entry(pin.get("at_s") or 0.0, "pin", f"{pin.get('text') or pin.get('kind')}{about}")
    for note in board["notes"]:
        yield _entry(note.get("at_s") or 0.0, "note", note["text"])
    if record.get("answered_at_s") is not None:
        yield _entry(record["answered_at_s"], "answer", _said(record.get("answer")))


def _said(answer: Mapping[str, Any] | None) -> str:
    findings = (answer or {}).get("findings") or []
    if not findings:
        return str((answer or {}).get("verdict", "answered"))
    return ", ".join(f"{one['kind']} of {one['culprit']}" for one in findings[:3])


def _entry(time_s: float, kind: str, text: str, *, is_end: bool = False) -> Json:
    """`is_end`: it is of an interval that ends then, and was known by then."""
    return {"time_s": number(time_s), "kind": kind, "text": text, "is_end": is_end}
