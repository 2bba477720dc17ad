"""Follows a scenario on a session: injects and reverts its faults and decoys at their times, on any testbed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.clock import NS, to_ns
from lab.judging.steady import first_change_s, unsteady
from lab.recording.observed import no_metrics
from lab.scenario import LoadedScenario
from lab.scenario.timeline import Moment, moments
from lab.testbeds.driver import Deed, Progress, Session, silent


@dataclass(frozen=True)
class Followed:
    """How far a scenario was followed. `unsteady`: why its steady state did not hold, and nothing was injected."""

    unsteady: str = ""
    is_changed: bool = False
    """Whether a fault or decoy was injected."""


def follow(
    session: Session, loaded: LoadedScenario, progress: Progress = silent, deeds: Sequence[Deed] | None = None
) -> Followed:
    """Advances a session to its end, and injects and reverts at the scenario's moments.

    The steady state is judged before the first of them; where it does not hold, or the session ends early, nothing
    more is done. What lasts until the end is left in: finishing the session reverts it.

    `deeds`: what persons do during a run that was made without them before. Its steady state held then, and is not
    judged again. A person acts after all else that happens at the time, so what was recorded by then is as it was.
    """
    scenario, is_changed = loaded.scenario, False
    why = _judged(session, loaded, progress) if deeds is None else ""
    if why or _is_over(session):
        return Followed(why)
    for at_ns, what in _in_order(loaded, deeds or ()):
        if at_ns >= to_ns(scenario.duration_s):
            continue
        session.advance_with_progress(at_ns / NS, "run", progress)
        if _is_over(session):
            return Followed(is_changed=is_changed)
        if isinstance(what, Deed):
            session.act(what)
        else:
            (session.inject if what.begins else session.revert)(what.use)
        is_changed = True
    session.advance_with_progress(scenario.duration_s, "run", progress)
    return Followed(is_changed=is_changed)


def _in_order(loaded: LoadedScenario, deeds: Sequence[Deed]) -> list[tuple[int, Moment | Deed]]:
    found: list[tuple[int, Moment | Deed]] = [(moment.at_ns, moment) for moment in moments(loaded.scenario)]
    found += [(to_ns(deed.at_s) + 1, deed) for deed in deeds]
    return sorted(found, key=lambda one: one[0])


def _is_over(session: Session) -> bool:
    return bool(session.ended)


def _judged(session: Session, loaded: LoadedScenario, progress: Progress) -> str:
    """Why the steady state does not hold before anything is changed; empty where it does or where none is declared."""
    if not loaded.scenario.steady_state:
        return ""
    first_s = first_change_s(loaded.scenario)
    session.advance_with_progress(first_s - session.judging_s, "run", progress)
    if session.ended:
        return ""
    until_s = max(0.0, first_s - max(session.judging_s, session.settles_s))
    return unsteady(loaded, session.metrics(until_s) if until_s else no_metrics(), until_s)
