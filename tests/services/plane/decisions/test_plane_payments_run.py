"""A whole run of payments, from arrivals to the recording's tables and the signals computed from them."""

from __future__ import annotations

import json
import time

import pytest

from lab.agreed.cache import CachePolicy
from lab.agreed.run import Run
from lab.recording.observed import Observed
from lab.recording.schema import schema_of
from lab.systems.files import load_system
from lab.testbeds.stack.assemble import assemble
from lab.worlds.decisions.population import make_population
from lab.worlds.decisions.stack import STACK
from lab.worlds.decisions.training import train
from tests.services.plane import bench, recorded, servers
from tests.services.plane.decisions.decisions_bench import WORLD_SEED, Bank

pytestmark = pytest.mark.slow
DURATION_S, SCALE = 180.0, 6.0


@pytest.fixture(scope="module")
def observed(bank: Bank) -> Observed:
    """A recording: features cannot be had in its middle third."""
    bench.start_load(bank)
    return recorded.undisturbed(lambda: record(bank), "payments->features", (0.0, 60.0), (140.0, 180.0))


def record(bank: Bank) -> Observed:
    import redis

    system = load_system("fraud")
    with redis.Redis(port=bank.cache_port, password=servers.PASSWORD) as client:
        client.function_load(
            CachePolicy(15, SCALE, keys_counts=STACK.keys_counts(system, SCALE)).library(), replace=True
        )
    run = Run(
        seed=7, start_unix_s=time.time() + 10, duration_s=DURATION_S, warmup_s=30.0, stages=((DURATION_S, 40.0),),
        time_scale=SCALE,
    )  # fmt: skip
    for name in ("aggregator", "collector", "load"):
        status, answer = bank.control("POST", name, "/runs", run.to_json())
        assert status == 200, answer
    time.sleep(run.unix_s(60.0) - time.time())
    with bank.fault("payments->features", "cut", direction="both", fraction=1.0):
        time.sleep(run.unix_s(120.0) - time.time())
    time.sleep(run.unix_s(DURATION_S) - time.time() + 0.5)
    bank.control("DELETE", "load", "/runs")
    models = [train(make_population(WORLD_SEED), WORLD_SEED, 1, {"training": "next-window"})]
    return recorded.whole(bank, lambda raw: assemble(raw, run, system, STACK, versions=models, changes=[]))


def test_tables_have_their_documented_columns(observed: Observed) -> None:
    for name, spec in schema_of("decisions").tables.items():
        table = observed.tables[name]
        assert table.num_rows > 0, name
        for column in spec.columns:
            if "*" in column.name:
                assert any(found.startswith(column.name[:-1]) for found in table.schema.names)
            elif column.otherwise is None or column.name in table.schema.names:
                assert column.null or table[column.name].null_count == 0, (name, column.name)
    assert set(observed.frame("metrics")["metric"]) <= {*schema_of("decisions").metrics}


def test_the_partition_shows_in_the_signals(observed: Observed) -> None:
    levels = recorded.Levels(observed)
    assert levels.least("client_timeout_ratio", "payments->features", 0, 60) < 0.1
    assert levels.least("client_timeout_ratio", "payments->features", 65, 120) > 0.95
    assert levels.least("client_timeout_ratio", "payments->features", 140, 180) < 0.1
    assert levels.mean("fallback_ratio", "payments.default_features", 65, 120) > 0.5
    assert levels.least("client_error_ratio", "payments->model", 65, 120) < 0.05
    assert levels.mean("rescore_error", "model", 0, 60) < 1e-5


def test_most_payments_are_approved_and_few_are_fraud(observed: Observed) -> None:
    payments = observed.frame("predictions")
    decisions = payments["decision"].value_counts(normalize=True)
    assert decisions["approve"] > 0.85
    assert 0 < decisions["review"] < 0.1
    closed = payments["outcome"].dropna()
    assert 0 < closed.mean() < 0.05


def test_services_are_told_no_truth(bank: Bank, observed: Observed) -> None:
    lines = (bank.directory / "raw" / "logs.jsonl").read_text(encoding="utf-8").splitlines()
    told = [record for record in map(json.loads, lines) if "pattern" in record["attributes"]]
    assert {record["service"] for record in told} == {"payers"}
    names = {name for table in observed.tables.values() for name in table.schema.names}
    assert not names & {"pattern", "report_s", "bits"}
