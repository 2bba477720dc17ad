"""Parts that need nothing running: telemetry formats, the schema, the shoppers, levers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import SERVICE_NAME, Resource

from lab.agreed.cache import CachePolicy
from lab.agreed.run import Run
from lab.injection.levers import PopulationTastes
from lab.scenario.arrivals import Arrivals
from lab.scenario.model import Stage
from lab.streams import Streams
from lab.systems.files import load_system
from lab.systems.topology import World
from lab.worlds.shop.features import ITEM_FEATURES, USER_FEATURES
from services.collector import otlp
from services.collector.samples import cache_samples
from services.collector.statements import StatementLog, parse_line
from services.common.job_control import Control
from services.common.otlp import readable_log, readable_span
from services.common.plans import Plan
from services.common.telemetry import LogEvent, Span
from services.common.trace import TraceContext, server_span, sql_comment
from services.shop.load.shoppers import Crowd
from services.shop.past import lived_through, shoppers_of
from tests.services.plane.views import users_view_sql
from tests.waiting import eventually

CONTEXT = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7")
SHOP = World(name="shop", seed=11)
SCHEMA = Path(__file__).resolve().parents[3] / "services" / "shop" / "db" / "schema.sql"


def run_of(time_scale: float = 1.0, rate_per_s: float = 40.0) -> Run:
    return Run(
        seed=5, start_unix_s=1e9, duration_s=120, warmup_s=20, stages=((120.0, rate_per_s),), time_scale=time_scale
    )


def test_spans_are_the_same_from_protobuf_and_json() -> None:
    span = Span(
        CONTEXT,
        "db_get",
        "client",
        10**18,
        10**18 + 5,
        {"peer.service": "db", "lab.status": "timeout", "lab.attempt": 1},
    )
    as_json = {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "features"}}]},
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": CONTEXT.trace_id.upper(), "spanId": CONTEXT.span_id,
                                "parentSpanId": CONTEXT.parent_span_id, "name": "db_get", "kind": 3,
                                "startTimeUnixNano": str(10**18), "endTimeUnixNano": str(10**18 + 5),
                                "status": {"code": 2},
                                "attributes": [
                                    {"key": "peer.service", "value": {"stringValue": "db"}},
                                    {"key": "lab.status", "value": {"stringValue": "timeout"}},
                                    {"key": "lab.attempt", "value": {"intValue": "1"}},
                                ],
                            }
                        ]
                    }
                ],
            }
        ]
    }  # fmt: skip
    request = encode_spans([readable_span(span, Resource({SERVICE_NAME: "features"}))])
    from_proto = otlp.read_spans(request.SerializeToString(), is_json=False)
    assert from_proto == otlp.read_spans(json.dumps(as_json).encode(), is_json=True)
    assert from_proto[0]["is_error"]
    assert from_proto[0]["trace_id"] == CONTEXT.trace_id


def test_log_events_keep_nulls_lists_and_numbers() -> None:
    facts = {"user_id": 7, "row_age_s": None, "values": [1.5, None], "item_ids": [3, 4], "inputs": []}
    event = LogEvent(10**18, "INFO", "feature_row_served", "", CONTEXT, facts)
    request = encode_logs([readable_log(event, Resource({SERVICE_NAME: "features"}))])
    assert otlp.read_logs(request.SerializeToString(), is_json=False) == [
        {
            "service": "features", "time_ns": 10**18, "severity": "INFO", "event": "feature_row_served", "body": "",
            "trace_id": CONTEXT.trace_id, "span_id": CONTEXT.span_id, "attributes": facts,
        }
    ]  # fmt: skip


@pytest.mark.parametrize(("body", "is_json"), [(b"\xff\xff", False), (b"{", True), (b'{"resourceSpans": [1]}', True)])
def test_what_is_no_export_request_is_refused(body: bytes, is_json: bool) -> None:
    with pytest.raises(otlp.BadExportError):
        otlp.read_spans(body, is_json=is_json)


def test_a_traceparent_that_is_not_valid_starts_a_new_trace() -> None:
    known = server_span(CONTEXT.traceparent)
    assert (known.trace_id, known.parent_span_id) == (CONTEXT.trace_id, CONTEXT.span_id)
    for header in (
        None,
        "",
        "00-0-0-01",
        f"ff-{CONTEXT.trace_id}-{CONTEXT.span_id}-01",
        f"00-{'0' * 32}-{'1' * 16}-01",
    ):
        assert server_span(header).parent_span_id == ""
        assert server_span(header).is_sampled


def test_who_began_a_trace_decides_for_all_of_it_whether_it_is_recorded() -> None:
    left_out = server_span(CONTEXT.traceparent[:-1] + "0")
    assert left_out.trace_id == CONTEXT.trace_id
    assert not left_out.is_sampled
    assert left_out.child().traceparent.endswith("-00")
    assert server_span(CONTEXT.traceparent).child().traceparent.endswith("-01")


def log_line(**fields: Any) -> bytes:
    statement = f"SELECT 1 {sql_comment(CONTEXT, 'features', 'read_row')}"
    entry = {"timestamp": "2026-01-02 03:04:05.678 UTC", "error_severity": "LOG"}
    return json.dumps(entry | {"message": f"duration: 1.250 ms  statement: {statement}"} | fields).encode() + b"\n"


def test_statements_are_tied_to_their_span() -> None:
    found = parse_line(log_line())
    assert found is not None
    assert (found["trace_id"], found["span_id"]) == (CONTEXT.trace_id, CONTEXT.span_id)
    assert (found["application"], found["action"], found["duration_s"]) == ("features", "read_row", 0.00125)
    assert parse_line(log_line(message="duration: 1 ms  statement: SELECT 1")) is None
    comment = sql_comment(CONTEXT, "features", "read_row")
    failed = parse_line(
        log_line(message="no such table", statement=comment, error_severity="ERROR", state_code="42P01")
    )
    left = parse_line(log_line(message="client left", statement=comment, error_severity="FATAL", state_code="08006"))
    assert failed is not None
    assert left is not None
    assert (failed["is_error"], failed["duration_s"], left["is_error"]) == (True, None, False)


def test_the_statement_log_is_followed_by_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "statements.json"
    file.write_bytes(log_line())
    log = StatementLog(tmp_path)
    line = log_line()
    with file.open("ab") as end:
        end.write(line + line[:20])
    assert len(list(log.read_new())) == 1
    with file.open("ab") as end:
        end.write(line[20:])
    assert len(list(log.read_new())) == 1
    assert not list(log.read_new())


def test_the_schema_has_the_contracts_columns() -> None:
    text = SCHEMA.read_text(encoding="utf-8")
    users, items = text.split("users_base (")[1].split(");")[0], text.split("items (")[1].split(");")[0]
    for spec in USER_FEATURES:
        assert f" {spec.name} {spec.type}," in users
    for spec in ITEM_FEATURES:
        assert f" {spec.name} {spec.type} NOT NULL" in items


def test_a_view_cannot_be_given_sql() -> None:
    for change in ({"change": "rename", "to": "a; DROP TABLE items"}, {"change": "retype", "to": "uuid"}):
        with pytest.raises(ValueError, match=r"column|change"):
            users_view_sql({"age_years": change})
    with pytest.raises(ValueError, match="no column"):
        users_view_sql({"height": {"change": "null"}})
    with pytest.raises(ValueError, match="share"):
        CachePolicy(25, frozen_share=2)


def test_cache_samples_weigh_reads_and_writes() -> None:
    info = {
        "keyspace_hits": 30, "keyspace_misses": 20, "expired_keys": 9, "db0": {"keys": 7},
        "cmdstat_fcall_ro": {"calls": 50, "usec": 1000, "failed_calls": 0, "rejected_calls": 0},
        "cmdstat_fcall": {"calls": 50, "usec": 3000, "failed_calls": 1, "rejected_calls": 0},
        "latency_percentiles_usec_fcall_ro": {"p50": 20.0, "p95": 40.0},
    }  # fmt: skip
    samples = {metric: value for _, metric, value in cache_samples("cache", info)}
    assert samples["cache.expired.count"] == 9
    assert samples["server.request.count"] == 100
    assert samples["server.error.count"] == 1
    assert samples["server.request.duration.mean"] == pytest.approx(40e-6)
    assert samples["server.request.duration.p95"] == pytest.approx(40e-6)


def test_the_load_arrives_as_in_the_simulator() -> None:
    run, wobble = run_of(), 0.08
    crowd = Crowd(shoppers_of(run, SHOP), run, wobble)
    warmup, load = crowd.base()
    stages = (Stage.model_construct(for_s=120.0, rate_per_s=40.0),)
    expected = Arrivals(stages, 20.0, wobble, Streams(5), "load").times_ns()
    np.testing.assert_allclose(load.times_s, expected / 1e9 - 20.0)
    assert warmup.times_s.max() < 0 <= load.times_s.min()
    shares = [list(Crowd(shoppers_of(run, SHOP), run, wobble).base()[1].visits(worker, 3)) for worker in range(3)]
    assert sorted(visit.time_s for share in shares for visit in share) == list(load.times_s)
    offered = shares[0][0].candidates()
    assert len(offered) == len(set(offered)) == 20


def test_tastes_change_for_the_shoppers_of_the_simulator_and_back() -> None:
    run = run_of()
    crowd = Crowd(shoppers_of(run, SHOP), run, 0.08)
    users, times_s = np.arange(2000), np.full(2000, 50.0)
    before = crowd.shoppers.missions.at(users, times_s)
    assert crowd.change_tastes(0.3) == 0.3
    simulated = shoppers_of(run, SHOP).missions
    simulated.change(PopulationTastes(fraction=0.3), Streams(run.seed))
    changed = crowd.shoppers.missions.at(users, times_s)
    np.testing.assert_array_equal(changed, simulated.at(users, times_s))
    assert 0.25 < (changed != before).mean() < 0.35
    assert crowd.change_tastes(None) is None
    np.testing.assert_array_equal(crowd.shoppers.missions.at(users, times_s), before)


def test_a_policy_is_read_back_from_its_library() -> None:
    policy = CachePolicy(25, 5.0, frozen_share=0.4, mixed_share=0.25, keys_counts={"user": 400, "card": 7})
    assert CachePolicy.of(policy.library()) == policy
    assert CachePolicy.of("#!lua name=other") is None
    for bad in (
        {"ttl_s": 0},
        {"ttl_s": 1, "time_scale": 0},
        {"ttl_s": 1, "mixed_share": 1.1},
        {"ttl_s": 1, "keys_counts": {"user": 0}},
        {"ttl_s": 1, "keys_counts": {"A b": 1}},
    ):
        with pytest.raises(ValueError, match="expected"):
            CachePolicy(**bad)


def test_compressed_time_keeps_the_pace_of_each_shopper() -> None:
    plain, compressed = (
        [stream.times_s for stream in Crowd(shoppers_of(run_of(s), SHOP), run_of(s), 0.08).base()][1] for s in (1, 5)
    )
    # The same rate in real time: a fifth of the arrivals in as much scenario time, by a fifth of the shoppers.
    assert len(compressed) / len(plain) == pytest.approx(0.2, rel=0.15)
    shoppers = shoppers_of(run_of(5), SHOP)
    assert np.count_nonzero(shoppers.catalog.activity) == 400
    counts = [lived_through(shoppers_of(run_of(s), SHOP), run_of(s)).counts.sum(axis=1)[:400].mean() for s in (1, 5)]
    assert counts[1] == pytest.approx(counts[0], rel=0.15)


def test_leases_end_by_themselves() -> None:
    control = Control()
    control.freeze(True, lease_s=1.0)
    control.delay(60.0, lease_s=1.0)
    assert control.describe() == {"frozen": True, "delay_s": 60.0}
    eventually(lambda: control.describe() == {"frozen": False, "delay_s": 0.0})
    control.freeze(True)
    assert control.is_frozen


def test_a_plan_with_an_unknown_operation_is_refused() -> None:
    component = load_system("recommender").components["features"]
    with pytest.raises(ValueError, match="cache_get"):
        Plan(component, None, None, operations={}, own={}, fallbacks={})  # type: ignore[arg-type]
