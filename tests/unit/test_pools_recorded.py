"""What a recording shows of pools, and that their sizes are configuration which faults can change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.injection.levers import ComponentSlow, ConfigSet
from lab.recording.schema import METRIC_LIST
from lab.systems.configuration import configuration
from lab.testbeds.sim.testbed import SimTestbed
from tests.simulated import scenario

CHAIN = Path(__file__).parents[1] / "systems" / "chain.system.yaml"
POOL_METRICS = {
    m.name for m in METRIC_LIST if m.name.startswith(("client.connection.", "server.queue.", "server.work"))
}


def chain(folder: Path, *, pools: bool = True) -> SimTestbed:
    """A minute of the chain; with pools, orders' threads are held while they wait for one of two connections to db."""
    document = yaml.safe_load(CHAIN.read_text(encoding="utf-8"))
    document["missing_sample_ratio"] = 0
    if pools:
        document["components"]["orders"] |= {"handling": "thread-per-request", "workers": 4, "queue": 2}
        document["links"]["orders->db"] = {"pool": {"size": 2, "max_wait": "50ms", "queue": 40}}
        document["components"]["front"]["steps"][0]["pool"] = {"size": 30}
    system = folder / "threads.system.yaml"
    system.write_text(yaml.safe_dump(document), encoding="utf-8")
    return SimTestbed(scenario(folder, system=str(system), duration_s=60, rate_per_s=100), 1)


def gauge(observed: Any, metric: str, service: str, peer: str | None = None) -> list[float]:
    metrics = observed.frame("metrics")
    mine = metrics[(metrics["metric"] == metric) & (metrics["service.name"] == service)]
    if peer is not None:
        mine = mine[mine["peer.service"] == peer]
    return [float(value) for value in mine["value"]]


def test_a_slow_database_uses_up_connections_then_threads_and_the_recording_shows_it(tmp_path: Path) -> None:
    bed = chain(tmp_path)
    bed.advance(30)
    with bed.pull("db", ComponentSlow(factor=20)):
        bed.advance(60)
    observed = bed.finish()
    connections = gauge(observed, "client.connection.count", "orders", "db")
    waiting = gauge(observed, "client.connection.pending_requests", "orders", "db")
    assert len(connections) == 11
    assert set(connections[7:]) == {2}
    assert sum(waiting[7:]) >= 6  # all four threads: two call, two wait, but where one works itself
    assert sum(waiting[:6]) <= 2
    assert set(gauge(observed, "server.worker.count", "orders")[7:]) == {4}
    assert min(gauge(observed, "server.queue.length", "orders")[7:]) >= 1
    assert sum(gauge(observed, "server.queue.shed.count", "orders")[:6]) < 10
    assert min(gauge(observed, "server.queue.shed.count", "orders")[7:]) > 100
    # Its CPU has nothing to do: that is what tells held threads from a busy service.
    assert max(gauge(observed, "process.cpu.utilization", "orders")[7:]) < 0.2
    waits_s = gauge(observed, "client.connection.wait_time.mean", "orders", "db")
    assert max(waits_s[:6]) < 0.005
    assert 0.02 < min(waits_s[7:]) <= max(waits_s[7:]) <= 0.05
    # A step's own pool has its name as attribute.
    metrics = observed.frame("metrics")
    own = metrics[(metrics["metric"] == "client.connection.count") & (metrics["service.name"] == "front")]
    assert set(own["attribute"]) == {"orders_get"}
    spans = observed.frame("spans")
    statuses = spans[(spans["time_s"] > 32) & (spans["peer.service"] == "db")]["status"]
    assert "exhausted" in set(statuses)
    assert "refused" in set(spans[(spans["time_s"] > 32) & (spans["peer.service"] == "orders")]["status"])
    lines = observed.frame("logs")
    assert lines["body"].str.contains("exhausted").any()


def test_without_pools_a_recording_names_nothing_of_them(tmp_path: Path) -> None:
    bed = chain(tmp_path, pools=False)
    bed.advance(60)
    observed = bed.finish()
    assert not POOL_METRICS & set(observed.frame("metrics")["metric"])
    assert "exhausted" not in set(observed.frame("spans")["status"].cat.categories)
    described = observed.system
    assert described["links"]["orders->db"] == {}
    assert not {"queue", "handling"} & set(described["components"]["orders"])
    assert "pool" not in described["components"]["orders"]["steps"][0]


def test_pools_are_described_to_who_reads_a_recording(tmp_path: Path) -> None:
    described = chain(tmp_path).finish().system
    assert described["links"]["orders->db"] == {"pool": {"size": 2, "max_wait_s": 0.05, "queue": 40}}
    assert described["components"]["orders"]["handling"] == "thread-per-request"
    assert described["components"]["orders"]["queue"] == 2


@pytest.mark.parametrize(
    ("key", "declared", "value", "metric", "service"),
    [
        ("orders/pools.db.size", 2, 1, "client.connection.count", "orders"),
        ("front/steps.orders_get.pool.size", 30, 1, "client.connection.count", "front"),
        ("orders/workers", 4, 2, "server.worker.count", "orders"),
        ("orders/queue", 2, 0, "server.queue.length", "orders"),
    ],
)
def test_sizes_are_configuration_that_can_be_changed(
    tmp_path: Path, key: str, declared: int, value: int, metric: str, service: str
) -> None:
    bed = chain(tmp_path)
    element, _, name = key.partition("/")
    assert configuration(bed.system, element)[name].value == declared
    assert bed.read(ConfigSet, key) == ConfigSet(value=declared)
    with bed.pull("db", ComponentSlow(factor=20)), bed.pull(key, ConfigSet(value=value)):
        assert bed.read(ConfigSet, key) == ConfigSet(value=value)
        bed.advance(30)
    bed.advance(60)
    found = gauge(bed.finish(), metric, service)
    assert max(found[1:6]) == value
    assert bed.read(ConfigSet, key) == ConfigSet(value=declared)


@pytest.mark.parametrize("key", ["queue", "max_wait_s", "size"])
def test_every_key_of_a_pool_is_a_configuration_key(tmp_path: Path, key: str) -> None:
    bed = chain(tmp_path)
    place = f"orders/pools.db.{key}"
    before = bed.read(ConfigSet, place)
    with bed.pull(place, ConfigSet(value=1)):
        assert bed.read(ConfigSet, place) == ConfigSet(value=1)
    assert bed.read(ConfigSet, place) == before
