"""What the services' pages for Prometheus say, and what the collector reads there."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientSession, web
from prometheus_client import CollectorRegistry, Counter

from services.collector.samples import scrape
from services.common.metrics import ReadCounter, attempt_durations, page

ATTEMPTS = """\
# HELP client_request_duration_seconds Attempts to call others.
# TYPE client_request_duration_seconds histogram
client_request_duration_seconds_bucket{le="0.001",peer="db",status="ok"} 1.0
client_request_duration_seconds_bucket{le="0.0025",peer="db",status="ok"} 1.0
client_request_duration_seconds_bucket{le="0.005",peer="db",status="ok"} 2.0
client_request_duration_seconds_bucket{le="0.01",peer="db",status="ok"} 2.0
client_request_duration_seconds_bucket{le="0.025",peer="db",status="ok"} 2.0
client_request_duration_seconds_bucket{le="0.05",peer="db",status="ok"} 2.0
client_request_duration_seconds_bucket{le="0.1",peer="db",status="ok"} 2.0
client_request_duration_seconds_bucket{le="0.25",peer="db",status="ok"} 2.0
client_request_duration_seconds_bucket{le="0.5",peer="db",status="ok"} 2.0
client_request_duration_seconds_bucket{le="1.0",peer="db",status="ok"} 2.0
client_request_duration_seconds_bucket{le="2.5",peer="db",status="ok"} 2.0
client_request_duration_seconds_bucket{le="+Inf",peer="db",status="ok"} 3.0
client_request_duration_seconds_count{peer="db",status="ok"} 3.0
client_request_duration_seconds_sum{peer="db",status="ok"} 4.0
"""


def test_durations_have_the_buckets_of_all_services_and_no_series_that_nobody_declared() -> None:
    registry = CollectorRegistry()
    attempts = attempt_durations(registry)
    for seconds in (0.001, 0.004, 3.995):  # a bound belongs to its bucket
        attempts.labels("db", "ok").observe(seconds)
    assert page(registry).decode() == ATTEMPTS


def test_a_counter_keeps_its_name_and_is_read_when_the_page_is_asked_for() -> None:
    registry, lost = CollectorRegistry(), iter([3, 4])
    ReadCounter("telemetry_dropped_total", "Lost.", lambda: next(lost), registry)
    Counter("fallbacks_total", "Fallbacks.", ["fallback"], registry=registry).labels("popular_items").inc()
    assert page(registry).decode().splitlines() == [
        "# HELP telemetry_dropped_total Lost.",
        "# TYPE telemetry_dropped_total counter",
        "telemetry_dropped_total 3.0",
        "# HELP fallbacks_total Fallbacks.",
        "# TYPE fallbacks_total counter",
        'fallbacks_total{fallback="popular_items"} 1.0',
    ]
    assert "telemetry_dropped_total 4.0" in page(registry).decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1.25\nother_total 3\n",
            [("features", "process_cpu_seconds_total", 1.25)],
        ),
        (
            "# TYPE otlp_spans_dropped counter\notlp_spans_dropped 7\notlp_spans_dropped_once 1\n",
            [("features", "otlp_spans_dropped", 7.0)],
        ),
        ("process_cpu_seconds_total much\n", []),
        ("<html>not here</html>", []),
    ],
    ids=["by name", "a counter without _total keeps its name", "no number", "no page"],
)
def test_a_scrape_takes_the_chosen_counters_as_the_page_names_them(
    text: str, expected: list[tuple[str, str, float]]
) -> None:
    assert asyncio.run(scraped(text)) == expected


async def scraped(text: str) -> list[tuple[str, str, float]]:
    """What the collector takes from a service with this page."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=text)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession() as session:
        found = await scrape(session, {"features": f"http://127.0.0.1:{runner.addresses[0][1]}/metrics"})
    await runner.cleanup()
    return found
