"""Shipped scenarios on the real stack, graded, and the same story as on the embedded testbed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.contracts import Outcome
from lab.recording.observed import load_observed
from lab.runs.parity import compare
from lab.signals import load_signals
from lab.testbeds.stack.session import Session
from tests.stack.recorded_pairs import Pairs, Shorter, record_all

pytestmark = pytest.mark.stack

AFTER_S, HEALED_S = 45.0, 30.0
"""How long the recording goes on after the fault, and the last of it: how long healing takes depends on the machine,
that it heals does not."""
FAULTED, CONTROL = "partition-blamed-on-model", "control-quiet"
SHORTER = {FAULTED: Shorter(before_s=75.0, for_s=90.0, after_s=AFTER_S), CONTROL: Shorter(before_s=120.0)}
"""A partition that looks like a bad model, and a control. All in full are run by `make test-stack-scenarios`."""
LEAST_SHOWN = 1
"""Scenarios that the machine must leave alone: without any, this has shown nothing."""


@pytest.fixture(scope="module")
def pairs(stack: Session, tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    return record_all("recommender", SHORTER, tmp_path_factory.mktemp("runs"))


def test_the_machine_left_enough_scenarios_alone_to_show_something(pairs: Pairs) -> None:
    shown = len(pairs) - len(pairs.disturbed)
    assert shown >= LEAST_SHOWN, f"the machine is too busy for the stack, so nothing is shown: {pairs.disturbed}"


@pytest.mark.parametrize("name", SHORTER)
def test_a_shipped_scenario_runs_on_the_stack_and_the_engine_attributes_it(pairs: Pairs, name: str) -> None:
    _, on_stack = pairs[name].verdicts
    assert all(fault.witnessed for fault in on_stack.truth.faults)
    assert on_stack.outcome is Outcome.PASS, [grade for grade in on_stack.grades if grade.outcome is not Outcome.PASS]


@pytest.mark.parametrize("name", SHORTER)
def test_both_testbeds_agree_on_symptoms_and_verdict(pairs: Pairs, name: str) -> None:
    parity = pairs[name].parity()
    assert parity.agrees, ([row for row in parity.rows if not row.agrees], parity.verdicts)


def test_a_control_and_a_faulted_run_do_not_agree(pairs: Pairs) -> None:
    assert not compare(pairs.on_sim(CONTROL), pairs.on_stack(FAULTED)).agrees
    assert not compare(pairs.on_sim(FAULTED), pairs.on_stack(CONTROL)).agrees


def test_a_partitioned_lookup_times_out_serves_defaults_and_heals(pairs: Pairs) -> None:
    run = pairs.on_stack(FAULTED)
    fault = run.truth().faults[0]
    signals = load_signals(run.observed)

    def intervals(signal: str, subject: str, from_s: float, until_s: float) -> Any:
        series = signals.get(signal, subject)
        assert series is not None
        return series.values[(series.times_s > from_s) & (series.times_s <= until_s)]

    def level(signal: str, subject: str, from_s: float, until_s: float) -> float:
        return float(np.nanmean(intervals(signal, subject, from_s, until_s)))

    def least(signal: str, subject: str, from_s: float, until_s: float) -> float:
        return float(np.nanmin(intervals(signal, subject, from_s, until_s)))

    during = (fault.injected_s + 30, fault.reverted_s)
    assert level("client_timeout_ratio", "features->db", *during) > 0.9
    assert level("fallback_ratio", "features.default_features", *during) > 0.4
    end_s = load_observed(run.observed).end_s
    healed = (end_s - HEALED_S, end_s)
    # A busy machine lets some calls time out without any fault, half of them at times: in some intervals, a cut in all.
    assert least("client_error_ratio", "features->db", *during) > 0.5
    assert least("client_error_ratio", "features->db", *healed) < 0.1
    assert least("fallback_ratio", "features.default_features", *healed) < 0.1


@pytest.mark.parametrize("name", SHORTER)
def test_the_host_reports_its_pressure_in_every_interval(pairs: Pairs, name: str) -> None:
    run = pairs.on_stack(name)
    pressure = load_signals(run.observed).get("pressure_stall_ratio", "host.cpu")
    if not Path("/proc/pressure/cpu").exists():
        assert pressure is None
        return
    assert pressure is not None
    assert np.isfinite(pressure.values).mean() > 0.9
    assert run.meta["stalls"] is not None


def test_one_trace_goes_from_shopper_through_all_services_and_their_logs(pairs: Pairs, stack: Session) -> None:
    spans = load_observed(pairs.on_stack(CONTROL).observed).frame("spans")
    of_model = spans[(spans["service.name"] == "model") & (spans["span.kind"] == "server")]
    to_db = spans[(spans["peer.service"] == "db") & (spans["service.name"] == "features") & (spans["status"] == "ok")]
    shared = sorted(set(of_model["trace_id"].astype(str)) & set(to_db["trace_id"].astype(str)))
    trace_id = shared[-1]  # the last one: logs are kept by size
    mine = spans[spans["trace_id"].astype(str) == trace_id]
    kinds = {(str(r["service.name"]), str(r["span.kind"])) for _, r in mine.iterrows()}
    servers = {(name, "server") for name in ("features", "model", "rules")}
    assert servers | {("shoppers", "client"), ("features", "client")} <= kinds
    assert len(mine[mine["parent_span_id"].isna()]) == 1
    rules_log = stack.compose.container("rules").logs(tail=20_000).decode()
    assert any(json.loads(line).get("trace_id") == trace_id for line in rules_log.splitlines() if trace_id in line)
    statements = stack.compose.execute("db", ["sh", "-c", f"grep -rhl {trace_id} /var/log/database || true"])
    assert statements.strip(), "PostgreSQL's statement log does not mention the trace"


def test_nothing_in_a_recording_of_the_stack_names_a_proxy_or_a_fault(pairs: Pairs) -> None:
    run = pairs.on_stack(FAULTED)
    observed = load_observed(run.observed)
    texts = [
        str(value)
        for name in ("spans", "logs", "metrics")
        for column, values in observed.frame(name).select_dtypes(["category", "object", "str"]).items()
        if not str(column).endswith("_id")  # random digits: they hold any port's number now and then
        for value in values.dropna().unique()
    ]
    assert any("features" in text for text in texts)
    words = (
        r"links:\d",
        r"15432\b",
        r"18500\b",
        r"network-partition\b",
        r"link\.cut\b",
        re.escape(Path(run.path).name),
    )
    for word in words:
        assert not [text for text in texts if re.search(rf"(?<![\w.]){word}", text)], word
