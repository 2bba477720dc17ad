"""When a run must stop: the scenario's conditions, compared with SLIs as they are measured, on every testbed."""

from __future__ import annotations

from collections.abc import Mapping

from lab.scenario.model import StopWhen

_DIGITS = 6
"""Digits of a second that count: times of a clock in whole nanoseconds differ by less after a subtraction."""


class StopWatch:
    """Says why to stop, once a condition has held for its scenario seconds.

    `missing_ends`: whether a condition ceases to hold where its SLI was not measured. A simulator knows that there was
    nothing to measure; where telemetry may come late, a condition holds on until it is measured again.
    """

    def __init__(self, conditions: tuple[StopWhen, ...], *, missing_ends: bool = False) -> None:
        self._conditions = conditions
        self._missing_ends = missing_ends
        self._since_s: dict[StopWhen, float] = {}

    def reason(self, slis: Mapping[str, float | None], now_s: float, began_s: float | None = None) -> str:
        """Why the run must stop at this scenario time, or nothing.

        `began_s`: where the time begins that the SLIs were measured over, if a condition holds from there on.
        """
        found = ""
        for condition in self._conditions:
            value = slis.get(condition.sli)
            if value is None and not self._missing_ends:
                continue
            if value is None or not condition.holds(value):
                self._since_s.pop(condition, None)
                continue
            since_s = self._since_s.setdefault(condition, now_s if began_s is None else began_s)
            if not found and round(now_s - since_s, _DIGITS) >= condition.for_s:
                found = f"{condition.sli} was {value:.3g} for {now_s - since_s:.0f} s"
        return found
