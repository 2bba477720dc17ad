"""When an alert fires: the one function over the recorded metrics, by examples that decide its edges.

The indicator is that of a stranger's world, the help desk under `examples/world`: the share of questions handed on,
which alerts above 15 % for 20 s, and has a binomial standard error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lab.recording.slis import alerts
from lab.systems.files import load_system
from lab.systems.topology import System
from tests.distributions import installed_here

EXAMPLE = Path(__file__).parents[2] / "examples" / "world"
STEP_S, LIMIT, FOR_S = 5.0, 0.15, 20.0
ASKED = 400
"""Questions an interval: 1600 in the rolling window of 4 intervals, a standard error of 0.0089 at the limit."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with installed_here(EXAMPLE, tmp_path_factory.mktemp("site")):
        yield load_system(str(EXAMPLE / "desk.system.yaml"))


def handed_on(shares: Sequence[float]) -> pa.Table:
    rows = []
    for i, share in enumerate(shares, 1):
        for metric, value in (("desk.question.count", float(ASKED)), ("desk.escalation.count", share * ASKED)):
            rows.append((i * STEP_S, "desk", "", metric, value))
        rows.append((i * STEP_S, "people", "desk", "client.request.count", 100.0))
    names = ["time_s", "service.name", "peer.service", "metric", "value"]
    return pa.table(list(map(list, zip(*rows, strict=True))), names=names)


def fired(desk: System, shares: Sequence[float]) -> list[float]:
    found = alerts(handed_on(shares), desk)
    return [alert["time_s"] for alert in found if alert["slo"] == "escalations" and alert["state"] == "firing"]


def standard_errors_above(count: float) -> float:
    """A share so far above the limit that its own standard error fits between the two this many times."""
    share = LIMIT
    for _ in range(50):
        share = LIMIT + count * float(np.sqrt(share * (1 - share) / (ASKED * 4)))
    return share


@pytest.mark.parametrize(("errors", "pages"), [(-0.5, False), (0.5, False), (0.9, False), (1.1, True), (3.0, True)])
def test_a_share_pages_only_when_it_misses_its_limit_by_a_standard_error(
    desk: System, errors: float, pages: bool
) -> None:
    assert bool(fired(desk, [standard_errors_above(errors)] * 40)) is pages


def test_an_alert_fires_once_its_condition_has_held_for_the_stated_time(desk: System) -> None:
    high = standard_errors_above(3.0)
    assert fired(desk, [0.06] * 20 + [high] * 30)[0] >= 20 * STEP_S + FOR_S
    long_enough = round(FOR_S / STEP_S)
    assert fired(desk, [high] * long_enough) == [], "the last interval is not 20 s after the first"
    assert fired(desk, [high] * (long_enough + 1)) == [(long_enough + 1) * STEP_S]
