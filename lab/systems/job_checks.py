"""Checks of jobs: each has a period; what they need exists, comes in time and does not come back to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.errors import nearest
from lab.files.reading import Reading
from lab.files.units import duration_s, format_duration
from lab.files.yamlmodel import shown
from lab.files.yamlsource import KeyPath
from lab.systems.topology import MIN_PERIOD_S

OF_JOBS = ("period", "starts", "needs", "timeout", "retries", "backoff")


@dataclass(slots=True)
class JobChecks(Reading):
    """Runs all checks on construction. `kinds`: of each component, None where the file does not say."""

    kinds: Mapping[str, str | None]

    def __post_init__(self) -> None:
        for name, kind in self.kinds.items():
            if kind == "job":
                self._check_period(name)
                self._check_times(name)
                self._check_needs(name)
            elif kind is not None:
                self._check_no_job(name, kind)
        self._check_circles()
        if self.document.get(("calendar",)) is not None and not {"job", None} & set(self.kinds.values()):
            what = "a calendar counts the periods of jobs, and this system has none"
            self._report(("calendar",), what, expected="a component of kind 'job'", at_key=True)

    def _check_no_job(self, name: str, kind: str) -> None:
        for key in OF_JOBS:
            path: KeyPath = ("components", name, key)
            if path in self.document.values:
                what = f"{name!r} is of kind {kind}, and only jobs have {'a period' if key == 'period' else repr(key)}"
                self._report(path, what, at_key=True)

    def _check_period(self, job: str) -> None:
        path: KeyPath = ("components", job, "period")
        period_s = self._period_s(job)
        if path not in self.document.values:
            self._report(path, f"job {job!r} has no period", expected="the time between its runs: period: 10s")
        elif period_s is not None and period_s < MIN_PERIOD_S:
            seen, expected = shown(self.document.get(path)), f"at least {format_duration(MIN_PERIOD_S)}"
            self._report(path, "bad value for 'period'", seen=seen, expected=expected)

    def _check_times(self, job: str) -> None:
        """A run, once it is due, can come to its end within its period."""
        path: KeyPath = ("components", job)
        period_s = self._period_s(job)
        starts_s, timeout_s, backoff_s = (
            self._quantity((*path, key), duration_s) or 0.0 for key in ("starts", "timeout", "backoff")
        )
        if period_s is None:
            return
        if (starts_s or timeout_s) and starts_s + timeout_s >= period_s:
            key = "timeout" if starts_s < period_s else "starts"
            begins, takes = f"starts {format_duration(starts_s)} into it", f"takes up to {format_duration(timeout_s)}"
            seen = " and ".join(text for text, is_given in ((begins, starts_s), (takes, timeout_s)) if is_given)
            expected = f"that it is over before its period of {format_duration(period_s)} is"
            self._report((*path, key), f"a run of {job!r} can outlast its period", seen=seen, expected=expected)
        if backoff_s and not self.document.get((*path, "retries")):
            what = f"{job!r} has a backoff and is never tried again"
            self._report((*path, "backoff"), what, expected="'retries' beside 'backoff'", at_key=True)

    def _check_needs(self, job: str) -> None:
        jobs = [name for name, kind in self.kinds.items() if kind == "job"]
        needs = self._needs(job)
        for i, need in enumerate(needs):
            path: KeyPath = ("components", job, "needs", i)
            if need not in self.kinds:
                self._report(path, f"unknown job {need!r}", hint=nearest(need, [name for name in jobs if name != job]))
            elif self.kinds[need] not in ("job", None):
                seen = f"a component of kind {self.kinds[need]}"
                self._report(path, f"{need!r} does not run by itself", seen=seen, expected="a job")
            elif need in needs[:i]:
                self._report(path, f"{job!r} needs {need!r} twice")
            else:
                self._check_periods(path, job, need)

    def _check_periods(self, path: KeyPath, job: str, need: str) -> None:
        """At the beginning of each period of a job, one of what it needs begins."""
        mine_s, its_s = self._period_s(job), self._period_s(need)
        if not mine_s or not its_s or abs(mine_s / its_s - round(mine_s / its_s)) < 1e-9:
            return
        seen = f"{need!r} every {format_duration(its_s)}, {job!r} every {format_duration(mine_s)}"
        expected = f"{need!r} as often as {job!r}, or a whole number of times as often"
        self._report(path, f"{need!r} does not run in each period of {job!r}", seen=seen, expected=expected)

    def _check_circles(self) -> None:
        """No job waits for itself."""
        seen: set[str] = set()

        def follow(job: str, waiting: tuple[str, ...]) -> None:
            seen.add(job)
            needs = self._needs(job)
            for i, need in enumerate(needs):
                if need in (*waiting, job) and need not in needs[:i]:
                    circle = " -> ".join((*(*waiting, job)[(*waiting, job).index(need) :], need))
                    self._report(("components", job, "needs", i), "the jobs wait for each other", seen=circle)
                elif self.kinds.get(need) == "job" and need not in seen:
                    follow(need, (*waiting, job))

        for name, kind in self.kinds.items():
            if kind == "job" and name not in seen:
                follow(name, ())

    def _needs(self, job: str) -> list[str]:
        needs = self.document.get(("components", job, "needs"))
        return [need for need in needs if isinstance(need, str)] if isinstance(needs, list) else []

    def _period_s(self, job: str) -> float | None:
        return self._quantity(("components", job, "period"), duration_s)
