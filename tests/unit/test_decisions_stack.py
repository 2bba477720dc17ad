"""Fraud decisions on the stack: log events of its services become the tables and counts that the simulator records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.agreed.run import Run
from lab.agreed.telemetry import KINDS
from lab.clock import NS
from lab.injection.levers import LeverValue, ModelCanary, PopulationShift, PopulationTastes
from lab.recording.observed import Observed
from lab.scenario import load_scenario
from lab.systems.files import load_system
from lab.testbeds.stack.assemble import assemble
from lab.testbeds.stack.feasible import problems_of
from lab.testbeds.stack.levers import LEVERS
from lab.worlds.decisions.features import CARD_NAMES, INPUT_NAMES, MERCHANT_NAMES
from lab.worlds.decisions.population import CARDS, MERCHANTS, active, make_population
from lab.worlds.decisions.rules import Thresholds, block_list, thresholds_of
from lab.worlds.decisions.score_tables import BIT_FOUND
from lab.worlds.decisions.stack import STACK, THRESHOLDS
from lab.worlds.decisions.training import train

SYSTEM = load_system("fraud")
ROOT = Path(__file__).parents[2]
RUN = Run(seed=1, start_unix_s=1_000_000.0, duration_s=200.0, warmup_s=60.0, stages=((200.0, 1.0),), time_scale=2.0)
"""An hour of the payers takes 2 s: a held payment is released after 48 s, a label window closes after 120 s."""
FOUND = 1 << BIT_FOUND
SCORED = [0.5] * len(INPUT_NAMES)
CARD_ROW, MERCHANT_ROW = [1.0] * len(CARD_NAMES), [2.0] * len(MERCHANT_NAMES)


def trace(name: str) -> str:
    return name.encode().hex().rjust(32, "0")


def event(of: str, service: str, name: str, at_s: float, **attributes: Any) -> dict[str, Any]:
    return {"service": service, "time_ns": round(RUN.unix_s(at_s) * NS), "severity": "INFO", "event": name, "body": "",
            "trace_id": trace(of), "span_id": "", "attributes": attributes}  # fmt: skip


def payment(name: str, at_s: float, decision: str, *, score: int = 1000, report_s: float = -1, bits: int = 0,
            is_fraud: bool = False, inputs: list[float] = SCORED) -> list[dict[str, Any]]:  # fmt: skip
    """What payers and the payment service tell of one payment of 12.34 EUR."""
    version = 2 if inputs else 0
    return [
        event(name, "payments", "payment_decided", at_s - 0.1, decision=decision, model_version=version,
              score_micro=score, inputs=inputs),
        event(name, "payers", "payment_answered", at_s, card_id=5, merchant_id=7, amount_cents=1234, decision=decision,
              pattern=int(is_fraud), report_s=report_s, bits=bits),
    ]  # fmt: skip


def span(service: str, kind: str, name: str, ids: tuple[str, str], **attributes: Any) -> dict[str, Any]:
    at_ns = round(RUN.unix_s(10.0) * NS)
    took_ns = 0 if kind == "producer" else 5_000_000
    return {"service": service, "kind": kind, "name": name, "trace_id": trace("held"), "span_id": ids[0],
            "parent_span_id": ids[1], "start_ns": at_ns, "end_ns": at_ns + took_ns, "is_error": False,
            "attributes": {"lab.status": "ok", **attributes}}  # fmt: skip


RECORDS: dict[str, list[dict[str, Any]]] = {
    "spans": [
        span("payers", "client", "pay", ("a1", ""), **{"peer.service": "payments", "lab.attempt": 0}),
        span("payments", "server", "pay", ("b1", "a1")),
        span("payments", "producer", "review", ("c1", "b1"), **{"peer.service": "analysts", "lab.attempt": 0}),
    ],
    "statements": [],
    "logs": [
        *payment("before", -20.0, "approve", is_fraud=True, report_s=30.0),
        *payment("good", 5.0, "approve"),
        *payment("lost", 10.0, "approve", is_fraud=True, report_s=50.0),
        *payment("late", 12.0, "approve", is_fraud=True, report_s=150.0),
        *payment("stopped", 15.0, "decline", score=900_000, is_fraud=True, report_s=40.0),
        *payment("found", 20.0, "review", score=200_000, is_fraud=True, report_s=90.0, bits=FOUND),
        event("found", "analysts", "payment_reviewed", 26.0),
        *payment("cleared", 21.0, "review", score=100_000),
        event("cleared", "analysts", "payment_reviewed", 30.0),
        *payment("unseen", 30.0, "review", score=300_000, is_fraud=True, report_s=10.0, bits=FOUND),
        event("unseen", "analysts", "payment_reviewed", 90.0),  # after it was released
        *payment("unscored", 100.0, "approve", score=-1, inputs=[]),
        event("lost", "features", "feature_row_served", 9.0, table="cards", entity_id=5, source="cache", row_age_s=4.0,
              entry_age_s=1.5, values=CARD_ROW),
        event("lost", "features", "feature_row_served", 9.0, table="merchants", entity_id=-1, source="default",
              row_age_s=None, entry_age_s=None, values=[None] * len(MERCHANT_NAMES)),
        event("before", "features", "feature_row_served", -21.0, table="cards", entity_id=5, source="db", row_age_s=4.0,
              entry_age_s=None, values=CARD_ROW),
        event("nobody", "payments", "payment_decided", 50.0, decision="approve", model_version=2, score_micro=1,
              inputs=SCORED),  # whose payer had given up
    ],
    "metrics": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    assert set(RECORDS) == set(KINDS)
    directory = tmp_path_factory.mktemp("raw")
    for kind, records in RECORDS.items():
        (directory / f"{kind}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    assert SYSTEM.world is not None
    models = [train(make_population(SYSTEM.world.seed), SYSTEM.world.seed, 1, {})]
    return assemble(directory, RUN, SYSTEM, STACK, versions=models, changes=[])


@pytest.fixture(scope="module")
def predictions(observed: Observed) -> pd.DataFrame:
    return observed.frame("predictions").set_index("trace_id")


def total(observed: Observed, metric: str) -> dict[float, float]:
    """What was counted, by the end of the scrape interval, where it was anything."""
    frame = observed.frame("metrics")
    mine = frame[(frame["metric"] == metric) & (frame["value"] > 0)]
    assert set(mine["service.name"]) <= {"payments"}
    return dict(zip(mine["time_s"], mine["value"], strict=True))


def test_a_payment_is_recorded_as_its_payer_was_answered(predictions: pd.DataFrame) -> None:
    assert set(predictions.index) == {
        trace(n) for n in ("good", "lost", "late", "stopped", "found", "cleared", "unseen", "unscored")
    }
    row = predictions.loc[trace("stopped")]
    assert (row["card_id"], row["merchant_id"], row["amount_eur"], row["decision"]) == (5, 7, 12.34, "decline")
    assert (row["time_s"], row["score"], row["model_version"], row["service.name"]) == (15.0, 0.9, 2, "model")
    assert (row[[f"input.{name}" for name in INPUT_NAMES]] == 0.5).all()
    unscored = predictions.loc[trace("unscored")]
    assert unscored["model_version"] == 0
    assert unscored[["score", *(f"input.{name}" for name in INPUT_NAMES)]].isna().all()


@pytest.mark.parametrize(
    ("name", "outcome", "delay_s"),
    [
        ("good", 0, None), ("lost", 1, 50.0), ("stopped", 1, 40.0),
        ("late", 0, None),  # reported after its label window
        ("found", 1, 6.0),  # by an analyst, who is quicker than the cardholder
        ("cleared", 0, None),
        ("unseen", 1, 58.0),  # released after 48 s, reported 10 s later
        ("unscored", None, None),  # its window is open at the end
    ],
)  # fmt: skip
def test_labels_are_what_became_known(
    predictions: pd.DataFrame, name: str, outcome: int | None, delay_s: float | None
) -> None:
    row = predictions.loc[trace(name)]
    assert row["outcome"] == outcome if outcome is not None else np.isnan(row["outcome"])
    assert row["label_delay_s"] == pytest.approx(delay_s) if delay_s is not None else np.isnan(row["label_delay_s"])


@pytest.mark.parametrize(
    ("metric", "counts"),
    [
        ("payment.count", {5.0: 0, 10.0: 1, 15.0: 2, 20.0: 1, 25.0: 2, 35.0: 1, 105.0: 1}),
        ("payment.declined.count", {20.0: 1}),
        ("payment.held.count", {25.0: 2, 35.0: 1}),
        ("review.closed.count", {30.0: 1, 35.0: 1, 80.0: 1}),
        ("fraud.loss.eur", {15.0: 12.34, 65.0: 12.34, 90.0: 12.34, 165.0: 12.34}),
        ("fraud.known.count", {15.0: 1, 30.0: 1, 60.0: 1, 65.0: 1, 90.0: 1, 165.0: 1}),
        ("fraud.stopped.count", {30.0: 1, 60.0: 1, 90.0: 1}),
        ("payment.flagged.ripe.count", {140.0: 1, 145.0: 2, 155.0: 1}),
    ],
)
def test_the_bank_s_counts_are_those_of_the_simulator_s_ledger(
    observed: Observed, metric: str, counts: Mapping[float, float]
) -> None:
    """What was paid in the warm-up is reported in the run."""
    assert total(observed, metric) == pytest.approx({end_s: count for end_s, count in counts.items() if count})


def test_rows_served_are_of_both_tables(observed: Observed) -> None:
    card, merchant = observed.frame("features").to_dict("records")
    assert (card["table"], card["entity_id"], card["source"]) == ("cards", 5, "cache")
    assert card["row_age_s"] == 8.0, "scenario seconds"
    assert card[f"feature.{CARD_NAMES[0]}"] == 1.0
    assert np.isnan(card[f"feature.{MERCHANT_NAMES[0]}"])
    assert (merchant["table"], merchant["entity_id"], merchant["source"]) == ("merchants", -1, "default")
    assert np.isnan([merchant["row_age_s"], *(merchant[f"feature.{name}"] for name in CARD_NAMES)]).all()


def test_messages_are_counted_by_their_sender(observed: Observed) -> None:
    frame = observed.frame("metrics")
    sent = frame[(frame["metric"] == "messaging.client.sent.messages") & (frame["value"] > 0)]
    assert sent[["service.name", "peer.service", "value"]].to_numpy().tolist() == [["payments", "analysts", 1.0]]
    spans = observed.frame("spans").set_index("span_id")
    assert (spans.loc["c1", "span.kind"], spans.loc["c1", "duration_s"]) == ("producer", 0.0)


def test_thresholds_and_block_list_have_one_source() -> None:
    assert SYSTEM.world is not None
    population = make_population(SYSTEM.world.seed)
    found = thresholds_of(SYSTEM, population)
    assert (found.review_micro, found.decline_micro) == (80_000, 400_000)
    assert len(found.blocked) == round(0.005 * MERCHANTS)
    [(service, files)] = STACK.files(SYSTEM).items()
    assert service == "rules"
    assert json.loads(files[THRESHOLDS]) == {
        "review_micro": 80_000, "decline_micro": 400_000, "blocked": sorted(block_list(population)),
    }  # fmt: skip
    # Without a file, all twins do as the topology says.
    assert Thresholds() == Thresholds(found.review_micro, found.decline_micro)
    java = (ROOT / "services/rules/src/lab/rules/decisions/Thresholds.java").read_text(encoding="utf-8")
    assert "new Thresholds(80_000, 400_000, Set.of())" in java


def test_in_compressed_time_fewer_cards_pay_at_fewer_merchants_at_their_own_pace() -> None:
    whole = make_population(23)
    fifth = active(whole, 5.0)
    assert np.count_nonzero(fifth.activity) == CARDS / 5
    assert np.count_nonzero(fifth.popularity) == np.count_nonzero(fifth.risk) == MERCHANTS / 5
    assert (fifth.activity.sum(), fifth.popularity.sum(), fifth.risk.sum()) == pytest.approx((1, 1, 1))
    assert fifth.home_country is whole.home_country, "cards and merchants are who they were"
    assert active(whole, 1.0).activity is whole.activity
    assert STACK.keys_counts(SYSTEM, 5.0) == {"card": CARDS / 5, "merchant": MERCHANTS / 5}


@pytest.mark.parametrize(
    ("element", "value", "words"),
    [
        ("payers/fraud", PopulationShift(factor=5.0), "only its load knows"),
        ("payers", PopulationTastes(fraction=0.5), "the world decisions has no lever population.tastes"),
        ("model", ModelCanary(version=1, share=0.1), "has no lever model.canary"),
    ],
)
def test_levers_that_the_stack_has_not_for_payments_are_refused_in_words(
    element: str, value: LeverValue, words: str
) -> None:
    assert words in LEVERS.cannot(SYSTEM, element, value)


@pytest.mark.parametrize(
    ("written", "instead", "differs"),
    [
        ("queue: 40", "queue: 4", "analysts"),
        ("timeout: 120ms", "timeout: 12ms", "features"),
        ("features->db: {latency: 0.3ms}", "features->db: {latency: 0.3ms, pool: {size: 2}}", "features"),
        ("service_time: {mean: 7ms", "service_time: {mean: 9ms", ""),  # real services take what they take
    ],
)
def test_a_system_whose_calls_or_queues_are_not_those_of_the_services_is_refused(
    tmp_path: Path, written: str, instead: str, differs: str
) -> None:
    shipped = (ROOT / "lab/systems/fraud.system.yaml").read_text(encoding="utf-8")
    assert written in shipped
    (tmp_path / "mine.system.yaml").write_text(shipped.replace(written, instead), encoding="utf-8")
    scenario = tmp_path / "quiet.scenario.yaml"
    scenario.write_text(
        "{schema_version: 1, name: quiet, system: ./mine.system.yaml, duration: 60s, "
        "load: {stages: [{for: 60s, rate: 20/s}]}}",
        encoding="utf-8",
    )
    problems = [str(problem) for problem in problems_of(load_scenario(str(scenario)), 1.0)]
    if not differs:
        assert not problems
        return
    [problem] = problems
    assert f"{differs} with the steps, schedule, connections and queue of the shipped 'fraud'" in problem
