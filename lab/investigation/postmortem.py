"""A blameless post-mortem as Markdown, filled in with what recording and session tell; the rest is left empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lab.contracts import Boundary
from lab.investigation.exercises import Exercise
from lab.investigation.noticed import detected
from lab.investigation.recordings import ENGINES
from lab.investigation.retold import At, escaped, table
from lab.investigation.told import Json, Record
from lab.report.format import quantity
from lab.systems.calendar import Calendar
from lab.systems.topology import System

TO_FILL = "_(to be filled in)_"
BOUNDARY_OF_KIND: Mapping[str, Boundary] = {
    "users": Boundary.EXTERNAL,
    "service": Boundary.SERVICE,
    "database": Boundary.DATA,
    "job": Boundary.DATA,
    "model": Boundary.MODEL,
    "cache": Boundary.INTEGRATION,
    "link": Boundary.NETWORK,
}
"""Where what shows on an element of this kind is listed."""


MOST_FACTORS = 4
MOST_EVENTS = 60


def postmortem(debrief: Json, exercise: Exercise, record: Record | None = None) -> str:
    """The Markdown text. `debrief` is what `lab.investigation.debrief.debrief` gives, `record` what was done, if known.

    Whatever people wrote is escaped: it can add no markup.
    """
    system = exercise.scenario.system
    at = At(Calendar.of(system), debrief["end_s"])
    sections = (
        ("Summary", _summary(debrief, exercise, at)),
        ("Impact", _impact(debrief)),
        ("Timeline", _timeline(debrief, at)),
        ("Detection", detected(debrief, at)),
        ("Root cause", _root_cause(debrief, record)),
        ("Contributing factors", _factors(debrief, system, at)),
        ("What monitoring was missing", _monitoring(debrief, at)),
        ("What went well", _went_well(debrief, at)),
        ("What could go better", _could_go_better(debrief, at)),
        ("Action items", _action_items()),
    )
    lines = [f"# Post-mortem: {escaped(exercise.title)}", ""]
    lines += ["This post-mortem is blameless: it asks how the system made the incident possible, not who did it.", ""]
    for title, content in sections:
        lines += [f"## {title}", "", *content, ""]
    return "\n".join(lines).rstrip() + "\n"


def _faults(debrief: Json) -> list[Json]:
    return list(debrief["truth"]["faults"])


def _summary(debrief: Json, exercise: Exercise, at: At) -> Iterator[str]:
    faults, system = _faults(debrief), escaped(exercise.system)
    if not faults:
        degraded = debrief["truth"]["degraded"]
        what = f"its own load was too much for {escaped(degraded['element'])}" if degraded else "nothing was wrong"
        yield f"In {system} {what}. The recording has {at.long(debrief['end_s'])}."
        return
    yield f"{escaped(exercise.scenario.scenario.title or exercise.title)}."
    yield ""
    became = {one["id"]: one for one in debrief["outcomes"]}
    for fault in faults:
        what = f"**{escaped(fault['kind'])}** on **{escaped(fault['culprit'])}**"
        ended = _ended(fault, became.get(fault["id"]), debrief["end_s"], at)
        yield f"* {what} (boundary: {escaped(fault['boundary'])}) began at {at(fault['injected_s'])} and {ended}."
    for one in debrief["actions"]:
        if one.get("helped"):
            yield f"* What helped: {_done(one)} at {at(one['done_s'])}{_against(one, faults)}."


def _ended(fault: Json, became: Json | None, end_s: float, at: At) -> str:
    """How a fault ended in what was lived through, and what would have been without the actions."""
    lasts = fault["reverted_s"] >= end_s
    ended = "lasted until the end" if lasts else f"ended at {at(fault['reverted_s'])}"
    if became is None or became["by"] != "actions":
        return ended
    would_s = became["without_actions_over_s"]
    would = "have lasted until the end" if would_s is None else f"have been over at {at(would_s, is_end=True)}"
    ended = "was never put back" if lasts else ended
    return (
        f"{ended}; its effects were over at {at(became['over_s'], is_end=True)}. Without the actions they would {would}"
    )


def _done(action: Json) -> str:
    return f"{escaped(action['title'])} ({escaped(action['place'])})"


def _against(action: Json, faults: Sequence[Json]) -> str:
    """Which faults an action helped against, where there were several."""
    names = [escaped(one["fault"]) for one in action["faults"] if one["helped"]]
    return f", against {' and '.join(names)}" if len(faults) > 1 else ""


def _impact(debrief: Json) -> Iterator[str]:
    slos = [entry["text"] for entry in debrief["timeline"] if entry["kind"] == "alert"]
    faults, has_acted = _faults(debrief), bool(debrief["actions"])
    if debrief["costs"]:
        what = "incident" if faults else "actions"
        yield f"The cost of the {what} is what there was in the whole recording, beside the same time without."
        yield ""
        answered = [one for one in debrief["costs"] if one["until_answer"] is not None]
        parts = ["until the answer", "after it"] if answered and faults else []
        saved = ["saved by actions"] if has_acted and faults else []
        rows = (
            (escaped(one["name"].replace("_", " ")),
             *(quantity(one[key], one["unit"]) for key in ("there", "without", "incident")),
             *(quantity(one[key], one["unit"]) for key in ("until_answer", "after_answer") if parts),
             *(quantity(one["saved"], one["unit"]) for _ in saved), escaped(one["doc"]))
            for one in debrief["costs"]
        )  # fmt: skip
        yield from table(("what", "as it was", f"without the {what}", "cost", *parts, *saved, "meaning"), rows)
        if any(one["incident"] < 0 for one in debrief["costs"]):
            yield ""
            yield f"A cost below 0 is one of which there would have been more without the {what}."
    elif debrief["is_compared"]:
        yield "It cost nothing beyond what the same time costs without it."
    else:
        yield "What it cost is not known: this lab cannot make the same run again without the fault, to compare with."
    yield ""
    yield "Alerts: " + ("; ".join(map(escaped, slos[:12])) if slos else "none fired") + "."


def _timeline(debrief: Json, at: At) -> Iterator[str]:
    events = [entry for entry in debrief["timeline"] if entry["kind"] not in ("look", "pin", "decoy")]
    yield from table(
        ("time", "", "what"),
        (
            (at(entry["time_s"], is_end=entry["is_end"]), entry["kind"], escaped(entry["text"]))
            for entry in events[:MOST_EVENTS]
        ),
    )
    if len(events) > MOST_EVENTS:
        yield ""
        yield f"{len(events) - MOST_EVENTS} later events are left out."


def _root_cause(debrief: Json, record: Record | None) -> Iterator[str]:
    for fault in _faults(debrief):
        given = ", ".join(f"{name} {value}" for name, value in fault["parameters"].items() if value is not None)
        yield f"{escaped(fault['kind'])} on {escaped(fault['culprit'])}: {' '.join(fault['doc'].split())}"
        yield f"Here: {escaped(given)}." if given else ""
        yield ""
    if not _faults(debrief):
        yield "None: this was a control."
        yield ""
    yield "### Five whys"
    yield ""
    whys, source = _whys(debrief, record)
    if source:
        yield source
        yield ""
    yield from (f"{number}. {escaped(why)}" for number, why in enumerate(whys, 1))
    yield from (f"{number}. {TO_FILL}" for number in range(len(whys) + 1, 6))


def _whys(debrief: Json, record: Record | None) -> tuple[list[str], str]:
    """Those of the board, else those of the answer, else those that the reference engine gives; and whose they are.

    The latter where they are not the participant's: an engine saw the run without the actions.
    """
    if record and record["board"].get("whys"):
        return [str(why) for why in record["board"]["whys"]], ""
    for answer in debrief["answers"]:
        whys = [str(why) for finding in answer["findings"][:1] for why in finding.get("why", ())]
        if whys and answer["who"] not in ENGINES:
            return whys, ""
        if whys and answer["outcome"] == "pass":
            run = ", which saw the same incident without the actions" if answer["without_actions"] else ""
            return whys, f"As the engine {escaped(answer['who'])} has them{run}:"
    return [], ""


def _factors(debrief: Json, system: System, at: At) -> Iterator[str]:
    """By boundary: the causes, and where else it showed."""
    rows: dict[str, list[str]] = {str(boundary): [] for boundary in Boundary}
    for fault in _faults(debrief):
        rows[fault["boundary"]].append(f"**{escaped(fault['kind'])} on {escaped(fault['culprit'])}**, the cause")
    kinds = system.elements()
    felt = f"{system.users}->{system.entry}"  # what users feel is the impact, and no factor
    for effect in debrief["effects"]:
        for one in effect["moved"]:
            kind = kinds.get(one["subject"].partition(".")[0], "")
            boundary = BOUNDARY_OF_KIND.get(kind)
            text = (
                f"{escaped(one['signal'])} of {escaped(one['subject'])}: {quantity(one['without'], one['unit'])} "
                f"→ {quantity(one['with'], one['unit'])}"
            )
            if boundary is not None and one["subject"] != felt and len(rows[boundary]) < MOST_FACTORS:
                rows[boundary].append(text)
    yield from table(
        ("boundary", "what was seen there", "what made it possible"),
        ((boundary, "; ".join(found) or "–", TO_FILL if found else "") for boundary, found in rows.items()),
    )
    decoys = debrief["truth"]["decoys"]
    if decoys:
        yield ""
        told = "; ".join(f"{escaped(one['kind'])} of {escaped(one['element'])} at {at(one['at_s'])}" for one in decoys)
        yield f"Had no part in it, though it happened about then: {told}."


def _monitoring(debrief: Json, at: At) -> Iterator[str]:
    missing = debrief["monitoring"]["missing"]
    if not missing:
        yield "No limit on a signal of the catalogue would have told of it earlier."
        return
    yield "Limits that page nobody in the same time without the incident, and would have paged with it:"
    yield ""
    rows = (
        (f"{escaped(one['signal'])} of {escaped(one['subject'])}",
         f"{one['side']} {quantity(one['limit'], one['unit'])}", at(one["alert_s"], is_end=True),
         "there was no alert" if one["earlier_s"] is None else f"{at.long(one['earlier_s'])} earlier")
        for one in missing
    )  # fmt: skip
    yield from table(("signal", "limit", "would have paged at", "than the first alert"), rows)


def _went_well(debrief: Json, at: At) -> Iterator[str]:
    found = []
    times, own = debrief["times"], _own(debrief)
    alert_s = debrief["monitoring"]["first_alert_s"]
    over_s = times.get("mended_at_s")
    if alert_s is not None and times["onset_s"] is not None and (over_s is None or alert_s <= over_s):
        found.append(f"An alert fired {at.long(alert_s - times['onset_s'])} after the incident began.")
    found += [
        f"{_done(one)}{' helped.' if len(one['faults']) < 2 else ':'} {escaped(one.get('why', ''))}"
        for one in debrief["actions"]
        if one.get("helped")
    ]
    if own is not None:
        right = [grade["axis"] for grade in own["grades"] if grade["outcome"] == "pass"]
        found += [f"The diagnosis was right about: {', '.join(map(escaped, right))}."] if right else []
    looked = [one for one in debrief["evidence"] if one["looked_s"] is not None]
    if looked:
        found.append(f"{len(looked)} of {len(debrief['evidence'])} traces of it were looked at.")
    yield from (f"* {line}" for line in found or [TO_FILL])


def _could_go_better(debrief: Json, at: At) -> Iterator[str]:
    found = [
        f"{_done(one)} did not help. {escaped(one.get('why', ''))}"
        for one in debrief["actions"]
        if one.get("helped") is False
    ]
    if _faults(debrief) and debrief["monitoring"]["first_alert_s"] is None:
        found.append("No alert told of the incident.")
    left = [one for one in debrief["outcomes"] if one["by"] == "itself" or one["over_s"] is None]
    found += [
        f"{escaped(one['fault'])} was put back by what was done, but effects that it had had lasted until the end."
        if one["put_back_by"] == "actions" and one["over_s"] is None
        else f"{escaped(one['fault'])} was not mended: its effects "
        + (
            f"were over by themselves at {at(one['over_s'], is_end=True)}."
            if one["over_s"] is not None
            else "lasted until the end."
        )
        for one in left
    ]
    did = {(one["remedy"], one["place"]) for one in debrief["actions"] if one.get("helped")}
    helps = [one for one in debrief["helps"] if (one["remedy"], one["place"]) not in did]
    if any(one["put_back_by"] is None for one in left) and helps:
        found.append(f"What helps: {' or '.join(map(_done, helps))}.")
    yield from (f"* {line}" for line in found or [TO_FILL])


def _own(debrief: Json) -> Mapping[str, Any] | None:
    return next((one for one in debrief["answers"] if one["who"] == "you"), None)


def _action_items() -> Iterator[str]:
    yield from table(("what", "prevents, detects or mitigates", "owner", "by"), [("", "", "", "")] * 3)
