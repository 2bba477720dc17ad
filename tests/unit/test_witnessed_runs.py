"""Whether a fault showed in a run of the simulator: what must show does, what cannot does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.contracts import Truth
from lab.recording.rundir import RunDirectory
from lab.runs.runner import run_scenario
from tests.simulated import FAULTS, scenario


def truth_of(folder: Path, use: Mapping[str, Any]) -> tuple[RunDirectory, Truth]:
    fault = {**use, "at": "40s", "for": "40s"}
    loaded = scenario(folder, duration_s=100, rate_per_s=30, faults=[fault])
    run = run_scenario(loaded, 2, folder / "runs")
    return run, run.truth()


INVISIBLE: Mapping[str, Mapping[str, Any]] = {
    "a partition of no connections": {
        "type": "network-partition", "target": "desk->db", "with": {"fraction": "0%"},
    },
    "a throttle that leaves all the CPU": {"type": "cpu-throttle", "target": "model", "with": {"cpu": "100%"}},
    "ten microseconds": {
        "type": "network-latency", "target": "desk->db", "with": {"latency": "10us", "jitter": "0s"},
    },
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", INVISIBLE)
def test_what_cannot_show_is_not_witnessed(name: str, tmp_path: Path) -> None:
    _, truth = truth_of(tmp_path, INVISIBLE[name])
    (fault,) = truth.faults
    assert not fault.witnessed
    assert not any(said["shown"] for said in fault.witnesses)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "network-partition",
        "network-partition, mild",
        "network-partition, one way",
        "network-latency",
        "cpu-throttle",
        "feed-stall",
    ],
)
def test_a_real_fault_is_witnessed_soon_after_it_begins(name: str, tmp_path: Path) -> None:
    run, truth = truth_of(tmp_path, FAULTS[name])
    (fault,) = truth.faults
    assert (fault.injected_s, fault.reverted_s) == (40.0, 80.0)
    assert fault.witnessed
    assert fault.injected_s < float(fault.witnessed_s or 0) <= fault.injected_s + 30
    moved = run.effects()["f1"]
    shown = {(said["signal"], said["subject"]) for said in fault.witnesses if said["shown"]}
    assert shown <= {(entry["signal"], entry["subject"]) for entry in moved}


def test_the_blast_radius_of_a_partition_reaches_its_caller_and_not_the_job(tmp_path: Path) -> None:
    run, _ = truth_of(tmp_path, FAULTS["network-partition"])
    moved = {(entry["signal"], entry["subject"]) for entry in run.effects()["f1"]}
    assert ("client_error_ratio", "desk->db") in moved
    assert not {subject for signal, subject in moved if signal.startswith("client_")} & {"feed->db", "desk->rules"}


def test_a_fault_that_two_intervals_precede_is_witnessed_on_the_simulator(tmp_path: Path) -> None:
    fault = {**FAULTS["network-partition"], "at": "10s", "for": "40s"}
    run = run_scenario(scenario(tmp_path, duration_s=70, rate_per_s=30, faults=[fault]), 2, tmp_path / "runs")
    (partition,) = run.truth().faults
    assert partition.witnessed_s in (15.0, 20.0)
    sizes = [entry["size"] for entry in run.effects()["f1"]]
    assert sizes == sorted(sizes, reverse=True)


def test_two_faults_have_a_twin_each(tmp_path: Path) -> None:
    faults = [
        {**FAULTS["network-latency"], "at": "45s", "for": "40s"},
        {**INVISIBLE["a partition of no connections"], "at": "50s", "for": "30s"},
    ]
    run = run_scenario(scenario(tmp_path, duration_s=100, rate_per_s=30, faults=faults), 2, tmp_path / "runs")
    assert [fault.witnessed for fault in run.truth().faults] == [True, False]
    assert run.effects()["f2"] == []
