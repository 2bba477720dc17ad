"""Doses: whether a fault is strong enough to be seen on the stack, and which dose would be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from lab.errors import Problem
from lab.injection.levers import ComponentLimit
from lab.scenario import FaultUse, LoadedScenario
from lab.scenario.plan import plan
from lab.testbeds.stack.cpu_use import CpuUse, greatest_rate

CPU_PERIOD_US = 100_000
LEAST_QUOTA_US = 1_000
"""The engine refuses quotas below."""
FELT_FROM = 1.0
"""A quota is hardly felt by a component that uses less than this share of it: what a burst leaves undone in one period
it makes up for in the next, so that most answers take as long as before."""
SHOWS_FROM = 1.5
"""A component that would use so many times its quota waits in every period."""


def too_weak(loaded: LoadedScenario, services: Mapping[str, Any], uses: Mapping[str, CpuUse]) -> Iterator[Problem]:
    """A problem for each fault whose CPU quota is never felt. `services`: of the compose file; `uses`: by component."""
    acts = [act for act in plan(loaded).timeline if act.event == "pull"]
    for use in loaded.scenario.faults:
        for act in acts:
            if (act.element, act.at_s) == (use.target, use.at_s) and isinstance(act.value, ComponentLimit):
                share, known = act.value.cpu, uses.get(use.target)
                if share is not None and known is not None:
                    quota = services[use.target]["cpu_quota"] / CPU_PERIOD_US
                    yield from _unfelt(loaded, use, share, quota, known)


def _unfelt(loaded: LoadedScenario, use: FaultUse, share: float, quota: float, known: CpuUse) -> Iterator[Problem]:
    """`share`: of the component's normal `quota` (CPUs) that is left."""
    rate_per_s = greatest_rate(loaded.scenario, use.at_s, use.at_s + use.for_s)
    used = known.per_request_s * rate_per_s
    if used >= FELT_FROM * share * quota:
        return
    name = next((name for name, value in use.parameters if value == share), "cpu")
    shows = used / SHOWS_FROM / quota
    least = LEAST_QUOTA_US / CPU_PERIOD_US / quota
    hint = f"it would show from {name}: {_percent(shows)} on" if shows >= least else "no smaller share can be set"
    yield Problem(
        f"fault {use.id!r} ({use.type} of {use.target}) cannot show on the stack", str(loaded.path),
        seen=f"{name}: {_percent(share)}, which leaves {share * quota:.2g} CPU; {use.target} uses {used:.2g} CPU at "
        f"{rate_per_s:g} requests a second ({known.source})",
        expected=f"less CPU than {use.target} uses", hint=f"{hint}; the testbed sim shows the fault as it is",
    )  # fmt: skip


def _percent(share: float) -> str:
    """A share in whole per cent, rounded down; below one per cent with one digit."""
    percent = round(100 * share, 6)
    return f"{math.floor(percent)}%" if percent >= 1 else f"{math.floor(percent * 10) / 10:g}%"
