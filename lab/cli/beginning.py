"""A first scenario of any system: made of its topology, in its own time, so that it runs as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.errors import Problem, UserError
from lab.files.units import time_text

if TYPE_CHECKING:
    from lab.systems.topology import System

TIMES = 60, 24, 18, 6
"""How long the scenario lasts, when its fault begins, for how long, and the tolerance of its onset, in scrape intervals
or in periods of the job that stops."""
OF_DAYS = 28, 12, 10, 2
"""The same in periods of a system with a calendar, which are long."""
REQUESTS = 200
"""Requests in a scrape interval: enough for each signal, and quickly simulated."""


def first_system() -> str:
    """The system that comes with the lab and can be run here; UserError where its world is not installed."""
    from lab.systems.files import load_system, system_names

    for name in system_names():
        try:
            if load_system(name).users is not None:
                return name
        except UserError:
            continue
    hint = "install a distribution with a world, or name a system of your own: --system mine.system.yaml"
    what = "none of the systems that come with the lab can be run here"
    raise UserError(Problem(what, seen="no world that they need is installed", expected="a system", hint=hint))


def first_scenario(name: str, system: System, reference: str) -> str:
    """The text of a scenario with one fault: a cut link where people send requests, else a job that stands still.

    UserError where the system has neither a service that calls another nor a job.
    """
    return "\n".join(_lines(name, system, reference)) + "\n"


def _lines(name: str, system: System, reference: str) -> Iterator[str]:
    entry, jobs = system.entry, system.periods_s
    links = [link for link in system.links if entry is not None and link.startswith(f"{entry}->")]
    if not links and not jobs:
        what = f"the system {system.name!r} has nothing that a first fault could break"
        raise UserError(Problem(what, seen="no calls of the component that users call, no job", expected="either"))
    unit_s = system.scrape_interval_s if links else max(system.scrape_interval_s, next(iter(jobs.values())))
    counts = OF_DAYS if system.calendar is not None and not links else TIMES
    duration, at, during, onset = (_time(count * unit_s) for count in counts)
    if counts is OF_DAYS:
        onset = f"{counts[-1]} periods"
    kind, target = ("network-partition", links[0]) if links else ("feed-stall", next(iter(jobs)))
    callee = target.partition("->")[2]
    yield "# Checked by `lab validate`, explained by `lab plan`, run by `lab run`. Faults and parameters: `lab faults`."
    yield "schema_version: 1"
    yield f"name: {name}"
    yield "title: " + (f"{callee} cannot be reached, and more people come" if links else f"{target} stands still")
    yield "tags: " + ("[network]" if links else "[data]")
    yield f"system: {reference}"
    yield "seed: 1"
    yield f"duration: {duration}"
    if system.users is not None:
        rate = REQUESTS / system.scrape_interval_s
        yield "load:"
        yield (
            f"  stages: [{{for: {duration}, rate: {rate:.6g}/s}}]"
            " # stages follow each other and last as long as the scenario"
        )
    yield 'faults: # what is truly wrong; a scenario without faults is a control: the right answer is "healthy"'
    yield f"  - {{id: f1, type: {kind}, target: {target}, at: {at}, for: {during}}}"
    if system.users is not None:
        yield "decoys: # benign events that mislead; blaming one is an error"
        surge_at = _time((counts[1] - 2) * unit_s)
        yield (
            f"  - {{id: d1, type: traffic-surge, target: {system.users}, at: {surge_at}, for: {during},"
            f" with: {{rate: {rate / 4:.6g}/s}}}}"
        )
        yield "steady_state: # what must hold before the first of them"
        yield "  - {sli: error_ratio, below: 5%}"
    yield f"grading: {{top_k: 3, onset_within: {onset}}}"


def _time(seconds: float) -> str:
    return time_text(seconds).replace(" ", "")
