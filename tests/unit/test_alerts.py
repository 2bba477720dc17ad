"""When an alert fires: the one function over the recorded metrics, by examples that decide its edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from lab.recording.slis import alerts
from lab.systems.files import load_system

STEP_S, LIMIT, FOR_S = 5.0, 0.096, 45.0
SHOWN = 400
"""Items shown an interval: 2400 in the rolling window of click-through, a standard error of 0.0059 at the limit."""


def clicks(shares: Sequence[float]) -> pa.Table:
    rows = []
    for i, share in enumerate(shares, 1):
        for metric, value in (
            ("recommendation.impression.count", float(SHOWN)),
            ("recommendation.click.count", share * SHOWN),
        ):
            rows.append((i * STEP_S, "features", "", metric, value))
        rows.append((i * STEP_S, "shoppers", "features", "client.request.count", 100.0))
    names = ["time_s", "service.name", "peer.service", "metric", "value"]
    return pa.table(list(map(list, zip(*rows, strict=True))), names=names)


def fired(shares: Sequence[float]) -> list[float]:
    found = alerts(clicks(shares), load_system("recommender"))
    return [alert["time_s"] for alert in found if alert["slo"] == "click-through" and alert["state"] == "firing"]


def standard_errors_below(count: float) -> float:
    """A share so far below the limit that its own standard error fits between the two this many times."""
    share = LIMIT
    for _ in range(50):
        share = LIMIT - count * float(np.sqrt(share * (1 - share) / (SHOWN * 6)))
    return share


@pytest.mark.parametrize(("errors", "pages"), [(-0.5, False), (0.5, False), (0.9, False), (1.1, True), (3.0, True)])
def test_click_through_pages_only_when_it_misses_its_limit_by_a_standard_error(errors: float, pages: bool) -> None:
    assert bool(fired([standard_errors_below(errors)] * 40)) is pages


def test_an_alert_fires_once_its_condition_has_held_for_the_stated_time() -> None:
    low = standard_errors_below(3.0)
    assert fired([0.12] * 20 + [low] * 30)[0] >= 20 * STEP_S + FOR_S
    long_enough = round(FOR_S / STEP_S)
    assert fired([low] * long_enough) == [], "the last interval is not 45 s after the first"
    assert fired([low] * (long_enough + 1)) == [(long_enough + 1) * STEP_S]
