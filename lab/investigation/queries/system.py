"""The system with the health of its parts, told from signals: what is worse now than in the first part of the incident.

The limits are the same for every system and every incident: shares in points, durations and ages in multiples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from lab.files.units import clock_text
from lab.investigation.queries.asking import without_nan
from lab.investigation.view import View
from lab.recording.alerts import fired
from lab.report.format import quantity
from lab.report.layout import places
from lab.signals import Series, SignalTable
from lab.signals.catalogue import spec_of
from lab.systems.needs import needs_of

if TYPE_CHECKING:
    from lab.recording.entries import AlertEntry

State = Literal["ok", "warn", "bad", "unknown"]

NOW_INTERVALS = 3
"""What counts as now: the last intervals."""
FIRST_INTERVALS, FIRST_SHARE = 6, 0.1
"""What counts as at first: this share of the incident, and at least so many intervals."""
_SEVERITY: Mapping[State, int] = {"unknown": 0, "ok": 1, "warn": 2, "bad": 3}


class Limit(NamedTuple):
    """How much worse than at first is a warning, and how much is bad: `points` are added, `times` multiply."""

    warn: float
    bad: float
    is_factor: bool = False


POINTS, MUCH, TIMES = Limit(0.01, 0.05), Limit(0.2, 0.4), Limit(2.0, 3.0, is_factor=True)
WATCHED: Mapping[str, Limit] = {
    "server_error_ratio": POINTS,
    "own_error_ratio": POINTS,
    "queue_shed_ratio": POINTS,
    "server_duration_p50_s": TIMES,
    "cpu_utilization_ratio": MUCH,
    "cpu_throttled_ratio": MUCH,
    "worker_saturated_ratio": MUCH,
    "job_last_success_age_s": Limit(2.0, 4.0, is_factor=True),
    "client_error_ratio": POINTS,
    "client_duration_p50_s": TIMES,
    "connection_exhausted_ratio": POINTS,
    "fallback_ratio": POINTS,
}
"""Signals of components and links that health is told from."""


class Health(NamedTuple):
    """The state of an element and what it is told from, in words; `of`: that signal, as `SIGNAL:SUBJECT`."""

    state: State
    why: str
    of: str = ""

    def to_json(self) -> dict[str, str]:
        return {"state": self.state, "why": self.why}


def system(view: View, at_s: float) -> dict[str, Any]:
    """Components and links with their places, settings and health; objectives and indicators with their values."""
    described, table = view.system(at_s), view.signals(at_s)
    parts: Mapping[str, Any] = described["components"]
    links = [str(link) for link in described["links"]]
    ends = {link: (link.partition("->")[0], link.partition("->")[2]) for link in links}
    kinds = {name: str(part["kind"]) for name, part in parts.items()}
    needs = needs_of(parts)
    placed = places(kinds, list(ends.values()), str(described.get("users") or ""), needs)
    states = health(table, at_s, _first_s(view))
    if described.get("users") is not None:
        states[str(described["users"])] = _of_users(view.alerts(at_s))
    return {
        "name": described["name"],
        "title": described.get("title", ""),
        "users": described.get("users"),
        "components": [
            {
                "name": name,
                "kind": part["kind"],
                "runtime": part.get("runtime", ""),
                "workers": part.get("workers"),
                "tables": list(part.get("tables", ())),
                "settings": without_nan(part.get("settings", {})),
                "steps": without_nan(part.get("steps", [])),
                "needs": needs[name],
                "row": placed[name].row,
                "column": placed[name].column,
                "health": states.get(name, _NOTHING).to_json(),
            }
            for name, part in parts.items()
        ],
        "links": [
            {
                "name": link,
                "caller": caller,
                "callee": callee,
                "health": states.get(link, _NOTHING).to_json(),
            }
            for link, (caller, callee) in ends.items()
        ],
        "slos": without_nan(described.get("slos", [])),
        "slis": list(_slis(view, at_s)),
    }


def shown(view: View, at_s: float) -> list[str]:
    """Signals, as `SIGNAL:SUBJECT`, that the picture of the system tells: why something is not well, and indicators."""
    states = health(view.signals(at_s), at_s, _first_s(view)).values()
    indicators = [f"{one['name']}:{one['subject']}" for one in _slis(view, at_s)]
    return [one.of for one in states if one.state in ("warn", "bad")] + indicators


def _slis(view: View, at_s: float) -> Iterator[dict[str, Any]]:
    """Indicators that are recorded, with their levels at first and now."""
    from lab.registration.known import slis_of

    described, table = view.system(at_s), view.signals(at_s)
    first_s = _first_s(view)
    limits = {str(slo["sli"]): slo for slo in described.get("slos", [])}
    for name, sli in slis_of(described["world"]).items():
        subjects = table.subjects(name)
        one = table.get(name, subjects[0]) if subjects else None
        if one is None:
            continue
        yield {
            "name": name,
            "subject": one.subject,
            "unit": sli.unit,
            "doc": sli.doc,
            "bad": sli.bad,
            "now": _mean(one, _is_now(one, at_s, view.tick_s)),
            "at_first": _mean(one, one.times_s <= first_s),
            "slo": without_nan(limits.get(name)),
        }


def _first_s(view: View) -> float:
    return max(FIRST_SHARE * view.end_s, FIRST_INTERVALS * view.tick_s)


def _is_now(one: Series, at_s: float, tick_s: float) -> Any:
    return one.times_s > at_s - (NOW_INTERVALS + 0.5) * tick_s


def _mean(one: Series, mask: Any) -> float | None:
    values = one.values[mask]
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def health(table: SignalTable, at_s: float, first_s: float) -> dict[str, Health]:
    """The health of each component and link that reports something: the worst of its signals."""
    found: dict[str, Health] = {}
    for one in table:
        limit = WATCHED.get(one.signal)
        if limit is not None and len(one.times_s):
            element = one.subject.partition(".")[0]  # connections and fallbacks are of the component that has them
            judged = _compared(one, limit, at_s, first_s)
            found[element] = max(found.get(element, judged), judged, key=lambda health: _SEVERITY[health.state])
    return found


_NOTHING = Health("unknown", "it reports nothing that health could be told from")


def _of_users(alerts: Sequence[AlertEntry]) -> Health:
    """How it is for the people who use the system: by the alerts that fire."""
    firing = [f"{one.slo} since {clock_text(one.from_s)}" for one in fired(alerts) if one.until_s is None]
    return Health("bad", "firing: " + ", ".join(firing)) if firing else Health("ok", "no alert fires")


def _compared(one: Series, limit: Limit, at_s: float, first_s: float) -> Health:
    of = f"{one.signal}:{one.subject}"
    told = partial(quantity, unit=spec_of(one.signal).unit)
    tick_s = float(one.times_s[1] - one.times_s[0]) if len(one.times_s) > 1 else 0.0
    is_now = _is_now(one, at_s, tick_s)
    is_first = (one.times_s <= first_s) & ~is_now
    now, usual = _mean(one, is_now), _mean(one, is_first)
    if now is None:
        return Health("unknown", f"{one.signal}: nothing was measured in the last {NOW_INTERVALS} intervals", of)
    if usual is None:
        return Health("ok", f"{one.signal} is {told(now)}; there is nothing to compare it with yet", of)
    noise = 3 * float(np.nanstd(one.values[is_first])) / NOW_INTERVALS**0.5
    text = f"{one.signal} of {one.subject} is {told(now)}, at first {told(usual)}"
    warn, bad = (usual * x if limit.is_factor else usual + x for x in (limit.warn, limit.bad))
    if now <= usual + noise or now <= warn:
        return Health("ok", text, of)
    return Health("bad" if now > bad else "warn", text, of)
