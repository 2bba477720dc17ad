"""Signals of fraud decisions, held against payments that are few enough to count by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lab.recording.observed import Observed
from lab.signals.columns import Grid, Metrics
from lab.worlds.decisions import signals
from lab.worlds.decisions.registration import WORLD
from lab.worlds.kit import predictions

SCRAPE_S = 5.0
PARTS = {
    "front": {"steps": [{"name": "decide", "call": "rules", "run": None}]},
    "rules": {
        "steps": [
            {"name": "block", "call": None, "run": "decline"},
            {"name": "refuse", "call": None, "run": "decline", "when": {"above": 0.4, "at_most": None}},
            {"name": "hold", "call": None, "run": "hold", "when": {"above": 0.08, "at_most": 0.4}},
        ]
    },
}


def observed(duration_s: float, **tables: dict[str, list[Any]]) -> Observed:
    system = {"world": "decisions", "scrape_interval_s": SCRAPE_S, "entry": "front", "components": PARTS, "links": []}
    none: dict[str, list[Any]] = {"time_s": [], "service.name": [], "metric": [], "value": []}
    none |= {"peer.service": [], "attribute": []}
    recorded = {name: pa.table(columns) for name, columns in {"metrics": none, **tables}.items()}
    return Observed({**system, "duration_s": duration_s}, recorded, [], [], {})


def computed(of: Observed) -> dict[tuple[str, str], list[float]]:
    grid = Grid(of)
    found = {(one.signal, one.subject): one.values for one in signals.series(of, Metrics(of.metrics, grid), grid)}
    return {name: np.round(values, 6).tolist() for name, values in found.items()}


def counted(metric: str, values: list[float]) -> list[tuple[float, str, str, float]]:
    return [((i + 1) * SCRAPE_S, "front", metric, value) for i, value in enumerate(values)]


def payments(
    *rows: tuple[float, float, float, str, float | None], merchants: Sequence[int] = ()
) -> dict[str, list[Any]]:
    """Rows of time, amount, score, decision and outcome; without `merchants` each is at one of its own."""
    time_s, amount_eur, score, decision, outcome = map(list, zip(*rows, strict=True))
    merchant_id = list(merchants) or list(range(len(rows)))
    return {
        "time_s": time_s, "merchant_id": merchant_id, "amount_eur": amount_eur, "score": score, "decision": decision,
        "outcome": outcome,
    }  # fmt: skip


def test_all_signals_are_registered_and_only_those() -> None:
    rows = payments((1, 10, 0.5, "review", 1.0), (2, 10, 0.01, "approve", 0.0))
    features = {"time_s": [1.0], "table": ["cards"], "source": ["db"]}
    registered = next(some for some in WORLD.signals if some.of == "lab.worlds.decisions.signals:series")
    assert {name for name, _ in computed(observed(20, predictions=rows, features=features))} == set(
        registered.catalogue
    )


def test_shares_of_what_was_decided() -> None:
    samples = [*counted("payment.count", [100, 50]), *counted("payment.declined.count", [1, 5])]
    samples += counted("payment.held.count", [10, 0])
    time_s, service, metric, value = map(list, zip(*samples, strict=True))
    none = [""] * len(samples)
    columns = {"time_s": time_s, "service.name": service, "metric": metric, "value": value}
    found = computed(observed(10, metrics={**columns, "peer.service": none, "attribute": none}))
    assert found["decline_ratio", "front"] == [0.01, 0.1]
    assert found["review_ratio", "front"] == [0.1, 0.0]


def test_default_rows_are_counted_by_table() -> None:
    features = {
        "time_s": [1.0, 1.0, 2.0, 2.0, 7.0, 7.0],
        "table": ["cards", "merchants"] * 3,
        "source": ["default", "db", "cache", "db", "default", "default"],
    }
    found = computed(observed(10, features=features))
    assert found["default_row_ratio", "features.cards"] == [0.5, 1.0]
    assert found["default_row_ratio", "features.merchants"] == [0.0, 1.0]


def test_fraud_is_told_by_the_time_of_the_payment_and_only_where_its_label_window_has_closed() -> None:
    found = computed(
        observed(
            40,
            predictions=payments(
                (1, 30, 0.5, "decline", 1.0), (1, 10, 0.1, "review", 0.0), (1, 60, 0.01, "approve", 0.0),
                (6, 40, 0.02, "approve", 1.0),
                (11, 99, 0.9, "decline", None),
            ),
        )
    )  # fmt: skip
    nan = pytest.approx(float("nan"), nan_ok=True)
    assert found["matured_recall", "front"] == [1.0, 0.5, *[nan] * 6]
    assert found["matured_precision", "front"] == [0.5, 0.5, *[nan] * 6]
    assert found["chargeback_ratio", "front"] == [0.0, 0.4, *[nan] * 6]


def test_what_is_decided_otherwise_than_the_limits_say_is_told_of_the_component_that_has_them() -> None:
    rows = payments(
        (1, 1, 0.07, "approve", None), (1, 1, 0.09, "review", None), (1, 1, 0.5, "decline", None),
        (6, 1, 0.04, "review", None), (6, 1, 0.9, "decline", None), (6, 1, 0.3, "decline", None),
        (6, 1, 0.08, "approve", None), (11, 1, 0.6, "approve", None), (36, 1, float("nan"), "approve", None),
    )  # fmt: skip
    found = computed(observed(40, predictions=rows))
    assert not [name for name in found if name[1] == "front" and name[0].startswith(("limit", "held"))]
    nan = pytest.approx(float("nan"), nan_ok=True)
    assert found["limit_mismatch_ratio", "rules"] == [0.0, 0.5, 1.0, *[nan] * 5]
    assert found["held_score_min", "rules"] == [0.09, *[0.04] * 6, nan]


def test_payments_at_a_blocked_merchant_are_declined_whatever_their_score() -> None:
    low = [(1.0 + time, 1.0, 0.01, "decline", None) for time in range(4)]
    other = [(1.0 + time, 1.0, 0.01, decision, None) for time, decision in enumerate(["decline"] * 3 + ["approve"])]
    found = computed(observed(10, predictions=payments(*low, *other, merchants=[7] * 4 + [8] * 4)))
    assert found["limit_mismatch_ratio", "rules"] == [0.75, *[pytest.approx(float("nan"), nan_ok=True)]]
    few = payments(*low[:3], other[3], merchants=[7] * 3 + [8])
    assert computed(observed(10, predictions=few))["limit_mismatch_ratio", "rules"][0] == 0.75


# Windows that follow positives.


def test_a_window_is_as_long_as_usually_holds_twenty_positives() -> None:
    many, few, none = np.full(100, 50.0), np.full(100, 2.0), np.zeros(100)
    assert predictions.window_of(many) == 1
    assert predictions.window_of(few) == 10
    assert predictions.window_of(few / 20) == 25  # a quarter of the recording: else nothing would be compared with
    assert predictions.window_of(none) == 1
    few[60:] = 0  # label windows that are open yet say nothing of what is usual
    assert predictions.window_of(few) == 10


def deficit(version: list[int], outcome: list[int], bins: list[int], count: int) -> list[float]:
    """Of a first version that ranks positives first, and a newer one that ranks them last."""
    good, truth = np.array(outcome, float), np.array(outcome, float)
    grid = Grid(observed(count * SCRAPE_S))
    found = predictions._deficit(good, 1 - good, truth, np.array(version), 1, np.array(bins), grid)
    return [float(value) for value in found]


def test_the_deficit_of_a_version_is_told_once_enough_of_its_own_rows_turned_out_positive() -> None:
    """Two positives and two negatives each interval: thirty of them take fifteen intervals."""
    count = 40
    bins = np.repeat(np.arange(count), 4).tolist()
    version = [1 if one < 10 else 2 for one in bins]
    found = deficit(version, [0, 1] * 2 * count, bins, count)
    assert found == [0.0] * 10 + [1.0] * 30
    soon = 4 * 24
    found = deficit(version[:soon], [0, 1] * (soon // 2), bins[:soon], count)
    assert found[:10] == [0.0] * 10
    assert np.isnan(found[10:]).all(), "fourteen intervals of it"


def test_a_canary_s_deficit_is_of_the_rows_that_it_scored() -> None:
    count = 44
    bins = np.repeat(np.arange(count), 4).tolist()
    found = deficit([1, 1, 1, 2] * count, [0, 1, 0, 1] * count, bins, count)
    assert np.isnan(found).all(), "the newer version had positives only, so nothing can be ranked"
    found = deficit([1, 1, 2, 2] * count, [0, 1, 0, 1] * count, bins, count)
    assert found == [1.0] * count
    few = 4 * 29
    found = deficit([1, 1, 2, 2] * 29, [0, 1, 0, 1] * 29, bins[:few], count)
    assert np.isnan(found).all(), "twenty-nine positives of its own"


def test_two_newer_versions_are_judged_apart() -> None:
    """A harmless version first: its rows say nothing about the one that follows."""
    count, each = 12, 14
    bins = np.repeat(np.arange(count), each)
    version = np.select([bins < 4, bins < 8], [1, 2], 3)
    outcome = np.tile([0, 1], count * each // 2).astype(float)
    logged = np.where(version == 3, 1 - outcome, outcome)
    grid = Grid(observed(count * SCRAPE_S))
    found = predictions._deficit(outcome, logged, outcome, version, 1, bins, grid)
    assert found[4:8].tolist() == pytest.approx([np.nan] * 4, nan_ok=True)
    assert found[8:].tolist() == pytest.approx([np.nan] * 4, nan_ok=True)
    more = predictions._deficit(
        *(np.repeat(of, 2) for of in (outcome, logged, outcome, version)), 1, np.repeat(bins, 2), grid
    )
    assert more.tolist() == [0.0] * 8 + [1.0] * 4
