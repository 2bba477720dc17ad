"""Whether a fault of the shop's content showed in a run: what must show does, what cannot does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.contracts import Truth
from lab.recording.rundir import RunDirectory
from lab.runs.runner import run_scenario
from tests.sim_runs import FAULTS, scenario


def truth_of(folder: Path, use: Mapping[str, Any]) -> tuple[RunDirectory, Truth]:
    fault = {**use, "at": "40s", "for": "40s"}
    loaded = scenario(folder, duration_s=100, rate_per_s=30, faults=[fault])
    run = run_scenario(loaded, 2, folder / "runs")
    return run, run.truth()


INVISIBLE: Mapping[str, Mapping[str, Any]] = {
    "an integer column retyped to integer": {
        "type": "schema-corruption", "target": "db",
        "with": {"column": "age_years", "change": "retype", "to": "integer"},
    },
    "a column multiplied by one": {
        "type": "schema-corruption", "target": "db",
        "with": {"column": "avg_order_value_eur", "change": "rescale", "factor": 1.0},
    },
    "a stale cache without stale keys": {"type": "stale-cache", "target": "cache", "with": {"fraction": "0%"}},
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
        "schema-corruption renames",
        "schema-corruption retypes to text",
        "schema-corruption rescales",
        "schema-corruption nulls, mild",
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


def test_the_blast_radius_of_a_partition_reaches_the_fallback_of_its_caller(tmp_path: Path) -> None:
    run, _ = truth_of(tmp_path, FAULTS["network-partition"])
    assert ("fallback_ratio", "features.default_features") in {
        (entry["signal"], entry["subject"]) for entry in run.effects()["f1"]
    }
