"""What the counters of a container say of its CPU: the busy share of its workers, and the share that it waited."""

from __future__ import annotations

from typing import Any

import pytest

from lab.systems.files import load_system
from lab.testbeds.stack.samples import ContainerSampler
from tests.simulated import BOOKINGS


def stats(at: str, used_s: float, throttled_s: float) -> dict[str, Any]:
    cpu = {
        "cpu_usage": {"total_usage": used_s * 1e9},
        "throttling_data": {"throttled_time": throttled_s * 1e9},
    }
    return {"read": f"2026-01-02T03:04:{at}Z", "cpu_stats": cpu}


@pytest.mark.parametrize(
    ("used_s", "throttled_s", "utilization", "throttled"),
    [(2.0, 0.0, 0.1, 0.0), (2.0, 6.0, 0.1, 0.75), (1.0, 1.0, 0.05, 0.5), (0.0, 0.0, 0.0, 0.0)],
)
def test_shares_are_of_elapsed_time_and_of_the_time_that_it_wanted(
    used_s: float, throttled_s: float, utilization: float, throttled: float
) -> None:
    sampler = ContainerSampler(None, load_system(BOOKINGS), lambda: 0.0)  # type: ignore[arg-type]
    before, after = stats("05.000000000", 10.0, 3.0), stats("10.000000000", 10.0 + used_s, 3.0 + throttled_s)
    sampler._add("model", (5.2, before), (10.3, after))
    assert sampler.samples == [
        (10.0, "model", "process.cpu.utilization", pytest.approx(utilization)),
        (10.0, "model", "process.cpu.throttled.ratio", pytest.approx(throttled)),
    ]
