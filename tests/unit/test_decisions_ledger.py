"""What becomes of decided payments: analysts, releases, chargebacks and losses, wherever blocks end."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from lab.clock import NS
from lab.worlds.decisions.ledger import HOLD_H, NEVER, NO_PAYMENTS, Decided, Ledger, Totals
from lab.worlds.decisions.rules import APPROVE, DECLINE, REVIEW
from lab.worlds.decisions.score_tables import BIT_FOUND, BIT_SUSPECTED, INPUTS
from lab.worlds.kit.rows import chosen, joined

HOUR_NS = 10 * NS
HOLD_NS = round(HOLD_H * HOUR_NS)
NOBODY = np.zeros(0, np.int64)


def payments(*rows: dict[str, int]) -> Decided:
    """Payments with the given words; others are 0, of a genuine payment nobody reports."""
    usual = {"report_ns": NEVER, "resolved_ns": NEVER, "known_ns": NEVER, "is_passed": NEVER}
    columns = {
        name: np.array([row.get(name, usual.get(name, 0)) for row in rows], np.int64)
        for name in Decided._fields
        if name != "inputs"
    }
    return Decided(**columns, inputs=np.full((len(rows), INPUTS), np.nan, np.float32))


def one(resolved: Decided, column: str) -> int:
    assert len(resolved.request) == 1
    return int(getattr(resolved, column)[0])


def test_what_is_approved_goes_through_and_is_known_when_it_is_reported():
    approved = payments({"request": 1, "time_ns": 50, "decision": APPROVE, "fraud": 1, "report_ns": 700})
    found = Ledger(HOUR_NS).take(approved, NOBODY, NOBODY, 100)
    assert (one(found, "is_passed"), one(found, "known_ns")) == (1, 750)


def test_what_is_declined_does_not_go_through():
    declined = payments({"request": 1, "time_ns": 50, "decision": DECLINE, "fraud": 1, "report_ns": 700})
    found = Ledger(HOUR_NS).take(declined, NOBODY, NOBODY, 100)
    assert (one(found, "is_passed"), one(found, "known_ns")) == (0, 750)


@pytest.mark.parametrize(
    ("row", "passed", "known_ns"),
    [
        ({"fraud": 2, "report_ns": 700, "bits": 1 << BIT_FOUND}, 0, 400),
        ({"fraud": 2, "report_ns": 700}, 1, 1100),
        ({"fraud": 2, "bits": 1 << BIT_FOUND}, 0, 400),
        ({}, 1, NEVER),
        ({"bits": 1 << BIT_SUSPECTED}, 0, NEVER),
    ],
)
def test_an_analyst_decides_what_is_held(row, passed, known_ns):
    held = payments({"request": 9, "time_ns": 50, "decision": REVIEW, **row})
    ledger = Ledger(HOUR_NS)
    assert len(ledger.take(held, NOBODY, NOBODY, 100).request) == 0
    found = ledger.take(NO_PAYMENTS, np.array([9]), np.array([400]), 500)
    assert (one(found, "is_passed"), one(found, "known_ns"), one(found, "resolved_ns")) == (passed, known_ns, 400)
    assert len(ledger.held.request) == 0


def test_what_nobody_looks_at_in_time_is_released():
    held = payments({"request": 9, "time_ns": 50, "decision": REVIEW, "fraud": 1, "report_ns": 7, "bits": 1})
    ledger = Ledger(HOUR_NS)
    ledger.take(held, NOBODY, NOBODY, 100)
    too_late = np.array([50 + HOLD_NS + 1])
    found = ledger.take(NO_PAYMENTS, np.array([9]), too_late, 60 + HOLD_NS)
    assert (one(found, "is_passed"), one(found, "resolved_ns")) == (1, 50 + HOLD_NS)
    assert one(found, "known_ns") == 57 + HOLD_NS


def random_day(count: int = 400) -> tuple[Decided, Any, Any]:
    rng = np.random.default_rng(4)
    times_ns = np.sort(rng.integers(0, 5 * HOLD_NS, count))
    day = payments(
        *(
            {
                "request": i, "time_ns": int(times_ns[i]), "decision": int(rng.integers(0, 3)),
                "fraud": int(rng.integers(0, 3)), "report_ns": int(rng.integers(-1, 2) * HOUR_NS),
                "bits": int(rng.integers(0, 4)), "cents": int(rng.integers(1, 9999)),
            }
            for i in range(count)
        )
    )  # fmt: skip
    looked = np.flatnonzero(rng.random(count) < 0.7)
    # Some are looked at before their end is seen, some after they were released.
    return day, looked, times_ns[looked] + rng.integers(-50, 2 * HOLD_NS, len(looked))


@pytest.mark.parametrize("cuts", [1, 7, 60])
def test_nothing_depends_on_where_blocks_end(cuts):
    day, looked, looked_ns = random_day()
    end_ns = 8 * HOLD_NS
    whole = Ledger(HOUR_NS).take(day, looked, looked_ns, end_ns)
    ledger, parts = Ledger(HOUR_NS), []
    edges = np.linspace(0, end_ns, cuts + 1).astype(np.int64)
    for since, until in pairwise(edges.tolist()):
        mine = (day.time_ns > since) & (day.time_ns <= until) if since else day.time_ns <= until
        seen = (looked_ns > since) & (looked_ns <= until) if since else looked_ns <= until
        parts.append(ledger.take(chosen(day, mine), looked[seen], looked_ns[seen], int(until)))
    found = joined(parts)
    for a, b in zip(whole, found, strict=True):
        assert np.array_equal(a[np.argsort(whole.request)], b[np.argsort(found.request)], equal_nan=True)
    assert len(found.request) == len(day.request)


def test_totals_count_each_thing_at_its_own_time():
    window_ns, interval_ns = 1000, 100
    totals = Totals(0, interval_ns, window_ns)
    made = payments(
        {"request": 1, "time_ns": 10, "decision": APPROVE, "cents": 1250, "resolved_ns": 10, "known_ns": 250,
         "is_passed": 1},
        {"request": 2, "time_ns": 20, "decision": REVIEW, "cents": 900, "resolved_ns": 120, "known_ns": 120,
         "is_passed": 0},
        {"request": 3, "time_ns": 30, "decision": DECLINE, "cents": 700, "resolved_ns": 30, "is_passed": 0},
        {"request": 4, "time_ns": 40, "decision": DECLINE, "cents": 700, "resolved_ns": 40, "known_ns": 5000,
         "is_passed": 0},
    )  # fmt: skip
    totals.decided(made)
    totals.resolved(made)
    found = totals.between(np.arange(0, 6001, interval_ns))
    totals.sum_until(6000)
    after = totals.between(np.arange(0, 6001, interval_ns))
    assert {name: values.tolist() for name, values in found.items()} == {
        name: values.tolist() for name, values in after.items()
    }
    at = {name: {i: value for i, value in enumerate(values.tolist()) if value} for name, values in found.items()}
    assert at == {
        "payment.count": {0: 4}, "payment.declined.count": {0: 2}, "payment.held.count": {0: 1},
        "review.closed.count": {1: 1}, "fraud.loss.eur": {2: 12.5}, "fraud.known.count": {1: 1, 2: 1, 50: 1},
        "fraud.stopped.count": {1: 1, 50: 1}, "payment.flagged.ripe.count": {10: 3},
        "payment.flagged.fraud.count": {10: 1},
    }  # fmt: skip
