"""A service that sends no spans is measured by its page: what it counted since the scrape before."""

from __future__ import annotations

import pytest

from services.collector.worker_metrics import Totals, read, samples

PAGE = """\
# TYPE server_request_duration_seconds histogram
server_request_duration_seconds_bucket{{le="2.0"}} {quick}
server_request_duration_seconds_bucket{{le="8.0"}} {done}
server_request_duration_seconds_bucket{{le="+Inf"}} {done}
server_request_duration_seconds_count {done}
server_request_duration_seconds_sum {busy_s}
# TYPE server_queue_wait_seconds summary
server_queue_wait_seconds_count {done}
server_queue_wait_seconds_sum {waited_s}
server_error_total {failed}
server_queue_shed_total {shed}
server_queue_length {waiting}
server_worker_count 2.0
python_info 1.0
"""


def page(
    *, done: int, quick: int = 0, busy_s: float = 0, waited_s: float = 0, shed: int = 0, waiting: int = 0
) -> Totals:
    text = PAGE.format(done=done, quick=quick, busy_s=busy_s, waited_s=waited_s, failed=0, shed=shed, waiting=waiting)
    return read(text)


def values(before: Totals, now: Totals) -> dict[str, float]:
    return {metric: value for _, metric, value in samples("desk", before, now)}


def test_totals_become_what_came_in_since_the_scrape_before() -> None:
    before = page(done=10, quick=10, busy_s=10, waited_s=5, shed=3, waiting=1)
    now = page(done=20, quick=15, busy_s=50, waited_s=25, shed=7, waiting=9)
    assert values(before, now) == {
        "server.request.count": 10, "server.error.count": 0, "server.request.duration.mean": 4.0,
        "server.request.duration.p50": 2.0, "server.request.duration.p95": pytest.approx(7.4),
        "server.worker.count": 2, "server.queue.length": 9, "server.queue.shed.count": 4,
        "server.queue.wait_time.mean": 2.0,
    }  # fmt: skip


def test_without_requests_there_are_counts_and_no_times() -> None:
    assert values(page(done=10), page(done=10)) == {
        "server.request.count": 0, "server.error.count": 0, "server.worker.count": 2, "server.queue.length": 0,
        "server.queue.shed.count": 0,
    }  # fmt: skip


def test_a_service_that_started_anew_counts_from_nothing() -> None:
    assert values(page(done=10, busy_s=30), page(done=2, busy_s=6))["server.request.count"] == 2
