"""The signal catalogue: what the lab computes for every system, and what worlds add for theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from lab.errors import Problem, UserError
from lab.registration.signals import SignalSpec
from lab.registration.slis import CORE_SLIS, ERROR_RATIO, LATENCY_P95_S, Sli
from lab.registration.world import World, recorded_world, registrations
from lab.signals.dataset_catalogue import OF_DATASETS


def _where(sli: Sli) -> str:
    return "" if sli.name in (ERROR_RATIO, LATENCY_P95_S) else "; where an SLO is on it"


CORE: Mapping[str, SignalSpec] = {
    **{sli.name: SignalSpec(sli.unit, "entry link", sli.doc + _where(sli)) for sli in CORE_SLIS},
    "client_error_ratio": SignalSpec("ratio", "link", "attempts over the link that failed, seen by the caller"),
    "client_timeout_ratio": SignalSpec("ratio", "link", "attempts over the link that timed out", level="usual"),
    "client_duration_p50_s": SignalSpec("s", "link", "median duration of attempts, seen by the caller"),
    "answered_duration_p50_s": SignalSpec(
        "s", "link", "median duration of attempts that were answered, from client spans"
    ),
    "network_time_s": SignalSpec(
        "s",
        "link",
        "of the same attempts: median time outside the callee; the difference of both medians where it has no spans",
    ),
    "request_transit_p50_s": SignalSpec(
        "s", "link", "median time from the call to its start at the callee, answered or not"
    ),
    "connections_in_use": SignalSpec("1", "component.callee", "connections to the callee in use, at the scrape"),
    "connection_wait_mean_s": SignalSpec(
        "s", "component.callee", "mean time that attempts waited for the connection they got"
    ),
    "connection_starved_ratio": SignalSpec(
        "ratio",
        "component.callee",
        "1 where attempts wait at the scrape and fewer connections are in use than the pool should have, else 0",
    ),
    "connection_saturated_ratio": SignalSpec(
        "ratio",
        "component.callee",
        "1 where as many connections are in use at the scrape as the pool should have, else 0",
    ),
    "connection_exhausted_ratio": SignalSpec(
        "ratio", "component.callee", "attempts that got no connection: too many waited, or they waited too long"
    ),
    "arrival_ratio": SignalSpec(
        "ratio",
        "component",
        "requests the component handled or turned away at its queue, of attempts that its callers sent",
    ),
    "workers_in_use": SignalSpec(
        "1", "component", "workers that have a request, at the scrape, where they are handed out one by one"
    ),
    "queue_length": SignalSpec("1", "component", "requests that wait for such a worker, at the scrape"),
    "queue_wait_mean_s": SignalSpec("s", "component", "mean time that requests waited for the worker they got"),
    "worker_starved_ratio": SignalSpec(
        "ratio",
        "component",
        "1 where requests wait at the scrape and fewer workers are in use than the component should have, else 0",
    ),
    "worker_saturated_ratio": SignalSpec(
        "ratio",
        "component",
        "1 where as many workers are in use at the scrape as the component should have, else 0",
    ),
    "queue_shed_ratio": SignalSpec(
        "ratio",
        "component",
        "requests turned away: the queue was full, or they waited too long",
        among="request_rate_per_s",
    ),
    "server_error_ratio": SignalSpec(
        "ratio", "component", "requests the component answered with an error of any cause"
    ),
    "own_error_ratio": SignalSpec(
        "ratio", "component", "requests that failed in the component itself, from its server spans"
    ),
    "server_duration_p50_s": SignalSpec("s", "component", "median time from arrival to answer"),
    "self_time_mean_s": SignalSpec(
        "s", "component", "mean time in the component itself: handling minus calls to others"
    ),
    "cpu_utilization_ratio": SignalSpec("ratio", "component", "busy share of its workers"),
    "cpu_throttled_ratio": SignalSpec("ratio", "component", "share of busy time spent waiting for CPU quota"),
    "busy_time_mean_s": SignalSpec(
        "s", "component", "worker time per request: busy share times workers over request rate"
    ),
    "pressure_stall_ratio": SignalSpec(
        "ratio",
        "`host.` and a resource",
        "share of the time in which some task waited for the host's `cpu`, `memory` or `io`, if its kernel reports it",
    ),
    "cpu_steal_ratio": SignalSpec(
        "ratio", "host", "share of the host's CPU time that its hypervisor gave to others, where that is reported"
    ),
    "message_rate_per_s": SignalSpec("1/s", "link", "messages sent over the link per second, whatever became of them"),
    "request_rate_per_s": SignalSpec("1/s", "component", "requests handled per second"),
    "fallback_ratio": SignalSpec(
        "ratio", "component.fallback", "requests for which the named fallback was used", level="usual"
    ),
    "cache_hit_ratio": SignalSpec("ratio", "component", "look-ups answered from the cache"),
    "cache_expiry_rate_per_s": SignalSpec(
        "1/s", "component", "entries per second that came to the end of their time to live, over 6 intervals"
    ),
    "job_last_success_age_s": SignalSpec("s", "job", "time since the job last succeeded"),
    "job_start_delay_s": SignalSpec(
        "s", "job", "how long after it was due the last run began of a job with more of a schedule than a period"
    ),
    "job_duration_s": SignalSpec("s", "job", "how long the last attempt of such a job took"),
    "job_skipped_ratio": SignalSpec("ratio", "job", "runs of such a job that were not made, of all that were due"),
    **OF_DATASETS,
}
"""Signals of every system, by name."""


def catalogue_of(world: str | None) -> Mapping[str, SignalSpec]:
    """The signals that a recording of a world's system may have: `world` is its name in `system.json`, None for none.

    UserError where the world is not installed, or where one name stands for two signals.
    """
    return CORE if world is None else _joined([recorded_world(world)])


def known_signals() -> Mapping[str, SignalSpec]:
    """The signals of every system and of all installed worlds; worlds may share one that they define alike."""
    return _joined(registrations())


def spec_of(signal: str) -> SignalSpec:
    """A signal's entry; an empty one for a name that none of the installed has, as another lab's recording may."""
    return known_signals().get(signal) or SignalSpec("1", "", "not in the signal catalogue")


def slis_as_signals(world: World) -> Mapping[str, SignalSpec]:
    """The world's SLIs that are signals where a system has an SLO on them: those that no own signal stands for."""
    own = _registered(world)
    return {
        sli.name: SignalSpec(
            sli.unit,
            "component",
            sli.doc + _where(sli),
            adds_up=sli.adds_up,
            window_intervals=sli.window_intervals,
        )
        for sli in world.slis
        if sli.name not in own
    }


def _registered(world: World) -> Mapping[str, SignalSpec]:
    return {name: spec for signals in world.signals for name, spec in signals.catalogue.items()}


def _joined(worlds: Iterable[World]) -> Mapping[str, SignalSpec]:
    """The signals of every system and of these worlds: joined once, since whoever judges signals asks for each."""
    asked = tuple(worlds)
    which = tuple(map(id, asked))
    if which not in _joins:
        if len(_joins) == _JOINS_KEPT:
            _joins.clear()
        _joins[which] = asked, MappingProxyType(_join(asked))
    return _joins[which][1]


_JOINS_KEPT = 16
_joins: dict[tuple[int, ...], tuple[tuple[World, ...], Mapping[str, SignalSpec]]] = {}
"""By the identities of registrations: they do not change, and are kept so that no other one takes their place."""


def _join(worlds: Iterable[World]) -> dict[str, SignalSpec]:
    found = dict(CORE)
    owner = dict.fromkeys(CORE, "the lab")
    problems = []
    for world in worlds:
        for name, spec in {**slis_as_signals(world), **_registered(world)}.items():
            if found.setdefault(name, spec) != spec:
                seen = f"one of {owner[name]}, another of world {world.name!r}"
                hint = "give the world's signal a name of its own"
                problems.append(Problem(f"two signals are called {name!r}", seen=seen, expected="one", hint=hint))
            owner.setdefault(name, f"world {world.name!r}")
    if problems:
        raise UserError(problems)
    return found
