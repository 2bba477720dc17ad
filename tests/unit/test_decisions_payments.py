"""Payments and their fraud: drawn by number, in patterns that show in what lately happened on cards."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lab.streams import Streams
from lab.worlds.decisions.aggregates import MERCHANT_MEMORY_H, Aggregates, master_data
from lab.worlds.decisions.features import C_DECLINES, C_PAYMENTS, C_SPENT, INPUT_NAMES, M_FRAUD, M_PAYMENTS
from lab.worlds.decisions.history import generate_history
from lab.worlds.decisions.payments import (
    COLLUSION,
    FRAUD_SHARE,
    PATTERN_SHARE,
    REPORTED_SHARE,
    STOLEN,
    TESTING,
    Payers,
)
from lab.worlds.decisions.population import CARDS, MERCHANTS, make_population
from lab.worlds.decisions.rules import APPROVE, DECLINE, REVIEW, Thresholds, decide

SEED, PER_HOUR, COUNT = 5, 100.0, 200_000
POPULATION = make_population(SEED)
PAYERS = Payers(POPULATION, Streams(SEED), PER_HOUR)
NUMBERS = np.arange(COUNT)
HOURS = NUMBERS / PER_HOUR
PAID = PAYERS.draw(77, NUMBERS, HOURS)


def test_a_payment_follows_from_its_number_and_time_alone():
    some = np.random.default_rng(0).choice(COUNT, 500, replace=False)
    again = PAYERS.draw(77, some, HOURS[some])
    for whole, part in zip(PAID, again, strict=True):
        assert (whole[some] == part).all()


def test_the_share_of_fraud_and_of_what_becomes_known_is_as_declared():
    fraud = PAID.is_fraud
    assert fraud.mean() == pytest.approx(FRAUD_SHARE, rel=0.1)
    assert np.isfinite(PAID.report_h[fraud]).mean() == pytest.approx(REPORTED_SHARE, abs=0.04)
    assert np.isinf(PAID.report_h[~fraud]).all()
    assert PAYERS.draw(77, NUMBERS, HOURS, 4.0).is_fraud.mean() == pytest.approx(4 * FRAUD_SHARE, rel=0.1)


def test_fraud_is_of_several_patterns():
    shares = np.bincount(PAID.pattern[PAID.is_fraud]) / PAID.is_fraud.sum()
    assert shares == pytest.approx(PATTERN_SHARE, abs=0.05)


def test_stolen_cards_are_used_in_bursts_and_colluding_merchants_for_days():
    burst = (PAID.pattern == STOLEN) | (PAID.pattern == TESTING)
    assert len(np.unique(PAID.card[burst])) < burst.sum() / 5
    collusion = PAID.pattern == COLLUSION
    assert len(np.unique(PAID.merchant[collusion])) < MERCHANTS / 8
    genuine = PAID.card[~PAID.is_fraud]
    assert len(np.unique(genuine)) > 0.99 * CARDS


def test_no_input_alone_tells_fraud_but_many_help():
    past = generate_history(POPULATION, SEED, 1)
    auc = {name: abs(roc_auc_score(past.is_known_fraud, past.inputs[:, i]) - 0.5) for i, name in enumerate(INPUT_NAMES)}
    assert max(auc.values()) < 0.35
    of_feed = ("log_card_payments", "log_card_declines", "merchant_fraud_ratio")
    assert all(auc[name] > 0.05 for name in (*of_feed, "is_new_device", "is_foreign", "log_amount_to_usual")), auc


def test_aggregates_forget_and_a_number_of_small_steps_is_one_large():
    one, many = Aggregates(POPULATION), Aggregates(POPULATION)
    card, merchant = np.array([3, 3, 8]), np.array([1, 2, 1])
    for aggregates in (one, many):
        aggregates.pay(card, merchant, np.array([10.0, 20.0, 30.0]), np.array([False, True, False]), np.zeros(3))
        aggregates.report(np.array([1]), np.zeros(1))
    one.decay(24.0)
    for _ in range(24):
        many.decay(1.0)
    assert one.cards == pytest.approx(many.cards)
    cards, merchants = master_data(POPULATION)
    one.write(cards, merchants)
    assert cards[3, C_PAYMENTS] == pytest.approx(2 * np.exp(-24 / 12), abs=1e-4)
    assert cards[3, C_SPENT] == pytest.approx(10 * np.exp(-24 / 48), abs=1e-2)
    assert cards[3, C_DECLINES] == pytest.approx(np.exp(-24 / 48), abs=1e-4)
    assert merchants[1, M_PAYMENTS] == pytest.approx(2 * np.exp(-24 / 24), abs=1e-4)
    kept = np.exp(-24 / MERCHANT_MEMORY_H[-1])
    assert merchants[1, M_FRAUD] == pytest.approx((kept + 20 * FRAUD_SHARE) / (2 * kept + 20), abs=1e-6)


def test_rules_decide_by_thresholds_and_block_list():
    thresholds = Thresholds(review_micro=80_000, decline_micro=400_000, blocked=(7,))
    assert decide(80_000, 1, thresholds) == APPROVE
    assert decide(80_001, 1, thresholds) == decide(400_000, 1, thresholds) == REVIEW
    assert decide(400_001, 1, thresholds) == DECLINE
    assert decide(0, 7, thresholds) == decide(-1, 7, thresholds) == DECLINE
    assert decide(-1, 1, thresholds) == APPROVE
    with pytest.raises(ValueError, match="review_micro <= decline_micro"):
        Thresholds(review_micro=500_000, decline_micro=400_000)
