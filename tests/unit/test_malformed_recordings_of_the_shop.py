"""Recordings of the shop whose checksums fit and whose reference is wrong: refused, or read as far as can be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.recording.observed import load_observed
from lab.recording.opening import open_run
from lab.runs.runner import run_scenario
from lab.signals import compute_signals
from tests.damaged import assert_refused, change_json, change_table, put, reseal
from tests.sim_runs import scenario


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    return run_scenario(scenario(folder, name="quiet", duration_s=30, rate_per_s=10), 5, folder).path


@pytest.fixture
def run(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "quiet" / "5-abc"))


DAMAGES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "a model of other inputs": (
        change_json("observed/reference/registry.json", lambda c: c[0]["weights"].pop() and None),
        "registry.json", "for each input",
    ),
    "a contract that is text": (put("observed/reference/contract.json", b'"x"'), "contract.json", "malformed"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_resealed_recording_of_wrong_content_is_refused(run: Path, damage: str) -> None:
    assert_refused(run, *DAMAGES[damage])


@pytest.mark.parametrize("rows", [0, 1])
def test_a_training_sample_of_hardly_any_rows_is_no_reason_to_break(run: Path, rows: int) -> None:
    change_table("reference/training_sample", lambda table: table.slice(0, rows))(run)
    reseal(run)
    signals = compute_signals(load_observed(open_run(run).observed))
    assert signals.subjects("feature_null_ratio")
    assert bool(signals.subjects("feature_out_of_range_ratio")) == bool(rows)
