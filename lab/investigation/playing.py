"""What participants do to the system: the incident is played again with it, and they go on in that one."""

from __future__ import annotations

import secrets
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.investigation import work
from lab.investigation.refusals import RefusedError
from lab.investigation.session import Done, Session, fingerprint
from lab.investigation.tidying import ACTED, use

if TYPE_CHECKING:
    from lab.investigation.training import Training
    from lab.investigation.workers import Failure

MOST_ACTIONS = 30
"""Of one session."""


class Playing:
    """The actions in the sessions of a training."""

    def __init__(self, training: Training) -> None:
        self._training = training

    def remedies(self, one: Session) -> list[dict[str, Any]]:
        """What can be done about an incident of this system: the same for all that it may have."""
        from lab.investigation.remedies import remedies

        system = one.exercise.scenario.system
        key = ("remedies", fingerprint(one.exercise))
        return self._training.cache.get(key, lambda: [remedy.to_json(system) for remedy in remedies(system)])

    def act(self, one: Session, name: str, place: str, value: Any = None) -> Done:
        """Does a remedy: it takes its time on the clock, and then the incident goes on with it.

        UserError for a remedy, place or value that there is not, RefusedError where it is not possible now.
        """
        from lab.investigation.remedies import check, remedy

        system = one.exercise.scenario.system
        check(system, name, place, value)
        chosen = remedy(system, name)
        with one.lock:
            one.refuse_answered("no actions after the answer")
            if one.status != "ready":
                raise RefusedError("not now", seen=one.status, expected="an incident that is ready")
            if len(one.actions) >= MOST_ACTIONS:
                raise RefusedError("too many actions", expected=f"at most {MOST_ACTIONS}")
            wall_s = self._training.wall()
            at_s = one.clock.at(wall_s)
            done_s = at_s + chosen.cost_s
            if done_s >= one.clock.end_s:
                what, seen = "it would take longer than the incident goes on", f"{chosen.cost_s:g} s"
                raise RefusedError(what, seen=seen, expected=f"less than {one.clock.end_s - at_s:.0f} s")
            done = Done(secrets.token_hex(4), at_s, done_s, chosen.name, chosen.title, place, value)
            with self._training.keeping.changing(one):
                one.actions.append(done)
                one.is_acting, one.goes_on = True, not one.clock.is_paused
                one.clock = one.clock.moved(done_s, wall_s).paused(wall_s)
                one.notice = one.stopped = None
            self.play(one)
            return done

    def play(self, one: Session) -> None:
        """Has the incident played again with all that was done."""
        training = self._training
        one.status = "preparing" if one.view is None else "acting"
        one.job = training.workers.submit(
            work.played_again, one.exercise, played(one), training.directory / ACTED,
            then=partial(self._is_played, one, len(one.actions)), failed=partial(self._is_undone, one),
        )  # fmt: skip

    def _is_played(self, one: Session, count: int, directory: Path) -> None:
        with one.lock:
            one.job, one.is_acting, one.played_count = None, False, count
            one.played = directory.name
            use(directory)
            self._training.show(one, directory)
            self._training.settle(one)
            self._training.keeping.keep_later(one)
            if one.goes_on:
                one.goes_on, one.clock = False, one.clock.paused(self._training.wall(), False)

    def _is_undone(self, one: Session, failure: Failure) -> None:
        """What cannot be played is as if it had not been done. What was done before a restart is not given up."""
        with one.lock:
            if not one.is_acting:
                self._training.failed(one, failure)
                return
            one.job, one.notice, one.is_acting, one.goes_on = None, failure, False, False
            one.actions.pop()
            self._training.settle(one)
            self._training.keeping.keep_later(one)


def played(one: Session) -> list[dict[str, Any]]:
    """What of the actions in a session the incident depends on."""
    return [
        {"at_s": done.done_s, "remedy": done.remedy, "place": done.place, "value": done.value} for done in one.actions
    ]
