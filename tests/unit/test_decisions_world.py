"""Fraud decisions in a simulated run: what is recorded agrees with the registry, the rules, and itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.agreed import trees
from lab.injection.levers import ModelCanary, ModelUnload, PopulationShift, TableColumn
from lab.recording.observed import Observed
from lab.testbeds.sim.session import SimSession
from lab.testbeds.sim.testbed import SimTestbed
from lab.worlds.decisions.rules import DECISIONS, Thresholds, decide
from tests.sim_runs import ran, scenario

DURATION_S, RATE_PER_S, CHANGE_S = 150.0, 40, 60.0


def a_run(directory: Path, steps_s: list[float], levers: dict[str, Any]) -> Observed:
    """A run in which levers are pulled at CHANGE_S, that is looked at in between."""
    loaded = scenario(directory, system="fraud", duration_s=DURATION_S, rate_per_s=RATE_PER_S)
    bed = SimTestbed(loaded, 5)
    for step_s in sorted({*steps_s, CHANGE_S, DURATION_S}):
        bed.advance(step_s)
        if step_s == CHANGE_S:
            for place, value in levers.items():
                bed.write(type(value), place, value)
        elif step_s < DURATION_S:
            bed.observed(step_s)
    return bed.finish()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return a_run(tmp_path_factory.mktemp("quiet"), [], {})


def frame(observed: Observed, table: str) -> Any:
    return observed.tables[table].to_pandas()


def test_recorded_scores_are_those_of_the_registered_trees(quiet: Observed) -> None:
    rows = frame(quiet, "predictions")
    names = [f"input.{name}" for name in quiet.reference["contract.json"]["inputs"]]
    logged = rows[rows[names[0]].notna()]
    assert len(logged) > 0.99 * len(rows)
    for version, mine in logged.groupby("model_version"):
        entry = next(entry for entry in quiet.reference["registry.json"] if entry["version"] == version)
        assert trees.score(entry, mine[names].to_numpy(float)).tolist() == mine["score"].tolist()


def test_decisions_are_those_of_the_rules(quiet: Observed) -> None:
    rows = frame(quiet, "predictions")
    blocked = set(rows["merchant_id"][(rows["decision"] == "decline") & (rows["score"] < 0.4)])
    assert len(blocked) <= 4
    twin = Thresholds(review_micro=80_000, decline_micro=400_000, blocked=blocked)
    for row in rows.itertuples():
        assert row.decision == DECISIONS[decide(round(row.score * 1e6), row.merchant_id, twin)]
    assert set(rows["decision"]) == set(DECISIONS)


def test_every_payment_is_served_a_row_of_its_card_and_one_of_its_merchant(quiet: Observed) -> None:
    features, predictions = frame(quiet, "features"), frame(quiet, "predictions")
    assert features.groupby("trace_id")["table"].apply(sorted).map(tuple).unique().tolist() == [("cards", "merchants")]
    for table, key in (("cards", "card_id"), ("merchants", "merchant_id")):
        rows = features[(features["table"] == table) & (features["entity_id"] >= 0)]
        joined = rows.merge(predictions, on="trace_id")
        assert len(joined) > 0.9 * len(predictions)
        assert (joined["entity_id"] == joined[key]).all()


def test_metrics_count_what_the_table_has(quiet: Observed) -> None:
    metrics, rows = frame(quiet, "metrics"), frame(quiet, "predictions")
    metrics = metrics[metrics["time_s"] <= DURATION_S - 10]
    until_s = metrics["time_s"].max()
    for metric, decision in (("payment.declined.count", "decline"), ("payment.held.count", "review")):
        sampled = metrics[metrics["metric"] == metric]
        counted = rows[(rows["decision"] == decision) & (rows["time_s"] <= until_s)]
        missing = sampled["value"].isna().sum() + len(metrics["time_s"].unique()) - len(sampled)
        assert abs(sampled["value"].sum() - len(counted)) <= 3 * missing


def test_nothing_depends_on_where_it_is_looked_at(tmp_path: Path) -> None:
    levers = {
        "payers/fraud": PopulationShift(factor=8.0),
        "db/merchants.average_amount_eur": TableColumn(change="rescale", factor=100.0),
    }
    steps_s = np.random.default_rng(1).uniform(1, DURATION_S, 12).round(2).tolist()
    whole, looked_at = a_run(tmp_path, [], levers), a_run(tmp_path, steps_s, levers)
    for table in ("predictions", "features", "metrics", "logs"):
        assert frame(whole, table).equals(frame(looked_at, table)), table


def test_more_fraud_comes_from_the_moment_of_a_wave_on(quiet: Observed, tmp_path: Path) -> None:
    wave = frame(a_run(tmp_path, [], {"payers/fraud": PopulationShift(factor=8.0)}), "predictions")
    usual = frame(quiet, "predictions")
    early = usual["time_s"] < CHANGE_S
    assert usual[early].equals(wave[wave["time_s"] < CHANGE_S])
    stopped = [(rows["decision"][rows["time_s"] >= CHANGE_S] != "approve").sum() for rows in (usual, wave)]
    assert stopped[1] > 3 * stopped[0]


def test_what_no_model_scores_is_approved(tmp_path: Path) -> None:
    rows = frame(a_run(tmp_path, [], {"model": ModelUnload()}), "predictions")
    after = rows[rows["time_s"] > CHANGE_S + 1]
    assert after["score"].isna().all()
    assert (after["model_version"] == 0).all()
    scored = rows[rows["time_s"] < CHANGE_S]
    blocked = set(scored["merchant_id"][(scored["decision"] == "decline") & (scored["score"] < 0.4)])
    assert set(after["merchant_id"][after["decision"] != "approve"]) <= blocked | set(after["merchant_id"])
    assert (after["decision"] == "review").sum() == 0
    assert (after["decision"] == "approve").mean() > 0.98


def test_a_session_runs_a_fault_beside_its_twin(tmp_path: Path) -> None:
    fault = {"type": "schema-corruption", "target": "db", "at": "60s", "for": "60s",
             "with": {"table": "cards", "column": "usual_amount_eur", "change": "rescale"}}  # fmt: skip
    session, recorded = ran(scenario(tmp_path, system="fraud", faults=[fault], duration_s=DURATION_S, rate_per_s=40))
    assert isinstance(session, SimSession)
    rows = recorded.observed.tables["predictions"].to_pandas()
    held = rows["decision"] == "review"
    during = (rows["time_s"] > 62) & (rows["time_s"] < 120)
    assert held[during].mean() > 2 * held[rows["time_s"] < 60].mean()


def test_a_canary_scores_its_share_of_the_payments_by_its_own_trees(tmp_path: Path) -> None:
    canary = {"model": ModelCanary(training="corrupted-labels", corrupted=0.7, share=0.3)}
    observed = a_run(tmp_path, [], canary)
    rows = frame(observed, "predictions")
    rows = rows[rows["model_version"] > 0]
    during = rows["time_s"] > CHANGE_S + 1
    assert set(rows["model_version"][rows["time_s"] < CHANGE_S]) == {2}
    assert set(rows["model_version"][during]) == {2, 3}
    # Within four standard errors of a binomial share.
    assert (rows["model_version"][during] == 3).mean() == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / during.sum()) ** 0.5)
    test_recorded_scores_are_those_of_the_registered_trees(observed)
