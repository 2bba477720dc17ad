"""The fault table by itself: values, the share of connections concerned, leases."""

from __future__ import annotations

import asyncio
import statistics
from random import Random
from typing import Any

import pytest
import uvloop

from services.links import relay
from services.links.faults import UNDISTURBED, Cut, Delay, Drop, Fault, FaultError, Reset, parse_fault, plan_lane
from services.links.leases import LeaseTable
from services.links.proxy import LinkConfig, Proxy
from tests.waiting import PATIENCE_S

DRAWS = {"delay": 0.3}


def test_lever_values_are_read_with_their_defaults() -> None:
    assert parse_fault("cut", {}) == Cut(direction="both", fraction=1.0)
    assert parse_fault("delay", {"latency_s": 0.1, "jitter_s": 0.02, "fraction": 1}) == Delay(0.1, 0.02, 1.0)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("melt", {}, "unknown fault 'melt'"),
        ("delay", {}, "delay needs 'latency_s'"),
        ("delay", {"latency_s": -1}, "latency_s: expected a number from 0 to 5184000, got -1"),
        ("delay", {"latency_s": True}, "latency_s: expected a number"),
        ("delay", {"latency_s": float("nan")}, "latency_s: expected a number"),
        ("cut", {"direction": "up"}, "direction: expected both, request or response, got 'up'"),
        ("cut", {"fraction": 1.01}, "fraction: expected a number from 0 to 1"),
        ("reset", {"fraction": 1, "direction": "both"}, "unknown key 'direction' for reset"),
        ("throttle", {"bytes_per_s": 0}, "bytes_per_s: expected a number from 1"),
    ],
)
def test_unusable_values_are_refused_with_the_reason(kind: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(FaultError, match=message):
        parse_fault(kind, values)


def test_a_connection_is_concerned_when_its_own_draw_is_below_the_fraction() -> None:
    assert plan_lane({"delay": Delay(0.1, fraction=0.31)}, DRAWS, "request").delay
    assert plan_lane({"delay": Delay(0.1, fraction=0.3)}, DRAWS, "request") is UNDISTURBED


def test_a_cut_loses_its_share_of_the_messages_once_each() -> None:
    random = Random(1)
    plan = plan_lane({"cut": Cut(fraction=0.3)}, DRAWS, "request")
    assert sum(plan.loses(random) for _ in range(2000)) == pytest.approx(600, abs=100)
    assert plan_lane({"cut": Cut(fraction=0.3)}, DRAWS, "response") is UNDISTURBED
    assert plan_lane({"cut": Cut(direction="response", fraction=0.3)}, DRAWS, "response").cut == 0.3
    assert plan_lane({"cut": Cut(fraction=0.0)}, DRAWS, "request") is UNDISTURBED


def test_a_one_way_fault_leaves_the_other_direction_alone() -> None:
    faults = {"cut": Cut(direction="response")}
    assert plan_lane(faults, DRAWS, "request") is UNDISTURBED
    assert plan_lane(faults, DRAWS, "response").cut


def test_several_faults_hold_at_once_and_their_waits_add_up() -> None:
    faults: dict[str, Fault] = {"delay": Delay(0.1), "drop": Drop(1.0, timeout_s=0.2), "reset": Reset(0.0)}
    plan = plan_lane(faults, DRAWS, "request")
    assert plan.wait_s(Random(1)) == pytest.approx(0.3)
    assert not plan.resets(Random(1))


def test_jitter_is_the_deviation_of_the_latency_which_is_never_negative() -> None:
    random = Random(1)
    plan = plan_lane({"delay": Delay(0.1, jitter_s=0.02)}, DRAWS, "request")
    waits_s = [plan.wait_s(random) for _ in range(2000)]
    assert statistics.mean(waits_s) == pytest.approx(0.1, abs=0.002)
    assert statistics.stdev(waits_s) == pytest.approx(0.02, rel=0.08)
    early = plan_lane({"delay": Delay(0.0, jitter_s=0.05)}, DRAWS, "request")
    assert min(early.wait_s(random) for _ in range(100)) == 0


def test_each_chunk_of_a_request_resets_with_the_faults_probability() -> None:
    random = Random(1)
    faults = {"reset": Reset(0.3)}
    plan = plan_lane(faults, DRAWS, "request")
    assert sum(plan.resets(random) for _ in range(2000)) == pytest.approx(600, abs=100)
    assert plan_lane(faults, DRAWS, "response") is UNDISTURBED


def test_a_lease_ends_unless_it_is_renewed() -> None:
    table = LeaseTable()
    table.put("a", Cut(), lease_s=10, now_s=0)
    table.put("b", Cut(), lease_s=10, now_s=0)
    assert table.renew(5, "b", "cut") == 1
    assert table.next_expiry_s() == 10
    assert table.expired(9.9) == []
    assert table.expired(10) == [("a", "cut")]
    assert table.expired(15) == [("a", "cut"), ("b", "cut")]


def test_renewing_what_is_over_renews_nothing() -> None:
    table = LeaseTable()
    table.put("a", Cut(), lease_s=10, now_s=0)
    assert table.remove("a", "cut")
    assert not table.remove("a", "cut")
    assert table.renew(1) == 0
    assert table.next_expiry_s() is None


def test_a_black_holed_client_that_gives_up_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "ORPHAN_TIMEOUT_S", 2.0)

    async def give_up() -> int:
        proxy = Proxy([LinkConfig("a->b", 0, "127.0.0.1", 1)], lambda *_, **__: None, Random(1))
        await proxy.start("127.0.0.1")
        link = proxy.links["a->b"]
        proxy.inject("a->b", Cut(), lease_s=10)
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write_eof()
        async with asyncio.timeout(PATIENCE_S):
            while not link.connections:
                await asyncio.sleep(0.001)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), timeout=PATIENCE_S)
        writer.close()
        proxy.close()
        return len(link.connections)

    assert uvloop.run(give_up()) == 0
