"""Faults that act on the shop's content are gone when their recovery time has passed; the others are as in
`test_recovery`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import simulated
from tests.after_faults import FAULT_SEEDS, Recovering
from tests.sim_runs import FAULTS

pytestmark = pytest.mark.slow
OF_CONTENT = {name: use for name, use in FAULTS.items() if name not in simulated.FAULTS or name.startswith("feed")}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Recovering:
    floors = {"error_ratio": 0.001, "latency_p95_s": 0.0005, "click_through_ratio": 0.0}
    return Recovering(tmp_path_factory.mktemp("control"), "recommender", OF_CONTENT, floors)


@pytest.mark.parametrize("seed", FAULT_SEEDS)
@pytest.mark.parametrize("name", OF_CONTENT)
def test_after_its_recovery_time_a_fault_is_gone(name: str, seed: int, tmp_path: Path, runs: Recovering) -> None:
    runs.check(tmp_path, name, seed)
