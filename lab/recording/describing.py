"""`system.json`: what operators know of their system before any telemetry."""

from __future__ import annotations

import json
from typing import Any

from lab.recording.schema import SCHEMA_VERSION
from lab.systems.topology import Component, Step, System


def describe(system: System, duration_s: float, time_scale: float = 1.0) -> dict[str, Any]:
    """`system.json` of a recording of this length. JSON-clean, no scenario in it.

    `time_scale`: seconds of the recording's clock that passed in a real one.
    """
    components = {
        name: {
            "kind": c.kind, "runtime": c.runtime, "telemetry": c.telemetry, "workers": c.workers,
            "period_s": c.period_s, "tables": list(c.tables), "settings": dict(c.settings),
            "steps": [_step(s) for s in c.steps],
        } | ({"handling": c.handling, "queue": c.queue} if c.has_worker_pool else {}) | _schedule(c)
        for name, c in system.components.items()
    }  # fmt: skip
    described = {
        "schema_version": SCHEMA_VERSION,
        "name": system.name,
        "world": system.world.name if system.world else None,
        "duration_s": duration_s,
        "scrape_interval_s": system.scrape_interval_s,
        "observability": system.observability,
        "users": system.users,
        "entry": system.entry,
        "components": components,
        "links": {name: {"pool": link.pool.model_dump()} if link.pool else {} for name, link in system.links.items()},
        "slos": [slo.model_dump() for slo in system.slos],
    }
    if system.calendar is not None:
        described["calendar"] = system.calendar.model_dump(mode="json")
    sampling = system.observe.sampling
    if sampling.traces < 1 or sampling.records < 1:
        described["sampling"] = sampling.model_dump()
    if time_scale != 1:
        described["time_scale"] = time_scale
    cleaned: dict[str, Any] = json.loads(json.dumps(described, sort_keys=True))  # as it is read again
    return cleaned


def _schedule(component: Component) -> dict[str, Any]:
    """What more than its period says when a job runs."""
    names = {"starts_s", "needs", "timeout_s", "retries", "backoff_s"}
    return component.model_dump(include=names) if component.has_schedule else {}


def _step(step: Step) -> dict[str, Any]:
    """A step; what most steps do not have is left out where this one has none."""
    usual = (("pool", step.pool is None), ("when", step.when is None), ("wait", step.wait))
    return step.model_dump(exclude={"service_time"} | {name for name, is_usual in usual if is_usual})
