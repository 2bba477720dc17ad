"""What ends a run on the stack: the scenario's stop conditions, and missing telemetry."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from lab.files.units import format_duration
from lab.scenario import Scenario
from lab.scenario.stopping import StopWatch
from lab.testbeds.stack.compose import StackError
from lab.testbeds.stack.http import call

WINDOW_REAL_S = 3.0
SCRAPES_MAX = 3
"""Scrape intervals in a row that may pass without a sample."""
SCRAPE_MIN_REAL_S = 2.0
"""Telemetry is sent twice a second, and later on a busy machine: scrape intervals compressed below this say nothing."""
ANSWER_WITHIN_S = 2.0
JOIN_WITHIN_S = 2 * ANSWER_WITHIN_S

Answer = Mapping[str, Any]
"""What the collector's `/slis` says."""


class Silence:
    """Says when samples are missing for SCRAPES_MAX scrape intervals: an outage of everything looks like nothing.

    `scrape_s`: a scrape interval in real seconds. Times are real seconds of one clock.
    """

    def __init__(self, scrape_s: float, now_s: float) -> None:
        self._limit_s = SCRAPES_MAX * max(scrape_s, SCRAPE_MIN_REAL_S)
        self._answered_s = now_s
        self._since_s: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def reason(self, answer: Answer | None, now_s: float, *, is_under_load: bool) -> str:
        """Why the run must stop, or nothing. `answer`: None where the collector gave none.

        The load is expected to be heard, to send what is due, and to see requests end, from scenario second 0 on.
        """
        if answer is None:
            return self._silence("no sample came from the collector", now_s - self._answered_s)
        self._answered_s = now_s
        if not is_under_load:
            return ""
        load = answer["requests"]
        expected_s = now_s - self._since_s.setdefault("under load", now_s)
        age_s = expected_s if load["load_age_s"] is None else min(expected_s, load["load_age_s"])
        if silence := self._silence("no sample came from the load", age_s):
            return silence
        missing = {
            f"the load sent nothing, though {load['due'] - load['sent']} requests were due": (
                load["due"] > load["sent"] and not self._grew("sent", load)
            ),
            f"none of {load['unfinished']} requests under way ended": (
                load["unfinished"] > 0 and not self._grew("finished", load)
            ),
            "no request reached the collector, though requests ended": (
                answer["error_ratio"] is None and self._grew("finished", load)
            ),
        }
        self._counts = {name: load[name] for name in ("sent", "finished")}
        for n, (what, is_missing) in enumerate(missing.items()):
            key = str(n)  # the words change with the counts
            if not is_missing:
                self._since_s.pop(key, None)
            elif silence := self._silence(what, now_s - self._since_s.setdefault(key, now_s)):
                return silence
        return ""

    def _grew(self, name: str, load: Mapping[str, int]) -> bool:
        return load[name] > self._counts.get(name, 0)

    def _silence(self, what: str, silent_s: float) -> str:
        return f"{what} for {SCRAPES_MAX} scrape intervals ({silent_s:.1f} s)" if silent_s > self._limit_s else ""


class Guard:
    """Watches a run from a thread of its own while it is entered, so that no fault waits for an answer.

    `reason`: why the run must end, empty while it may go on; `is_silence`: samples are missing. `collector`: the
    collector's address. `now_s()` gives scenario time.
    """

    def __init__(
        self, scenario: Scenario, scrape_interval_s: float, time_scale: float, collector: str,
        now_s: Callable[[], float],
    ) -> None:  # fmt: skip
        self.reason = ""
        self.is_silence = False
        self._scenario = scenario
        self._scrape_s = scrape_interval_s / time_scale
        self._collector = collector
        self._now_s = now_s
        self._conditions = StopWatch(scenario.safety.stop_when)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="guard", daemon=True)

    def __enter__(self) -> Guard:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(timeout=JOIN_WITHIN_S)

    def _follow(self) -> None:
        try:
            self._watch()
        except Exception as error:  # any failure: the run is not watched any more
            self.reason = f"the watch over the run failed: {type(error).__name__}: {error}"

    def _watch(self) -> None:
        silence = Silence(self._scrape_s, time.monotonic())
        every_s = min(1.0, max(0.5, self._scrape_s))
        while not self.reason and not self._stop.wait(every_s):
            answer, now_s = self._fetch(), self._now_s()
            silent = silence.reason(answer, time.monotonic(), is_under_load=now_s > 0)
            self.is_silence = bool(silent)
            self.reason = silent or (answer or {}).get("unwritten", "") or self._over_its_time(now_s)
            if not self.reason and answer is not None and now_s > 0:
                self.reason = self._conditions.reason(answer, now_s)

    def _fetch(self) -> Answer | None:
        url = f"{self._collector}/slis?window_s={WINDOW_REAL_S}"
        try:
            answer: Answer = call("GET", url, timeout_s=ANSWER_WITHIN_S, retries=0)
        except StackError:
            return None
        return answer

    def _over_its_time(self, now_s: float) -> str:
        limit_s = self._scenario.safety.max_duration_s
        return f"it lasted longer than safety.max_duration, {format_duration(limit_s)}" if now_s > limit_s else ""
