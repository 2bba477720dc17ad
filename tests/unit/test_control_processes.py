"""Control processes: due when they should be, and copies of them go on in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from lab.testbeds.sim.control import Clock, Job, Pauses, Recurring


@dataclass(slots=True)
class Every(Recurring):
    """Notes its name at every interval."""

    name: str
    interval_ns: int

    def fire(self, bed: Any, now_ns: int) -> int:
        bed.noted.append((now_ns, self.name))
        return now_ns + self.interval_ns


class Bed:
    """Notes what is done with it."""

    def __init__(self, *, late_ns: int = 0, period_ns: int = 10) -> None:
        self.noted: list[tuple[int, Any]] = []
        self.late_ns, self.job_period_ns = late_ns, period_ns

    def delay_ns(self, job: str, now_ns: int) -> int:
        return self.late_ns

    def period_ns(self, job: str) -> int:
        return self.job_period_ns

    def run_job(self, job: str, number: int, due_ns: int, now_ns: int) -> None:
        self.noted.append((now_ns, number))

    def pause(self, component: str, *, is_paused: bool) -> None:
        self.noted.append((self.clock.now_ns, is_paused))


def clock_of(bed: Any) -> Clock:
    bed.clock = Clock(bed)
    return bed.clock  # type: ignore[no-any-return]


def run(clock: Clock, until_ns: int) -> None:
    marker = clock.mark(until_ns)
    while not marker.processed:
        clock.env.step()


def test_what_is_due_at_one_time_keeps_its_order_in_a_copy() -> None:
    bed, other = Bed(), Bed()
    clock = clock_of(bed)
    for name, interval_ns in (("a", 4), ("b", 6), ("c", 12), ("d", 3)):
        clock.start(Every(name, interval_ns), interval_ns)
    run(clock, 12)
    before = list(bed.noted)
    copies = clock.branch(other)
    again = clock.branch(other).branch(other)
    run(clock, 100)
    for copy_ in (copies, again):
        other.noted.clear()
        run(copy_, 100)
        assert before + other.noted == bed.noted
    assert [name for time_ns, name in bed.noted if time_ns == 12] == ["c", "b", "a", "d"]


@pytest.mark.parametrize(
    ("late_ns", "runs"),
    [(0, [(10, 0), (20, 1), (30, 2), (40, 3)]), (4, [(14, 0), (24, 1), (34, 2), (44, 3)]), (13, [(23, 0), (43, 2)])],
    ids=["in time", "late", "so late that it skips runs"],
)
def test_a_run_is_numbered_by_when_it_is_due(late_ns: int, runs: list[tuple[int, int]]) -> None:
    bed = Bed(late_ns=late_ns)
    clock = clock_of(bed)
    clock.start(Job("feed", 10), 10)
    run(clock, 50)
    assert bed.noted == runs


def test_numbers_rise_where_a_period_was_made_shorter() -> None:
    bed = Bed(period_ns=3)
    clock = clock_of(bed)
    clock.start(Job("feed", 10), 3)
    run(clock, 22)
    assert [number for _, number in bed.noted] == list(range(7))


def test_pauses_have_the_lengths_and_gaps_asked_for() -> None:
    bed = Bed()
    clock = clock_of(bed)
    pauses = Pauses("service", 7, 30_000_000, 60_000)
    clock.start(pauses, pauses.gap_ns())
    run(clock, 60_000_000_000)
    begins = [time_ns for time_ns, is_paused in bed.noted if is_paused]
    ends = [time_ns for time_ns, is_paused in bed.noted if not is_paused]
    lengths = [end - begin for begin, end in zip(begins, ends, strict=False)]
    assert len(begins) == pytest.approx(2000, rel=0.06)
    assert sum(lengths) / len(lengths) == pytest.approx(60_000, rel=0.03)
    assert max(lengths) <= 120_000
