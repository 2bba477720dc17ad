"""Follows a scenario on a session: injects and reverts its faults and decoys at their times, on any testbed."""

from __future__ import annotations

from dataclasses import dataclass

from lab.judging.steady import first_change_s, unsteady
from lab.recording.observed import no_metrics
from lab.scenario import LoadedScenario
from lab.scenario.timeline import moments
from lab.testbeds.driver import Progress, Session, silent


@dataclass(frozen=True)
class Followed:
    """How far a scenario was followed. `unsteady`: why its steady state did not hold, and nothing was injected."""

    unsteady: str = ""
    is_changed: bool = False
    """Whether a fault or decoy was injected."""


def follow(session: Session, loaded: LoadedScenario, progress: Progress = silent) -> Followed:
    """Advances a session to its end, and injects and reverts at the scenario's moments.

    The steady state is judged before the first of them; where it does not hold, or the session ends early, nothing
    more is done. What lasts until the end is left in: finishing the session reverts it.
    """
    scenario, is_changed = loaded.scenario, False
    why = _judged(session, loaded, progress)
    if why or _is_over(session):
        return Followed(why)
    for moment in moments(scenario):
        if moment.at_s >= scenario.duration_s:
            continue
        session.advance_with_progress(moment.at_s, "run", progress)
        if _is_over(session):
            return Followed(is_changed=is_changed)
        (session.inject if moment.begins else session.revert)(moment.use)
        is_changed = True
    session.advance_with_progress(scenario.duration_s, "run", progress)
    return Followed(is_changed=is_changed)


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
