"""Who could notice a fault first, and why so late: what began, what showed it, what looked there and what did not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lab.files.units import clock_text, time_text
from lab.investigation.aftermath import number
from lab.investigation.alarms import Line, alarms_of
from lab.investigation.control import Control
from lab.investigation.told import Json, Record, Told
from lab.investigation.visibility import Piece, first_visible, stands_out
from lab.recording.alerts import Fired
from lab.registration.known import slis_of
from lab.report.format import quantity
from lab.signals import SignalTable
from lab.signals.catalogue import spec_of
from lab.systems.calendar import Calendar

FAILURES = ("job_failure_ratio", "job_skipped_ratio")


def detection(told: Told, control: Control | None, seen: Sequence[Json], record: Record | None) -> Json | None:
    """How the first fault came to be noticed; None for a control. Times are scenario seconds, null for never.

    `first`: the signal that showed it first, of those that a debrief lists (`seen`). `alert`: the first alert because
    of it, and whom it was for. `anyway`: those that there are without the fault, too. `watched`: what each objective
    looks at, and how near it came to its limit. `line`: the first warning or error of a kind that had not been there
    before, nor is without the fault. `felt`: the first of the system's own indicators that stood out, and did not
    without the fault. Where the run cannot be made again without the fault, all that there was since counts.
    `noticed_by`: `alert`, `check` (a line of the log), `people` (who called) or `nobody`. `why`: why that
    was not earlier, in words. `said`: what the participant answered.
    """
    onset_s = told.onset_s
    if onset_s is None:
        return None
    first = next((one for one in seen if one["first_visible_s"] is not None), None)
    since = alarms_of(told.observed).since(onset_s)
    own = since if control is None else since.beyond(control.alarms)
    alert, line = next(map(_alert, own.alerts), None), next(map(_line, own.lines), None)
    felt = _felt(told, control, onset_s)
    watched = [*_watched(told, onset_s)]
    called_s = (record or {}).get("start_s")
    known: dict[str, float] = {"alert": alert["at_s"]} if alert else {}
    known |= {"check": line["at_s"]} if line else {}
    known |= {"people": float(called_s)} if called_s is not None and called_s > onset_s else {}
    by = min(known, key=lambda one: known[one]) if known else "nobody"
    found: Json = {
        "began_s": number(onset_s),
        "first": first and {key: first[key] for key in ("signal", "subject", "unit", "doc", "first_visible_s")},
        "alert": alert, "anyway": [_alert(one) for one in since.alerts if one not in own.alerts],
        "watched": watched, "line": line, "felt": felt, "called_s": number(known.get("people")),
        "noticed_by": by, "noticed_s": number(known.get(by)), "said": (record or {}).get("detection"),
    }  # fmt: skip
    why = [*_why(told, found)]
    if control is None and (alert or line):
        why.append(
            "Whether the alert or warning would have come without it, too, is not known: this lab cannot make the same "
            "run again."
        )
    return {**found, "why": why}


def _alert(one: Fired) -> Json:
    return {"at_s": number(one.from_s), "slo": one.slo, "for": one.element}


def _line(one: Line) -> Json:
    return {"at_s": number(one.at_s), "service": one.element, "text": one.text}


def _felt(told: Told, control: Control | None, onset_s: float) -> Json | None:
    """The first indicator that stood out because of the fault: in the run without it, it did not by then."""
    pieces = [
        Piece(name, subject, 1 if sli.bad == "rises" else -1)
        for name, sli in slis_of(told.observed.system.get("world")).items()
        if name not in FAILURES
        for subject in told.signals.subjects(name)
    ]
    found = [
        (at_s, piece)
        for piece, at_s in zip(pieces, first_visible(told.observed, told.signals, pieces, onset_s), strict=True)
        if at_s is not None and at_s < _without(control, piece, onset_s)
    ]
    if not found:
        return None
    at_s, piece = min(found, key=lambda one: one[0])
    return {"signal": piece.signal, "subject": piece.subject, "at_s": number(at_s), "doc": spec_of(piece.signal).doc}


def _without(control: Control | None, piece: Piece, onset_s: float) -> float:
    """When it stands out without the fault."""
    series = control.signals.get(piece.signal, piece.subject) if control is not None else None
    at_s = stands_out(series, piece.direction, onset_s) if series is not None else None
    return math.inf if at_s is None else at_s


def _watched(told: Told, onset_s: float) -> Iterator[Json]:
    """Each objective with the level nearest to its limit since the fault began, of its worst subject."""
    for slo in told.observed.system["slos"]:
        sides = [(side, float(slo[side])) for side in ("above", "below") if slo.get(side) is not None]
        for side, limit in sides:
            worst = _worst(told.signals, str(slo["sli"]), onset_s, rises=side == "above")
            yield {
                "slo": str(slo["name"]), "signal": str(slo["sli"]), "side": side, "limit": limit,
                "worst": number(worst), "unit": spec_of(str(slo["sli"])).unit,
                "for_s": float(slo.get("for_s") or 0.0),
                "is_beyond": worst is not None and (worst > limit if side == "above" else worst < limit),
            }  # fmt: skip


def _worst(signals: SignalTable, name: str, since_s: float, *, rises: bool) -> float | None:
    found = []
    for subject in signals.subjects(name):
        series = signals.get(name, subject)
        assert series is not None
        values = series.values[(series.times_s > since_s) & ~np.isnan(series.values)]
        found += [float(values.max() if rises else values.min())] if len(values) else []
    return (max if rises else min)(found, default=None)


def _why(told: Told, found: Mapping[str, Any]) -> Iterator[str]:
    """Why it was not noticed earlier, sentence by sentence; nothing that is not in the recording."""
    onset_s, first, alert = found["began_s"], found["first"], found["alert"]
    calendar = Calendar.recorded(told.observed.system)

    def lasting(seconds: float) -> str:
        return time_text(round(seconds)) if calendar is None else calendar.count(seconds)

    def ended(at_s: float) -> str:
        return clock_text(at_s) if calendar is None else calendar.end_label(at_s)

    watched = {one["signal"] for one in found["watched"]}
    if first is not None and first["signal"] not in watched:
        looks = f"the objectives look at {', '.join(sorted(watched))}" if watched else "there is no objective"
        yield (
            f"No objective looks at what showed it first, {first['signal']} of {first['subject']} "
            f"({ended(first['first_visible_s'])}): {looks}."
        )
    anyway = {one["slo"]: one for one in reversed(found["anyway"])}
    for one in anyway.values():
        name = f"{one['slo']} for {one['for']} ({ended(one['at_s'])})"
        yield f"The alert {name} tells nothing of it: it would have fired without it, too."
    because = " because of it" if anyway else ""
    calm = [one for one in found["watched"] if not one["is_beyond"] and one["worst"] is not None]
    if alert is None and calm:
        levels = (f"{one['signal']} {_level(one)}" for one in calm)
        yield f"No alert fired{because}, since what is looked at stayed within its limits: {'; '.join(levels)}."
    beyond = [one for one in found["watched"] if one["is_beyond"] and one["slo"] not in anyway]
    if alert is None and beyond:
        levels = (f"{one['signal']} {_level(one)}, for less than {lasting(one['for_s'])} in a row" for one in beyond)
        yield f"No alert fired{because}, although a limit was passed: {'; '.join(levels)}."
    if alert is not None:
        after_s = alert["at_s"] - first["first_visible_s"] if first else -1.0
        late = f", {lasting(after_s)} after it first showed" if after_s >= 0 else ""
        yield f"The first alert{because}, {alert['slo']} for {alert['for']}, fired at {ended(alert['at_s'])}{late}."
    failures = [_worst(told.signals, name, onset_s, rises=True) for name in FAILURES]
    if any(value is not None for value in failures) and not any(value for value in failures):
        yield "No job failed and none was left out: whatever the jobs check, they do not check this."
    if found["line"] is not None:
        line = found["line"]
        yield f"The log had a new kind of warning at {ended(line['at_s'])}: {line['service']}, “{line['text']}”."
    else:
        yield "The log had no new kind of warning or error because of it."
    felt = found["felt"]
    if felt is not None:
        yield (
            f"Of the system's own indicators {felt['signal']} of {felt['subject']} was the first to leave its usual "
            f"level because of it, at {ended(felt['at_s'])}, {lasting(felt['at_s'] - onset_s)} after it began."
        )
    else:
        yield "None of the system's own indicators ever stood out from its usual level because of it."
    if found["called_s"] is not None:
        yield f"People called {lasting(found['called_s'] - onset_s)} after it began."


def _level(one: Mapping[str, Any]) -> str:
    """How near a level came to its limit."""
    return f"{quantity(one['worst'], one['unit'])} at worst, limit {one['side']} {quantity(one['limit'], one['unit'])}"
