"""Jobs are started in the order of their work: that of the run and of each twin."""

from __future__ import annotations

from pathlib import Path

from lab.runs.campaign import Job
from lab.runs.order import longest_first, work
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


def test_the_longest_come_first_and_equal_ones_as_they_came(folder: Path) -> None:
    jobs = [job(Path("quiet.scenario.yaml")), job(write("long", duration=600)), job(Path("cut.scenario.yaml"))]
    jobs += [job(write("like-quiet")), job(write("long-cut", CUT, duration=600))]
    assert longest_first(jobs) == [4, 1, 2, 0, 3]
