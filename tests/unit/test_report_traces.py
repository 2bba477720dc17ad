"""The waterfall shows the fault: a request that failed, was slow or was served something stale, beside a usual one."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from lab.recording.observed import Observed
from lab.report.traces import choose

WINDOW = (100.0, 150.0)
SPAN = ["time_s", "duration_s", "trace_id", "span_id", "parent_span_id", "service.name", "peer.service",
        "span.kind", "span.name", "status", "attempt"]  # fmt: skip


def recording(change: Any = None, ages: bool = False) -> Observed:
    """200 requests, one a second: users call front, front calls db. `change(n, span)` alters spans of request n."""
    rows, served = [], []
    for n in range(200):
        trace, at_s, took_s = f"t{n:03}", float(n), 0.010 + n % 7 / 10_000
        spans = [
            [at_s, took_s, trace, f"{n}a", None, "users", "front", "client", "get", "ok", 0],
            [at_s, took_s - 0.001, trace, f"{n}b", f"{n}a", "front", "users", "server", "get", "ok", 0],
            [at_s + 0.002, 0.005, trace, f"{n}c", f"{n}b", "front", "db", "client", "read", "ok", 0],
            [at_s + 0.003, 0.003, trace, f"{n}d", f"{n}c", "db", "front", "server", "read", "ok", 0],
        ]
        for span in spans:
            named = dict(zip(SPAN, span, strict=True))
            if change is not None:
                change(n, named)
            rows.append(named)
        served.append({"trace_id": trace, "entry_age_s": 300.0 if ages and 100 <= n < 150 else 5.0 + n % 3})
    tables = {"spans": pa.Table.from_pylist(rows), "features": pa.Table.from_pylist(served)}
    return Observed({"users": "users"}, tables, [], [])


def during(n: int) -> bool:
    return WINDOW[0] <= n < WINDOW[1]


def chosen(observed: Observed, *culprits: str) -> tuple[Any, ...]:
    return choose(observed, [(culprit, WINDOW) for culprit in culprits])


def test_a_request_that_failed_at_the_culprit_beside_one_from_before() -> None:
    def fails(n: int, span: dict[str, Any]) -> None:
        if during(n) and n % 4 == 0 and span["peer.service"] == "db":
            span.update(status="timeout", duration_s=0.12)
        if during(n) and n % 4 == 0 and span["service.name"] == "users":
            span.update(duration_s=0.13)

    shown, usual = chosen(recording(fails), "front->db")
    assert during(int(shown.at_s))
    assert any(row.touches and row.failed for row in shown.rows)
    assert "failed at front->db (13 of 50 did)" in shown.reason
    assert usual.at_s < WINDOW[0]
    assert not any(row.failed for row in usual.rows)
    assert usual.scale == shown.scale
    assert usual.rows[0].width < 20 < shown.rows[0].width


def test_a_slow_culprit_shows_a_typical_slow_request_and_not_the_slowest() -> None:
    def slow(n: int, span: dict[str, Any]) -> None:
        if during(n) and span["service.name"] == "db":
            span["duration_s"] = 0.9 if n == 120 else 0.05

    shown, _ = chosen(recording(slow), "db")
    assert "db took 50\N{NO-BREAK SPACE}ms, usually 5\N{NO-BREAK SPACE}ms" in shown.reason
    assert int(shown.at_s) != 120
    assert during(int(shown.at_s))


def test_a_stale_answer_is_found_where_nothing_failed_and_nothing_was_slow() -> None:
    (shown,) = chosen(recording(ages=True), "front->db")
    assert "stale cache entry, 300\N{NO-BREAK SPACE}s old" in shown.reason
    assert during(int(shown.at_s))


def test_what_was_no_more_common_than_before_is_no_effect() -> None:
    def noise(n: int, span: dict[str, Any]) -> None:
        if n % 10 == 0 and span["peer.service"] == "db":
            span["status"] = "error"

    (shown,) = chosen(recording(noise), "front->db")
    assert "no more failed, slow or stale ones than before" in shown.reason


def test_of_two_faults_the_one_whose_effect_a_request_shows_is_shown() -> None:
    def fails(n: int, span: dict[str, Any]) -> None:
        if during(n) and span["peer.service"] == "db":
            span["status"] = "error"

    shown, _ = chosen(recording(fails), "front", "front->db")
    assert "at front" in shown.reason
    assert any(row.failed for row in shown.rows)


def test_a_culprit_that_nothing_passed_through_shows_a_request_of_users() -> None:
    (shown,) = chosen(recording(), "feed")
    assert shown.culprit == ""
    assert during(int(shown.at_s))


def test_a_control_shows_the_slowest_request() -> None:
    def slow(n: int, span: dict[str, Any]) -> None:
        if n == 77:
            span["duration_s"] *= 9

    (shown,) = choose(recording(slow), [])
    assert (int(shown.at_s), shown.reason) == (77, "The slowest request of the run")


def test_without_traces_nothing_is_shown() -> None:
    observed = recording()
    observed.tables["spans"] = observed.tables["spans"].slice(0, 0)
    assert chosen(observed, "db") == ()
    del observed.tables["spans"]
    assert chosen(observed, "db") == ()
    assert choose(observed, []) == ()


def test_without_a_table_of_what_was_served_a_typical_request_is_shown() -> None:
    observed = recording(ages=True)
    del observed.tables["features"]
    assert "no more failed, slow or stale ones" in chosen(observed, "db")[0].reason
    observed.tables["features"] = pa.table({"entry_age_s": [5.0]})
    assert "no more failed, slow or stale ones" in chosen(observed, "db")[0].reason


def test_a_fault_from_the_start_has_nothing_before_it() -> None:
    (shown,) = choose(recording(), [("db", (0.0, 50.0))])
    assert "typical request during the fault" in shown.reason


def test_a_fault_after_the_last_request_shows_nothing() -> None:
    assert choose(recording(), [("db", (900.0, 950.0))]) == ()


def test_rows_are_nested_and_lie_on_the_scale() -> None:
    (shown,) = chosen(recording(), "db")
    assert [row.depth for row in shown.rows] == [0, 1, 2, 3]
    assert all(0 <= row.left <= 100 and row.left + row.width <= 100.01 for row in shown.rows)


def test_sampled_requests_count_by_their_weights() -> None:
    def fails(n: int, span: dict[str, Any]) -> None:
        failed = n % 10 == 0 if n < 100 else n % 2 == 0
        # Of the sound requests one in fifty was kept, of the failed ones all.
        span.update(sample_weight=1.0 if failed else 50.0)
        if failed and span["peer.service"] == "db":
            span.update(status="error")

    # 10 of 4,510 before, 25 of 1,275 inside: 9 times as many, though only 5 times as many rows.
    shown, _ = chosen(recording(fails), "front->db")
    assert "(about 25 of 1,275 did)" in shown.reason


def test_a_typical_request_of_a_sampled_recording_is_not_one_kept_for_being_slow() -> None:
    def slow(n: int, span: dict[str, Any]) -> None:
        kept_for_it = n % 4 != 0
        span.update(sample_weight=1.0 if kept_for_it else 50.0)
        if kept_for_it:
            span["duration_s"] += 1.0

    (shown,) = chosen(recording(slow), "db")
    assert shown.length_s < 0.1


def test_the_slowest_of_a_sampled_recording_is_that_of_what_was_recorded() -> None:
    (shown,) = choose(recording(lambda _, span: span.update(sample_weight=50.0)), [])
    assert shown.reason == "The slowest recorded request"
