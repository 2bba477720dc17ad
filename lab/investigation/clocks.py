"""The clocks of sessions as participants set them: run, pause, or jump to where something is to be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias

from lab.investigation.clock import DAY_S
from lab.investigation.keeping import Keeping
from lab.investigation.queries.asking import QueryError, without_nan
from lab.investigation.refusals import RefusedError
from lab.investigation.session import Session, Stopped
from lab.systems.calendar import Calendar

Jump: TypeAlias = Literal["next-alert", "end", "tick", "period"]
JUMP_TICKS, JUMP_DAYS = 60, 7
"""How far a jump to the next alert goes where none comes, also where ticks are days: further would tell that."""


class Clocks:
    """Sets the clocks of a training's sessions. `wall`: monotonic seconds."""

    def __init__(self, keeping: Keeping, wall: Callable[[], float]) -> None:
        self._keeping = keeping
        self._wall = wall

    def run(self, one: Session, speed: float | None = None, pause: bool | None = None) -> None:
        """Changes the speed (scenario seconds per second), or pauses or goes on. QueryError for no speed of it."""
        with one.lock:
            _refuse_still(one)
            wall_s, clock = self._wall(), one.clock
            if speed is not None:
                if speed not in clock.speeds:
                    expected = "one of " + ", ".join(f"{known:g}" for known in clock.speeds)
                    raise QueryError("not a speed of this clock", seen=f"{speed:g}", expected=expected)
                clock = clock.at_speed(speed, wall_s)
            if pause is not None:
                clock = clock.paused(wall_s, pause)
            with self._keeping.changing(one):
                one.clock, one.stopped = clock, None

    def jump(self, one: Session, to: Jump) -> None:
        """Moves a clock on: by a tick, to the next period of the system's calendar (else by a tick), to the end, or to
        the next alert, where it pauses and `stopped` says why."""
        with one.lock:
            _refuse_still(one)
            wall_s, stopped = self._wall(), None
            if to == "tick":
                clock = one.clock.next_tick(wall_s)
            elif to == "period":
                calendar = Calendar.of(one.exercise.scenario.system)
                clock = one.clock.next_whole(calendar.length_s if calendar else one.clock.tick_s, wall_s)
            elif to == "end":
                clock = one.clock.moved(one.clock.end_s, wall_s)
            else:
                stopped = _next_alert(one, wall_s)
                clock = one.clock.moved(stopped.at_s, wall_s).paused(wall_s)
            with self._keeping.changing(one):
                one.clock, one.stopped = clock, stopped


def _refuse_still(one: Session) -> None:
    """RefusedError where there is nothing to see yet."""
    if one.view is None or one.status in ("preparing", "acting", "failed"):
        raise RefusedError("the clock stands still", seen=one.status, expected="an incident that is ready")


def _next_alert(one: Session, wall_s: float) -> Stopped:
    """Where a jump to the next alert stops, and why. What is told could be seen by then: of later alerts nothing."""
    assert one.view is not None
    tick_s = one.clock.tick_s
    seen_s, looked_s = one.clock.as_of(wall_s), (JUMP_DAYS if tick_s >= DAY_S else JUMP_TICKS) * tick_s
    there = one.clock.next_of(one.view.alert_times_s, wall_s, at_most_s=looked_s)
    fired = [alert for alert in one.view.alerts(there.as_of(wall_s)) if alert["state"] == "firing"]
    new = next((alert for alert in fired if alert["time_s"] > seen_s), None)
    stopped = Stopped(there.at(wall_s), "end" if there.is_over(wall_s) else "nothing", looked_s)
    return stopped if new is None else replace(stopped, why="alert", alert=without_nan(new))
