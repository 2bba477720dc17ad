"""Checks before a run whether the stack can do a scenario, and how far time may be compressed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lab.content.stack import StackPart, lacking, part_for
from lab.errors import Problem, UserError
from lab.judging.steady import first_change_s
from lab.registration.slis import CORE_SLIS
from lab.scenario import LoadedScenario
from lab.scenario.plan import peak_rate, plan
from lab.signals.catalogue import spec_of
from lab.systems.files import load_system
from lab.systems.topology import System
from lab.testbeds.stack.cpu_use import known
from lab.testbeds.stack.doses import too_weak
from lab.testbeds.stack.files import checkout, declared_services
from lab.testbeds.stack.lock import state_directory
from lab.testbeds.stack.options import LAB
from lab.testbeds.stack.steady import MIN_INTERVALS, TELEMETRY_REAL_S, earliest_change_s

MAX_TIME_SCALE = 60.0
LONGEST_REAL_S = 24 * 3600.0
"""A run takes a day at most: the engine, the machine and its disk have to be well for all of that time."""
MIN_INTERVAL_REAL_S = 0.5
LEAST_INTERVALS_OF_A_FAULT = 6
SIGMAS = 4.0


def problems_of(loaded: LoadedScenario, time_scale: float, model_server: str = LAB) -> list[Problem]:
    """Every reason why the stack cannot run this scenario at this time scale, or could not show a fault of it."""
    part = part_for(loaded.system)
    if part is None:
        problem = lacking(loaded.system)
        return [replace(problem, file=str(loaded.path))] if problem else []
    services = declared_services(checkout(), part.system)
    problems = _system(loaded, part, services)
    if problems:
        return problems
    uses = known(state_directory(checkout(), part.system), model_server, part.cpu_s_per_request)
    scaled = _scale(loaded, part, time_scale)
    return [*_unmeasured(loaded, part), *_rate(loaded, part), *scaled, *too_weak(loaded, services, uses)]


def check_feasible(loaded: LoadedScenario, time_scale: float, model_server: str = LAB) -> None:
    """UserError with every reason why the stack cannot run this scenario."""
    problems = problems_of(loaded, time_scale, model_server)
    if problems:
        raise UserError(problems)


def greatest_time_scale(loaded: LoadedScenario, at_most: float) -> float:
    """The greatest time scale, to a tenth, up to `at_most` at which the stack can run it; UserError where it cannot."""
    part = part_for(loaded.system)
    for tenths in range(round(at_most * 10), 0, -1):
        if part is None or not _scale(loaded, part, tenths / 10):
            at_most = tenths / 10
            break
    check_feasible(loaded, at_most)
    return at_most


def _system(loaded: LoadedScenario, part: StackPart, services: Mapping[str, Any]) -> list[Problem]:
    """The stack serves one system of a world: the one whose links the fault proxy of its compose file carries."""
    carried = {entry["link"] for entry in json.loads(services["links"]["environment"]["LINKS_CONFIG"])}
    system, served, why = loaded.system, load_system(part.system), ""
    if carried != set(system.links):
        why = f"a system with the links {', '.join(sorted(carried))}"
    elif system.world != served.world:
        why = f"the world that {part.system!r} has, without other settings"
    elif system.scrape_interval_s != served.scrape_interval_s:
        why = f"a scrape interval of {served.scrape_interval_s:g} s, which its collector has"
    elif differing := [name for name in served.components if _handling(system, name) != _handling(served, name)]:
        why = f"{', '.join(differing)} with the steps, schedule, connections and queue of the shipped {part.system!r}"
    if not why:
        return []
    what = f"the stack does not serve the system {system.name!r} as it is given"
    return [Problem(what, str(loaded.path), expected=why, hint="the testbed sim runs any system")]


def _handling(system: System, name: str) -> Any:
    """What services do by the topology that is in their image: calls, connections of pools, workers' queues."""
    if name not in system.components:
        return None
    of = system.components[name]
    steps = [step.model_copy(update={"service_time": None}) for step in of.steps]  # real ones take what they take
    pools = {link: spec.pool for link, spec in system.links.items() if link.startswith(f"{name}->")}
    queue = (of.workers, of.queue, of.max_wait_s) if of.has_worker_pool else None
    schedule = (of.period_s, of.starts_s, of.needs, of.timeout_s, of.retries, of.backoff_s)
    return of.kind, steps, schedule, of.handling, queue, pools


def _unmeasured(loaded: LoadedScenario, part: StackPart) -> list[Problem]:
    """What a run is stopped by, or not begun by, is measured while it goes on: requests, and what the part counts."""
    live = [*(sli.name for sli in CORE_SLIS), *part.ratios]
    bounds = {bound.sli for bound in (*loaded.scenario.steady_state, *loaded.scenario.safety.stop_when)}
    return [
        Problem(
            f"{sli} is not measured while a run goes on, so that no steady state or stop condition can be judged",
            str(loaded.path), expected=f"one of {', '.join(live)}", hint="the testbed sim measures it",
        )
        for sli in sorted(bounds - set(live))
    ]  # fmt: skip


def _rate(loaded: LoadedScenario, part: StackPart) -> list[Problem]:
    """A load above the services' capacity saturates them, in any scenario."""
    peak = peak_rate(loaded)
    if peak <= part.max_rate_per_s:
        return []
    return [
        Problem(
            f"a load of {peak:g} requests a second is more than the stack serves", str(loaded.path),
            expected=f"at most {part.max_rate_per_s:g}/s: {part.limited_by}",
            hint="the testbed sim serves it",
        )
    ]  # fmt: skip


def _scale(loaded: LoadedScenario, part: StackPart, time_scale: float) -> list[Problem]:
    """A declared symptom must stand out of counting noise in the real time that is left for it."""
    if not 0 < time_scale <= MAX_TIME_SCALE:
        return [Problem(f"time scale {time_scale:g}", expected=f"more than 0 and at most {MAX_TIME_SCALE:g}")]
    lasts_s = loaded.scenario.duration_s / time_scale
    if lasts_s > LONGEST_REAL_S:
        least = math.ceil(loaded.scenario.duration_s / LONGEST_REAL_S * 1e4) / 1e4
        return [
            Problem(
                f"the time scale is too low: the run would last {lasts_s / 3600:.3g} hours", str(loaded.path),
                expected=f"at most {LONGEST_REAL_S / 3600:g} hours", hint=f"--time-scale {least:g} is possible",
            )
        ]  # fmt: skip
    problems = _too_early(loaded, time_scale)
    witnesses = plan(loaded).witnesses
    interval_s = loaded.system.scrape_interval_s
    if interval_s / time_scale < MIN_INTERVAL_REAL_S:
        allowed = interval_s / MIN_INTERVAL_REAL_S
        problems.append(_too_fast(loaded, f"a scrape interval would last {interval_s / time_scale:.2g} s", allowed))
    for use in loaded.scenario.faults:
        if use.for_s < LEAST_INTERVALS_OF_A_FAULT * interval_s:
            text = f"fault {use.id!r} lasts {use.for_s:g} s: fewer than {LEAST_INTERVALS_OF_A_FAULT} scrape intervals"
            problems.append(
                Problem(text, str(loaded.path), expected=f"at least {LEAST_INTERVALS_OF_A_FAULT * interval_s:g} s")
            )
        rate_per_s = min((stage.rate_per_s for stage in loaded.scenario.stages), default=0.0)
        declared = witnesses[use.id]
        for witness in declared:
            least_per_s = part.least_rates_per_s.get(witness.signal, 0.0)
            if rate_per_s / time_scale < least_per_s:
                text = f"{witness.signal}, by which {use.id!r} shows, needs {least_per_s:g} requests a scenario second"
                problems.append(_too_fast(loaded, text, math.floor(rate_per_s / least_per_s * 10) / 10))
        if any(spec_of(w.signal).unit != "ratio" for w in declared):
            continue
        least = max(w.at_least for w in declared)
        # A share near 0 counted n times has a standard error of at most sqrt(least / n).
        needed = SIGMAS**2 / least
        requests = rate_per_s * use.for_s / time_scale
        if requests < needed:
            allowed = math.floor(rate_per_s * use.for_s / needed * 10) / 10
            text = f"fault {use.id!r} would be seen in {requests:.0f} requests, too few for an effect of {least:g}"
            problems.append(_too_fast(loaded, text, allowed))
    return problems


def _too_early(loaded: LoadedScenario, time_scale: float) -> list[Problem]:
    """The steady state is judged before anything is changed: that takes some scrape intervals, and telemetry time."""
    scenario, first_s, least_s = loaded.scenario, first_change_s(loaded.scenario), earliest_change_s(loaded, time_scale)
    if not scenario.steady_state or not (scenario.faults or scenario.decoys) or first_s >= least_s:
        return []
    allowed = (first_s - earliest_change_s(loaded, 0.0)) / TELEMETRY_REAL_S
    hint = f"begin later, or take --time-scale {math.floor(allowed * 10) / 10:g}" if allowed >= 1 else "begin later"
    return [
        Problem(
            f"the first fault or decoy begins at {first_s:g} s, too early for the steady state to be judged before it",
            str(loaded.path), expected=f"{least_s:g} s or later ({MIN_INTERVALS} scrape intervals, and "
            f"{TELEMETRY_REAL_S:g} real seconds until telemetry is in)", hint=hint,
        )
    ]  # fmt: skip


def _too_fast(loaded: LoadedScenario, text: str, allowed: float) -> Problem:
    return Problem(
        f"the time scale is too high: {text}", str(loaded.path), hint=f"--time-scale {allowed:g} is possible"
    )
