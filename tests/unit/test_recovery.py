"""Every fault is gone when its recovery time has passed: in what users see, and in every lever that it pulled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.after_faults import FAULT_SEEDS, WINDOW_S, Recovering
from tests.simulated import BOOKINGS, FAULTS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Recovering:
    floors = {"error_ratio": 0.001, "latency_p95_s": 0.0005}
    return Recovering(tmp_path_factory.mktemp("control"), BOOKINGS, FAULTS, floors)


@pytest.mark.parametrize("seed", FAULT_SEEDS)
@pytest.mark.parametrize("name", FAULTS)
def test_after_its_recovery_time_a_fault_is_gone(name: str, seed: int, tmp_path: Path, runs: Recovering) -> None:
    runs.check(tmp_path, name, seed)


def test_the_comparison_would_notice_a_fault_that_stays(tmp_path: Path, runs: Recovering) -> None:
    from_s = runs.duration_s - WINDOW_S
    stays = runs.means(runs.run_of(tmp_path, "network-latency", for_s=runs.duration_s - 20), from_s)["latency_p95_s"]
    low, high = runs.allowed(from_s, "latency_p95_s")
    assert not low <= stays <= high
    assert np.isfinite([low, high]).all()
