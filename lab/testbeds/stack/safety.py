"""Stop conditions of a scenario, watched while it runs on the stack."""

from __future__ import annotations

from collections.abc import Callable

from lab.scenario import StopWhen
from lab.testbeds.stack.compose import StackError
from lab.testbeds.stack.http import call

WINDOW_REAL_S = 3.0


class StopWatch:
    """Asks the collector how users fare and says why to stop, once a condition has held for its scenario seconds.

    `url` gives the collector's address; no answer counts as no news.
    """

    def __init__(self, conditions: tuple[StopWhen, ...], url: Callable[[], str]) -> None:
        self._conditions = conditions
        self._url = url
        self._since_s: dict[StopWhen, float] = {}

    def reason(self, now_s: float) -> str:
        """Why the run must stop at this scenario time, or nothing."""
        if not self._conditions:
            return ""
        try:
            slis = call("GET", f"{self._url()}/slis?window_s={WINDOW_REAL_S}")
        except StackError:
            return ""
        for condition in self._conditions:
            value = slis.get(condition.sli)
            if value is None or not condition.holds(value):
                self._since_s.pop(condition, None)
                continue
            since_s = self._since_s.setdefault(condition, now_s)
            if now_s - since_s >= condition.for_s:
                return f"{condition.sli} was {value:.3g} for {now_s - since_s:.0f} s"
        return ""
