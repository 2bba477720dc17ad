"""Payments on the real stack: graded, the same story as on the embedded testbed, and beside the shop's stack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lab.contracts import Outcome
from lab.recording.observed import load_observed
from lab.signals import load_signals
from lab.systems.files import load_system
from lab.testbeds.stack.session import Session
from lab.worlds.decisions.rules import DECISIONS
from tests.stack.recorded_pairs import Pairs, Shorter, record_all
from tests.stack.running import lab_running, outcome, recorded, write_scenario
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.stack

ANALYSTS = load_system("fraud").components["analysts"]
AT_ANALYSTS = (ANALYSTS.queue or 0) + ANALYSTS.workers
"""As many held payments wait or are looked at, at most: some of them were held before the recording began."""
FAULTED = "merchant-in-cents"
SHORTER = {FAULTED: Shorter(before_s=100.0)}


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


def test_held_payments_reach_the_analysts(pairs: Pairs) -> None:
    run = pairs.on_stack(FAULTED)
    metrics = load_observed(run.observed).frame("metrics")
    total = metrics.groupby(["service.name", "metric"], observed=True)["value"].sum()
    held = total["payments", "payment.held.count"]
    assert total["payments", "messaging.client.sent.messages"] == pytest.approx(held, abs=5)
    assert held - AT_ANALYSTS <= total["analysts", "server.request.count"] <= held + AT_ANALYSTS
    assert total["payments", "review.closed.count"] == pytest.approx(total["analysts", "server.request.count"], abs=5)
    assert total["analysts", "server.request.count"] > 0
    signals = load_signals(run.observed)
    assert signals.get("client_error_ratio", "payments->model") is not None


def test_stacks_of_two_systems_run_side_by_side(stack: Session, fraud: Session, tmp_path: Path) -> None:
    sessions = {"recommender": stack, "fraud": fraud}

    def containers() -> dict[str, str]:
        return {c.id: c.attrs["State"]["StartedAt"] for s in sessions.values() for c in s.compose.containers().values()}

    before, paths = containers(), {}
    for system in sessions:
        (tmp_path / system).mkdir()
        paths[system] = write_scenario(tmp_path / system, duration_s=40, rate_per_s=10, system=system)
    with lab_running(paths["recommender"], time_scale=2.0) as shop, lab_running(paths["fraud"], time_scale=2.0) as bank:
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
