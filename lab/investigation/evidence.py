"""What told of the faults: when each trace could first be seen, who looked, and what would have paged earlier."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict

from lab.contracts import Diagnosis, TrueFault
from lab.investigation.aftermath import number
from lab.investigation.control import Control
from lab.investigation.looking import look_of
from lab.investigation.told import Json, Record, Told
from lab.investigation.visibility import Piece, first_visible, missing_watches
from lab.recording.rundir import RunDirectory, write_json
from lab.runs.identity import digest, sources
from lab.signals.catalogue import spec_of

MOST_PIECES = 12
MOST_WATCHES = 8
VISIBLE = "visible.json"
"""The file beside a recording that keeps when its evidence could first be seen."""


def pieces_of(told: Told, cited: Iterable[tuple[str, str]]) -> dict[Piece, str]:
    """What tells of the faults, each with who says so: witnesses, the largest effects, what the reference cited."""
    found: dict[tuple[str, str], tuple[int, str, str]] = {}
    for fault in told.truth.faults:
        effects = {(one["signal"], one["subject"]): one for one in told.run.effects().get(fault.id, [])}
        for witness in fault.witnesses:
            if witness["shown"]:
                key = witness["signal"], witness["subject"]
                found.setdefault(key, (1 if witness["difference"] > 0 else -1, "witness", fault.id))
        for key in [*(key for key in cited if key in effects), *effects]:
            direction = 1 if effects[key]["with"] > effects[key]["without"] else -1
            found.setdefault(key, (direction, "reference" if key in cited else "effect", fault.id))
    most = MOST_PIECES // max(1, len(told.truth.faults))  # of each, so that one cannot hide the other
    count: Counter[str] = Counter()
    listed = {}
    for key, (direction, source, fault_id) in found.items():
        count[fault_id] += 1
        if count[fault_id] <= most:
            listed[Piece(*key, direction, fault_id)] = source
    return listed


def cited_by(run: RunDirectory, engine: str) -> list[tuple[str, str]]:
    """The signals that an engine cites of its leading findings, with their subjects."""
    answer = run.diagnosis(engine)
    if not isinstance(answer, Diagnosis):
        return []
    return [(fact.signal, fact.subject) for finding in answer.findings[:2] for fact in finding.evidence]


def evidence(told: Told, pieces: Mapping[Piece, str], record: Record | None) -> list[Json]:
    """Each piece: when it first could be seen, when the participant looked then, whether the answer cites it."""
    onset_s = told.onset_s
    if onset_s is None:
        return []
    seen = _first_visible(told, list(pieces), onset_s)
    looks = list(_looks(record)) if record else []
    findings = ((record or {}).get("answer") or {}).get("findings") or []
    cited = {(fact["signal"], fact["subject"]) for finding in findings for fact in finding.get("evidence", ())}
    found = []
    for (piece, source), first_s in zip(pieces.items(), seen, strict=True):
        names = f"{piece.signal}:{piece.subject}", f"column:{piece.subject}"
        times_s = [
            max(at_s, first_s or 0.0) for name, at_s, until_s in looks if name in names and until_s >= (first_s or 0.0)
        ]
        spec = spec_of(piece.signal)
        found.append({
            "signal": piece.signal, "subject": piece.subject, "fault": piece.fault,
            "unit": spec.unit, "doc": spec.doc, "source": source,
            "first_visible_s": number(first_s), "cited": (piece.signal, piece.subject) in cited,
            "looked_s": number(min(times_s)) if times_s and first_s is not None else None,
        })  # fmt: skip
    return sorted(found, key=lambda one: one["first_visible_s"] if one["first_visible_s"] is not None else 1e18)


def first_effects(faults: Iterable[TrueFault], seen: Iterable[Json]) -> dict[str, float | None]:
    """When each fault first showed: its first witness, or what stood out of it before that; None where it never did."""
    traces = [(one["fault"], one["first_visible_s"]) for one in seen if one["first_visible_s"] is not None]
    found = {}
    for fault in faults:
        times_s = [first_s for of, first_s in traces if of == fault.id and first_s > fault.injected_s]
        times_s += [fault.witnessed_s] if fault.witnessed_s is not None else []
        found[fault.id] = number(min(times_s, default=None))
    return found


def _looks(record: Record) -> Iterator[tuple[str, float, float]]:
    """What was looked at, from and until when: `SIGNAL:SUBJECT`, or `column:NAME` for the distribution of a column.

    A pin counts as one more look when it was pinned: nothing can be pinned that was not shown.
    """
    for look in record["looks"]:
        if (name := _named(look["kind"], look["reference"])) is not None:
            yield name, look["at_s"], look.get("until_s", look["at_s"])
    for pin in record["board"]["pins"]:
        look, at_s = look_of(pin.get("ref") or {}), pin.get("pinned_s", pin.get("at_s"))
        if at_s is not None and look is not None and (name := _named(*look)) is not None:
            yield name, at_s, at_s


def _named(kind: str, reference: str) -> str | None:
    if kind == "signal":
        return reference
    return f"column:{reference.rpartition('.')[2]}" if kind == "table" else None


def _first_visible(told: Told, pieces: list[Piece], onset_s: float) -> list[float | None]:
    """When each piece first stood out; kept with the recording, for everybody who works on it asks the same."""
    kept, asked = told.run.path / VISIBLE, [list(asdict(piece).values()) for piece in pieces]
    made_by = digest(sources("lab.investigation.visibility"))
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(kept.read_text(encoding="utf-8"))
        if (found["of"], found["made_by"]) == (asked, made_by):
            return list(found["first_s"])
    first_s = first_visible(told.observed, told.signals, pieces, onset_s)
    with suppress(OSError):  # an archive that is only read
        write_json(kept, {"of": asked, "made_by": made_by, "first_s": first_s})
    return first_s


def monitoring(
    told: Told, control: Control | None, pieces: Mapping[Piece, str], as_it_was: Told | None, over_s: float
) -> Json:
    """What alerted first, and which limits on signals would have: in seconds before that alert, or before the end.

    All in the run that was lived; `as_it_was` is the one without the actions, None if there were none. What a limit
    tells after the incident was over (`over_s`) is not of it: an action may have broken something.
    """
    onset_s = told.onset_s
    if onset_s is None:
        return {"first_alert_s": None, "first_alert_without_actions_s": None, "missing": []}
    alert_s = told.first_alert_s(onset_s)
    untouched_s = as_it_was.first_alert_s(onset_s) if as_it_was is not None else None
    watches = missing_watches(told.signals, control, pieces, onset_s) if control else []
    missing = [
        {"signal": watch.signal, "subject": watch.subject, "side": watch.side, "alert_s": watch.alert_s,
         "limit": number(watch.limit), "unit": spec_of(watch.signal).unit, "doc": spec_of(watch.signal).doc,
         "earlier_s": None if alert_s is None else number(alert_s - watch.alert_s)}
        for watch in watches
        if watch.alert_s <= over_s and (alert_s is None or watch.alert_s < alert_s)
    ]  # fmt: skip
    first_s = {"first_alert_s": number(alert_s), "first_alert_without_actions_s": number(untouched_s)}
    return {**first_s, "missing": missing[:MOST_WATCHES]}
