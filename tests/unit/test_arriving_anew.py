"""Who comes can change: those who have not come yet are asked for again, those on their way stay who they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lab.testbeds.sim.plane import arrivals as arrivals_module
from tests.unit.test_plane_decisions import ROWS, Deciding, own

ARRIVALS_MS = [float(5 * n) for n in range(40)]
CHANGES_MS = 51.0


class Turning(Deciding):
    """As Deciding, but buyers and own numbers are others once `turned`."""

    turned = 0

    def subjects(self, source: Any, first: int, times_ns: Any) -> Any:
        keys, numbers = super().subjects(source, first, times_ns)
        return (keys + np.array([self.turned, 0])) % 10, numbers + 1000 * self.turned


@pytest.mark.parametrize("window", [4, 7, 4096])
def test_who_has_not_come_is_asked_for_again(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals_module, "WINDOW", window)
    bench = Turning([*ROWS, own("assemble", "serve")], ARRIVALS_MS)
    bench.advance(CHANGES_MS)
    bench.turned = 3
    bench.sources.ask_anew()
    bench.advance(1000)
    done = bench.ended()
    came_before = np.array(ARRIVALS_MS) <= CHANGES_MS
    n = np.arange(len(ARRIVALS_MS))
    assert done.keys[:, 0].tolist() == np.where(came_before, n % 10, (n + 3) % 10).tolist()
    assert done.own[:, 1].tolist() == np.where(came_before, n, n + 3000).tolist()
    assert done.start_ns.tolist() == [round(ms * 1e6) for ms in ARRIVALS_MS]


def test_asking_again_for_the_same_changes_nothing() -> None:
    whole, again = (Turning([*ROWS, own("assemble", "serve")], ARRIVALS_MS) for _ in range(2))
    for moment in (0.0, 5.0, 33.0, 150.0, 190.0, 400.0):
        again.advance(moment)
        again.sources.ask_anew()
    for bench in (whole, again):
        bench.advance(1000)
    assert all(np.array_equal(a, b) for a, b in zip(whole.ended(), again.ended(), strict=True))
