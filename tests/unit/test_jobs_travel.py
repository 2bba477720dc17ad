"""Jobs go to other processes as they are: a scenario with the parameters of its faults, a testbed with its options."""

from __future__ import annotations

import pickle

import pytest

from lab.files.finding import shipped_names
from lab.runs.campaign import Job
from lab.scenario import load_scenario
from lab.testbeds.installed import choose


@pytest.mark.parametrize("name", shipped_names(".scenario.yaml"))
def test_a_job_is_the_same_in_another_process(name: str) -> None:
    job = Job(load_scenario(name), 1, ("rules",), choose("stack", {"time_scale": 5}))
    assert pickle.loads(pickle.dumps(job)) == job


@pytest.mark.parametrize("name", shipped_names(".scenario.yaml"))
def test_a_scenario_reaches_another_process_with_the_parameters_of_its_faults(name):
    loaded = load_scenario(name)
    again = pickle.loads(pickle.dumps(loaded))
    assert again == loaded
    for use, same in zip(loaded.scenario.faults, again.scenario.faults, strict=True):
        assert type(same.parameters) is type(use.parameters)
