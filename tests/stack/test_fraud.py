"""Payments on the real stack: graded, the same story as on the embedded testbed, and beside the shop's stack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lab.contracts import Outcome
from lab.recording.observed import load_observed
from lab.signals import load_signals
from lab.systems.files import load_system
from lab.testbeds.stack.session import Session
from lab.worlds.decisions.collected import hour_s
from lab.worlds.decisions.ledger import HOLD_H
from lab.worlds.decisions.rules import DECISIONS
from tests.stack.recorded_pairs import Pairs, Shorter, record_all
from tests.stack.running import lab_running, outcome, recorded, write_scenario
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.stack

FRAUD = load_system("fraud")
ANALYSTS = FRAUD.components["analysts"]
AT_ANALYSTS = (ANALYSTS.queue or 0) + ANALYSTS.workers
"""As many held payments wait or are looked at, at most: some of them were held before the recording began."""
REAL_S = 5.0
"""So long before the recording's end, in scenario seconds, a payment was answered and written down in time."""
FAULTED = "merchant-in-cents"
SHORTER = {FAULTED: Shorter(before_s=75.0, for_s=100.0, after_s=20.0)}


@pytest.fixture(scope="module")
def fraud(stack: Session) -> Iterator[Session]:
    """Fraud's stack, healthy, beside the shop's. What was not up before is taken down at the end."""
    session = Session(load_system("fraud"))
    brought_up = session.up(model_server="lab")
    try:
        with session.lock.held():
            session.recover()
        yield session
        assert session.journal.open_undos() == []
    finally:
        if brought_up:
            session.down(volumes=True)


@pytest.fixture(scope="module")
def pairs(fraud: Session, tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    return record_all("fraud", SHORTER, tmp_path_factory.mktemp("runs"))


def test_a_fault_among_payments_is_seen_on_the_stack_and_attributed(pairs: Pairs) -> None:
    _, on_stack = pairs[FAULTED].verdicts
    assert all(fault.witnessed for fault in on_stack.truth.faults)
    assert on_stack.outcome is Outcome.PASS, [grade for grade in on_stack.grades if grade.outcome is not Outcome.PASS]


def test_both_testbeds_agree_on_symptoms_and_verdict(pairs: Pairs) -> None:
    parity = pairs[FAULTED].parity()
    assert parity.agrees, ([row for row in parity.rows if not row.agrees], parity.verdicts)


def test_both_testbeds_record_the_same_tables_of_the_same_payers(pairs: Pairs) -> None:
    sim, real = (load_observed(run.observed) for run in pairs[FAULTED].recordings)
    for name in ("features", "predictions"):
        tables = [observed.frame(name) for observed in (sim, real)]
        assert list(tables[0].columns) == list(tables[1].columns)
        assert all(len(table) > 500 for table in tables)
    decided = [observed.frame("predictions")["decision"].value_counts(normalize=True) for observed in (sim, real)]
    assert all(set(shares.index) == set(DECISIONS) for shares in decided)
    # Of a thousand payments ten are declined and as many held: four standard deviations.
    assert decided[0]["decline"] == pytest.approx(decided[1]["decline"], abs=0.015)
    assert all(np.isclose(shares["approve"], 0.98, atol=0.02) for shares in decided)


def test_every_held_payment_is_sent_to_the_analysts_and_no_other(pairs: Pairs) -> None:
    observed = load_observed(pairs.on_stack(FAULTED).observed)
    spans, decided = observed.frame("spans"), observed.frame("predictions")
    # Of those under way when the recording began or ended, one of the two may lie beyond it.
    paid = spans[(spans["service.name"] == "payers") & (spans["status"] == "ok")]
    whole = set(paid["trace_id"][(paid["time_s"] > 0) & (paid["time_s"] + REAL_S < observed.end_s)].astype(str))
    sent = set(spans["trace_id"][spans["span.name"] == "review"].astype(str))
    held = set(decided["trace_id"][decided["decision"] == "review"].astype(str))
    assert len(held & whole) > 10
    assert held & whole == sent & whole


def test_what_is_sent_to_the_analysts_is_looked_at_turned_away_or_waits(pairs: Pairs) -> None:
    """What came less what went is what waits now less what waited before, which was no more than there is room for."""
    desk, sent = metrics_of(pairs, "analysts"), metrics_of(pairs, "payments")["messaging.client.sent.messages"]
    # Counts of the time around a failed scrape are lost: what is told of is one stretch, or more.
    ends_stretch = np.diff(desk.index, append=np.inf) > 1.5 * FRAUD.scrape_interval_s
    waits = (desk["server.queue.length"] + desk["server.worker.count"])[ends_stretch].sum()
    room = AT_ANALYSTS * ends_stretch.sum()
    came = sent.reindex(desk.index)
    went = (desk["server.request.count"] + desk["server.queue.shed.count"]).sum()
    assert desk["server.request.count"].sum() > 0
    # A message that is on its way at the last scrape has been sent, and waits nowhere yet.
    assert came[~ends_stretch].sum() - went <= waits
    assert came.sum() - went >= waits - room


def test_calls_of_the_model_are_measured_where_they_are_made(pairs: Pairs) -> None:
    assert load_signals(pairs.on_stack(FAULTED).observed).get("client_error_ratio", "payments->model") is not None


def test_held_payments_are_closed_in_time_and_not_by_time_alone(pairs: Pairs) -> None:
    """An analyst closes one, or it is released unseen. Analysts do look at payments that were released meanwhile."""
    decided = load_observed(pairs.on_stack(FAULTED).observed).frame("predictions")
    closed = metrics_of(pairs, "payments")["review.closed.count"]
    end_s, hold_s = closed.index[-1], HOLD_H * hour_s(FRAUD)
    held_s = decided["time_s"][(decided["decision"] == "review") & (decided["time_s"] <= end_s)].to_numpy(float)
    overdue = (held_s + hold_s <= end_s).sum()
    assert overdue <= closed.sum() <= len(held_s) + AT_ANALYSTS
    unseen, _ = np.histogram(held_s + hold_s, np.append(0.0, closed.index))
    after = closed.index > hold_s  # before, releases of what was held before the recording began are among them
    assert (closed[after] != unseen[after]).any()


def metrics_of(pairs: Pairs, component: str) -> pd.DataFrame:
    """Metrics of a component on the stack by the end of the scrape interval."""
    metrics = load_observed(pairs.on_stack(FAULTED).observed).frame("metrics")
    own = metrics[metrics["service.name"] == component]
    return own.pivot_table(index="time_s", columns="metric", values="value", aggfunc="sum", observed=True)


def test_stacks_of_two_systems_run_side_by_side(stack: Session, fraud: Session, tmp_path: Path) -> None:
    sessions = {"recommender": stack, "fraud": fraud}

    def containers() -> dict[str, str]:
        return {c.id: c.attrs["State"]["StartedAt"] for s in sessions.values() for c in s.compose.containers().values()}

    before, paths = containers(), {}
    for system in sessions:
        (tmp_path / system).mkdir()
        paths[system] = write_scenario(tmp_path / system, duration_s=50, rate_per_s=20, system=system)
    with lab_running(paths["recommender"], time_scale=5.0) as shop, lab_running(paths["fraud"], time_scale=5.0) as bank:
        for lab in (shop, bank):
            outcome(lab, within_s=4 * PATIENCE_S)
    for system, path in paths.items():
        run = recorded(path)
        assert run["testbed"] == "stack"
        [place] = (path.parent / "runs").glob("*/*/observed")
        spans = load_observed(place).frame("spans")
        topology = load_system(system)
        assert set(spans["service.name"].astype(str)) <= set(topology.components)
        assert (spans["service.name"] == topology.users).sum() > 100
    assert containers() == before
