"""Jobs are started in the order of their work: that of the run and of each twin."""

from __future__ import annotations

from pathlib import Path

from lab.runs.campaign import Job
from lab.runs.order import starting_order, work
from lab.scenario import load_scenario
from lab.testbeds.installed import choose
from tests.cli_cases import CUT, write


def job(path: Path, testbed: str = "sim") -> Job:
    return Job(load_scenario(path), 1, ("constant",), choose(testbed))


def test_a_twin_counts_as_a_run_where_the_testbed_makes_one(folder: Path) -> None:
    quiet, cut = job(Path("quiet.scenario.yaml")), job(Path("cut.scenario.yaml"))
    assert work(quiet) == 60 * 8
    assert work(cut) == 2 * work(quiet)
    assert work(job(Path("cut.scenario.yaml"), "stack")) == work(job(Path("quiet.scenario.yaml"), "stack"))


def test_one_short_job_comes_first_and_then_the_longest(folder: Path) -> None:
    jobs = [job(Path("quiet.scenario.yaml")), job(write("long", duration=600)), job(Path("cut.scenario.yaml"))]
    jobs += [job(write("like-quiet")), job(write("long-cut", CUT, duration=600))]
    assert starting_order(jobs) == [0, 4, 1, 2, 3]
    assert starting_order([jobs[0]] * 3) == [0, 1, 2]
    assert starting_order([]) == []


def test_beginning_with_the_shortest_costs_no_more_than_its_own_time(folder: Path) -> None:
    jobs = [job(write(f"s{length}", duration=length)) for length in (60, 600, 90, 480, 300, 120, 240, 360)]
    cost = [work(one) for one in jobs]
    began = starting_order(jobs)
    assert ended(cost, began, 2) <= ended(cost, sorted(began, key=lambda number: -cost[number]), 2) + min(cost)


def ended(cost: list[float], order: list[int], workers: int) -> float:
    """When the last job ends that each worker takes from the list as it becomes free."""
    free = [0.0] * workers
    for number in order:
        free[free.index(min(free))] += cost[number]
    return max(free)
