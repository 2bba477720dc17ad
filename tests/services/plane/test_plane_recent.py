"""What the collector says of the last seconds, for stop conditions."""

from __future__ import annotations

from typing import Any

import pytest

from lab.registration.slis import CORE_SLIS
from lab.worlds.shop.stack import STACK
from services.collector.recent import KEEP_S, Recent

NOW_S = 1000.0


def span(at_s: float, status: str = "ok", seconds: float = 0.1, service: str = "people") -> dict[str, Any]:
    end_ns = round(at_s * 1e9)
    return {
        "service": service, "kind": "client", "start_ns": end_ns - round(seconds * 1e9), "end_ns": end_ns,
        "attributes": {"lab.status": status},
    }  # fmt: skip


def event(at_s: float, name: str, **attributes: Any) -> dict[str, Any]:
    return {"event": name, "time_ns": round(at_s * 1e9), "attributes": attributes}


@pytest.fixture
def recent() -> Recent:
    return Recent("people", STACK, lambda: NOW_S)


def test_nothing_is_known_before_anything_came_in(recent: Recent) -> None:
    names = {sli.name for sli in CORE_SLIS if sli.needs == "users"} | STACK.ratios.keys()
    assert recent.slis(5) == dict.fromkeys(names)


def test_only_the_users_own_requests_of_the_window_count(recent: Recent) -> None:
    recent.add_spans([span(998), span(999, "timeout", 1.0), span(990, "error"), span(999, "error", service="front")])
    slis = recent.slis(5)
    assert slis["error_ratio"] == 0.5
    assert slis["availability"] == 0.5
    assert slis["latency_p95_s"] == slis["latency_p99_s"] == pytest.approx(1.0)
    assert slis["latency_p50_s"] < 1.0


def test_clicks_count_against_what_was_shown(recent: Recent) -> None:
    recent.add_logs([event(999, "page_shown", item_ids=[1, 2, 3, 4, 5]), event(999.5, "item_clicked")])
    assert recent.slis(5)["click_through_ratio"] == 0.2


def test_what_is_old_is_forgotten(recent: Recent) -> None:
    recent.add_spans([span(NOW_S - KEEP_S - 1), span(NOW_S - KEEP_S + 1)])
    assert recent.slis(1000)["error_ratio"] == 0.0
    assert len(recent._requests) == 1


def progress(at_s: float, worker: int, **counts: int) -> dict[str, Any]:
    report = {"due": 0, "sent": 0, "finished": 0, "failed": 0, "overdue": 0, **counts}
    return event(at_s, "load_progress", worker=worker, **report)


def test_a_request_that_does_not_end_has_failed(recent: Recent) -> None:
    recent.add_spans([span(998), span(999)])
    recent.add_logs([progress(999, 0, sent=10, finished=2, overdue=6)])
    assert recent.slis(5)["error_ratio"] == 0.75


def test_an_outage_of_everything_is_one(recent: Recent) -> None:
    recent.add_logs([progress(999, 0, due=9, sent=9, overdue=9)])
    assert recent.slis(5)["error_ratio"] == 1.0


def test_the_loads_own_counts_are_those_of_all_its_workers(recent: Recent) -> None:
    recent.add_logs([progress(990, 0, sent=1), progress(999, 0, due=8, sent=7, finished=5, failed=1)])
    recent.add_logs([progress(997, 1, due=3, sent=3, finished=3)])
    report = {"due": 11, "sent": 10, "finished": 8, "failed": 1, "overdue": 0, "unfinished": 2, "load_age_s": 3.0}
    assert recent.load() == report
    recent.forget()
    assert recent.load()["load_age_s"] is None
