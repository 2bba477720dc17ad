"""The aggregator: payments and reports become columns and fresh entries; a run's seeding."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from lab.agreed.run import Run
from lab.systems.files import load_system
from services.decisions.past import cardholders_of, lived_through
from tests.services.plane.decisions.decisions_bench import Bank
from tests.waiting import eventually

SYSTEM = load_system("fraud")
CARD = "SELECT payments_12h_count, spent_48h_eur, declines_48h_count, updated_at FROM cards WHERE card_id = 81"
MERCHANT = "SELECT payments_24h_count, decline_ratio, fraud_ratio FROM merchants WHERE merchant_id = 17"


@pytest.fixture
def run(bank: Bank) -> Run:
    """A run in which the aggregator works every half second."""
    started = Run(seed=3, start_unix_s=time.time(), duration_s=600, warmup_s=0, stages=((600, 50),), time_scale=10)
    status, answer = bank.control("POST", "aggregator", "/runs", started.to_json())
    assert status == 200, answer
    return started


def pay(bank: Bank, count: int, decision: str) -> None:
    """Writes payments into the bank's book, as the load does."""
    bank.db.run(
        "INSERT INTO payments (payment_id, card_id, merchant_id, amount_eur, decision, decided_at) "
        f"SELECT 'test/{decision}/' || n, 81, 17, 10.0, '{decision}', now() FROM generate_series(1, {count}) AS n"
    )


def test_a_run_begins_with_what_was_paid_before_it(bank: Bank, run: Run) -> None:
    past = lived_through(cardholders_of(run, SYSTEM.world))  # type: ignore[arg-type]
    names = "home_country, usual_amount_eur, payments_12h_count, spent_48h_eur"
    # As of the seeding, or a run of the job or two later, which forget a little.
    rows = np.array(bank.db.run(f"SELECT {names} FROM cards ORDER BY card_id"), float)
    assert np.array_equal(rows[:, :2], past.cards[:, [1, 3]])
    assert np.corrcoef(rows[:, 2], past.cards[:, 5])[0, 1] > 0.999
    [(due,)] = bank.db.run("SELECT count(*) FROM chargebacks WHERE reported_at > now()")
    assert 0 < due <= len(past.reports_to_come())


def test_payments_change_columns_and_refresh_entries(bank: Bank, run: Run) -> None:
    [(count, spent, declines, updated_at)] = bank.db.run(CARD)
    eventually(lambda: bank.features(81)[1]["cards"]["source"] == "cache")
    pay(bank, 20, "approve")
    pay(bank, 5, "decline")
    eventually(lambda: bank.db.run(CARD)[0][0] > count + 15)
    [(_, spent_now, declines_now, updated_now)] = bank.db.run(CARD)
    assert spent_now > spent + 150
    assert declines_now > declines + 3
    assert updated_now > updated_at
    assert bank.db.run("SELECT count(*) FROM payments WHERE NOT is_aggregated") == [(0,)]

    def refreshed() -> Any:
        row = bank.features(81)[1]["cards"]
        return row["source"] == "cache" and row["values"][5] > count + 10

    eventually(refreshed)


def test_reports_raise_the_merchants_share_of_fraud_once_they_have_come(bank: Bank, run: Run) -> None:
    before = bank.db.run(MERCHANT)[0][2]
    bank.db.run(
        "INSERT INTO chargebacks (payment_id, merchant_id, reported_at) "
        "SELECT 'later/' || n, 17, now() + interval '1 hour' FROM generate_series(1, 30) AS n"
    )
    pay(bank, 1, "approve")
    eventually(lambda: bank.db.run("SELECT count(*) FROM payments WHERE NOT is_aggregated") == [(0,)])
    assert bank.db.run(MERCHANT)[0][2] <= before
    bank.db.run("UPDATE chargebacks SET reported_at = now() WHERE payment_id LIKE 'later/%'")
    eventually(lambda: bank.db.run(MERCHANT)[0][2] > 2 * before)


def test_a_frozen_aggregator_leaves_rows_as_they_are_until_its_lease_ends(bank: Bank, run: Run) -> None:
    def stays() -> bool:
        before = bank.db.run(CARD)
        time.sleep(1.5)
        return bool(bank.db.run(CARD) == before)

    assert bank.control("PUT", "aggregator", "/control/freeze", {"frozen": True, "lease_s": 600})[0] == 200
    eventually(stays)  # a run under way ends first
    before = bank.db.run(CARD)
    assert bank.control("PUT", "aggregator", "/control/freeze", {"frozen": True, "lease_s": 0.5})[0] == 200
    eventually(lambda: bank.db.run(CARD) != before)


def test_the_database_being_away_is_a_failed_run_and_heals(bank: Bank, run: Run) -> None:
    waiting = "SELECT count(*) FROM payments WHERE NOT is_aggregated"
    with bank.fault("aggregator->db", "cut", direction="both", fraction=1.0):
        time.sleep(1.0)  # a run under way has ended, or is cut off
        pay(bank, 3, "approve")
        time.sleep(1.5)
        assert bank.db.run(waiting) == [(3,)]
    eventually(lambda: bank.db.run(waiting) == [(0,)])
