"""One score of a payment, to the millionth, by scikit-learn, numpy, the kernel and the matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lab.agreed import trees
from lab.worlds.decisions.features import (
    CARD_TABLE,
    DEFAULTS,
    GRID,
    INPUT_MAX,
    INPUT_NAMES,
    MERCHANT_TABLE,
    Asked,
    impute,
    model_inputs,
)
from lab.worlds.decisions.history import generate_history
from lab.worlds.decisions.population import make_population
from lab.worlds.decisions.score_tables import ScoreTables, forest
from lab.worlds.decisions.scoring import S_INPUT, probability_micro, score
from lab.worlds.decisions.training import KEPT_SHARE, Model, classifier, entry_of

SEED, ROWS = 7, 3000
POPULATION = make_population(SEED)


@pytest.fixture(scope="module")
def past() -> Any:
    return generate_history(POPULATION, SEED, 1)


@pytest.fixture(scope="module")
def fitted(past: Any) -> Any:
    """scikit-learn's model, its leaves rounded to the millionth of a logit as the registry has them."""
    kept = np.random.default_rng(1).random(len(past.is_known_fraud)) < KEPT_SHARE
    model = classifier(past.inputs, past.is_known_fraud, kept, 1)
    for one in model.estimators_[:, 0]:
        one.tree_.value[:, 0, 0] = np.rint(one.tree_.value[:, 0, 0] * model.learning_rate * 1e6) / 1e6
    model.learning_rate = 1.0
    return model


@pytest.fixture(scope="module")
def model(fitted: Any) -> Model:
    nothing = np.zeros(0)
    return Model(entry_of(fitted), nothing, nothing, nothing, nothing)


def tables(models: list[Model], cards: Any, merchants: Any) -> ScoreTables:
    """The kernel's tables with these rows, as the interpreted kernel takes them."""
    arrays = ScoreTables(
        card_f=cards, merchant_f=merchants, card_slot=np.zeros(1, np.int64), merchant_slot=np.zeros(1, np.int64),
        size=np.array([len(cards), len(merchants)]), blocked=np.zeros(len(merchants), np.int64),
        card_default_f=DEFAULTS[CARD_TABLE], merchant_default_f=DEFAULTS[MERCHANT_TABLE], scratch_f=np.zeros(64),
        **forest(models)._asdict(),
    )  # fmt: skip
    return ScoreTables._make(memoryview(np.ascontiguousarray(array)) for array in arrays)


def asked(past: Any) -> Asked:
    """Payments as odd as they come, for the rows of the window."""
    rng = np.random.default_rng(3)
    amounts = np.round(rng.lognormal(3.5, 1.5, ROWS), 2)
    return Asked(amounts, rng.integers(0, 24, ROWS), rng.integers(1, 5, ROWS), rng.integers(0, 12, ROWS))


def odd_rows(past: Any) -> tuple[Any, Any]:
    """Rows as served, a tenth of them with nulls, some in other units."""
    rng = np.random.default_rng(2)
    cards, merchants = past.cards[:ROWS].copy(), past.merchants[:ROWS].copy()
    for rows in (cards, merchants):
        rows[rng.random(rows.shape) < 0.1] = np.nan
        rows[:300] *= 100.0
        rows[300:330] *= -1e9
    return cards, merchants


def test_all_ways_give_the_same_millionth(past, fitted, model):
    cards, merchants = odd_rows(past)
    payments = asked(past)
    inputs = model_inputs(payments, impute(cards, CARD_TABLE), impute(merchants, MERCHANT_TABLE))

    by_walking = np.rint(model.score(inputs) * 1e6).astype(int)

    raw = fitted.decision_function(inputs) + np.log(KEPT_SHARE)
    baseline = np.log(np.divide(*fitted.init_.class_prior_[::-1])) + np.log(KEPT_SHARE)
    logits = np.rint((raw - baseline) * 1e6) + round(float(baseline) * 1e6)
    by_sklearn = np.rint(trees.probabilities(logits) * 1e6).astype(int)

    m = trees.matrices(model.entry)
    comparisons = (inputs[:, m.compared] <= m.thresholds).astype(float)
    reached = (comparisons @ m.paths == m.lefts).astype(float)
    by_matrices = np.rint(trees.probabilities(reached @ m.values_micro + m.baseline_micro) * 1e6).astype(int)

    t = tables([model], cards, merchants)
    by_kernel = [
        score(t, 1, float(payments.amount_eur[i]), int(payments.hour[i]), int(payments.device[i]),
              int(payments.country[i]), i, i)
        for i in range(ROWS)
    ]  # fmt: skip

    assert len(set(by_walking.tolist())) > ROWS / 10
    assert by_walking.tolist() == by_sklearn.tolist() == by_matrices.tolist() == by_kernel


def test_the_kernel_makes_the_inputs_that_features_define(past, model):
    cards, merchants = odd_rows(past)
    payments = asked(past)
    inputs = model_inputs(payments, impute(cards, CARD_TABLE), impute(merchants, MERCHANT_TABLE))
    t = tables([model], cards, merchants)
    for i in range(0, ROWS, 7):
        score(t, 1, float(payments.amount_eur[i]), int(payments.hour[i]), int(payments.device[i]),
              int(payments.country[i]), i, i)  # fmt: skip
        assert list(t.scratch_f[S_INPUT : S_INPUT + len(INPUT_NAMES)]) == inputs[i].tolist()


def test_a_payment_without_rows_is_scored_on_the_defaults_of_the_contract(past, model):
    nothing = np.zeros((1, 1))
    payment = Asked(np.array([80.0]), np.array([3]), np.array([9]), np.array([2]))
    rows = [impute(nothing * np.full(len(DEFAULTS[table]), np.nan), table) for table in (CARD_TABLE, MERCHANT_TABLE)]
    inputs = model_inputs(payment, *rows)
    t = tables([model], past.cards, past.merchants)
    assert score(t, 1, 80.0, 3, 9, 2, -1, -1) == round(float(model.score(inputs)[0]) * 1e6)
    assert inputs[0, INPUT_NAMES.index("is_new_device")] == inputs[0, INPUT_NAMES.index("is_foreign")] == 0


def test_versions_have_trees_of_their_own(past, model):
    other = Model({**model.entry, "baseline_micro": model.entry["baseline_micro"] + 1_000_000}, *[np.zeros(0)] * 4)
    t = tables([model, other], past.cards, past.merchants)
    first, second = (score(t, version, 50.0, 12, 1, 1, 5, 5) / 1e6 for version in (1, 2))
    assert np.log(second / (1 - second)) - np.log(first / (1 - first)) == pytest.approx(1.0, abs=1e-3)


def test_inputs_are_exact_in_single_precision(past):
    inputs = past.inputs
    assert (inputs.astype(np.float32) == inputs).all()
    assert (inputs * GRID == np.rint(inputs * GRID)).all()
    assert np.abs(inputs).max() <= INPUT_MAX


def test_a_sigmoid_rounds_the_same_way_as_numpy():
    logits = np.random.default_rng(0).integers(-20_000_000, 20_000_000, 20_000)
    expected = np.rint(trees.probabilities(logits.astype(float)) * 1e6).astype(int).tolist()
    assert [probability_micro(logit) for logit in logits.tolist()] == expected
    assert probability_micro(-800_000_000) == 0
    assert probability_micro(800_000_000) == 1_000_000
