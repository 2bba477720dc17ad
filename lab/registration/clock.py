"""A system's own time: its scrape interval, and the periods of the jobs that keep its data fresh.

What a signal may do is measured in it, so that the same rule or fault serves a system of seconds and one of days.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from lab.files.units import duration_s
from lab.registration.datasets import writers

Unit = Literal["", "periods", "per interval"]
"""What an amount is measured in: the signal's unit, periods of a job (of times), or scrape intervals (of rates)."""

_TIMED = re.compile(r"\s*(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>periods?|per interval)\s*")


@dataclass(frozen=True, slots=True)
class SystemClock:
    """`interval_s` between scrapes; `periods_s` of each job and of what it reaches, the longest of several.

    `written_s`: of the job that writes a dataset, by the dataset.
    """

    interval_s: float
    periods_s: Mapping[str, float]
    written_s: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, interval_s: float, jobs: Mapping[str, float], links: Iterable[str], writers: Mapping[str, str]
    ) -> SystemClock:  # fmt: skip
        """The clock of a system with these jobs by name, their periods (s), and links `caller->callee`.

        `writers`: of each dataset the job that writes it.
        """
        calls: dict[str, list[str]] = {}
        for link in links:
            caller, callee = link.split("->")
            calls.setdefault(caller, []).append(callee)
        periods_s: dict[str, float] = {}
        for job, period_s in jobs.items():
            waiting, seen = [job], {job}
            while waiting:
                name = waiting.pop()
                periods_s[name] = max(period_s, periods_s.get(name, 0.0))
                new = [one for one in calls.get(name, ()) if one not in seen]
                seen.update(new)
                waiting += new
        return cls(interval_s, periods_s, {dataset: jobs[job] for dataset, job in writers.items()})

    @classmethod
    def recorded(cls, system: Mapping[str, Any]) -> SystemClock:
        """The clock of a recording's `system.json`."""
        from lab.registration.world import registration_of  # which needs witnesses, and these a clock

        jobs = {name: one for name, one in system["components"].items() if one["kind"] == "job"}
        periods_s = {name: float(one["period_s"]) for name, one in jobs.items()}
        called = {name: [step.get("operation") for step in one["steps"]] for name, one in jobs.items()}
        world = registration_of(system["world"]) if system.get("world") else None
        written = writers(world.datasets, called) if world else {}
        return cls.of(float(system["scrape_interval_s"]), periods_s, system["links"], written)

    def period_s(self, element: str) -> float:
        """The period (s) of a job, or of the slowest job that reaches a component; of any job for `*`.

        Of a dataset, or a column of one, it is that of the job that writes it.

        A scrape interval where no job does.
        """
        if element == "*":
            return max(self.periods_s.values(), default=0.0) or self.interval_s
        dataset_s = self.written_s.get(element.partition(".")[0], 0.0)
        return self.periods_s.get(element, 0.0) or dataset_s or self.interval_s


class Amount(NamedTuple):
    """How much of a signal: in its unit, or in the time of the system it is measured in."""

    value: float
    unit: Unit = ""

    def on(self, clock: SystemClock, subject: str) -> float:
        """The amount in the unit of the signal, for one of its subjects."""
        if self.unit == "periods":
            return self.value * clock.period_s(subject)
        return self.value / clock.interval_s if self.unit == "per interval" else self.value

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}".rstrip()


def amount(written: Any, unit: str) -> Amount:
    """An amount of a signal in a catalogue's unit, as it is written in a file.

    Of times `6ms` or `0.8 periods`, of rates a number or `2.5 per interval`, of others a number. ValueError for what is
    none of these: a bare number of seconds fits one system only.
    """
    timed = _TIMED.fullmatch(written) if isinstance(written, str) else None
    if timed and timed["unit"].startswith("period") and unit == "s":
        return Amount(float(timed["number"]), "periods")
    if timed and timed["unit"] == "per interval" and unit == "1/s":
        return Amount(float(timed["number"]), "per interval")
    if unit == "s" and written != 0:
        try:
            return Amount(duration_s(written))
        except ValueError:
            raise ValueError("expected a time: 6ms, or 0.8 periods of the job that brings it") from None
    if isinstance(written, bool) or not isinstance(written, int | float) or not 0 <= written < float("inf"):
        raise ValueError("expected a number, at least 0" + (", or 2.5 per interval" if unit == "1/s" else ""))
    return Amount(float(written))
