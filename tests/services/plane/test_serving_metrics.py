"""TensorFlow Serving's own metrics become the model's server metrics of each scrape interval."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web

from services.collector.serving_metrics import ServingMetrics, Sums, read, samples
from services.collector.totals import quantile_s

PAGE = """\
# TYPE :tensorflow:serving:request_count counter
:tensorflow:serving:request_count{{model_name="model",status="OK"}} {ok}
:tensorflow:serving:request_count{{model_name="model",status="INVALID_ARGUMENT"}} {bad}
# TYPE :tensorflow:serving:request_latency histogram
:tensorflow:serving:request_latency_bucket{{model_name="model",API="Predict",entrypoint="GRPC",le="100"}} {fast}
:tensorflow:serving:request_latency_bucket{{model_name="model",API="Predict",entrypoint="GRPC",le="200"}} {ok}
:tensorflow:serving:request_latency_bucket{{model_name="model",API="Predict",entrypoint="GRPC",le="+Inf"}} {ok}
:tensorflow:serving:request_latency_sum{{model_name="model",API="Predict",entrypoint="GRPC"}} {sum_us}
:tensorflow:serving:request_latency_count{{model_name="model",API="Predict",entrypoint="GRPC"}} {ok}
# TYPE :tensorflow:core:graph_runs counter
:tensorflow:core:graph_runs{{}} 17
"""


def page(ok: int, bad: int = 0, fast: int = 0, sum_us: float = 0.0) -> str:
    return PAGE.format(ok=ok, bad=bad, fast=fast, sum_us=sum_us)


def values(before: Sums, now: Sums) -> dict[str, float]:
    return {metric: value for _, metric, value in samples("model", now.since(before))}


def test_an_interval_is_what_came_in_since_the_scrape_before() -> None:
    found = values(read(page(10, bad=1, fast=10, sum_us=1000)), read(page(30, bad=4, fast=20, sum_us=4000)))
    assert found == pytest.approx(
        {
            "server.request.count": 23,
            "server.error.count": 3,
            "server.request.duration.mean": 150e-6,
            "server.request.duration.p50": 100e-6,
            "server.request.duration.p95": 190e-6,
        }
    )


def test_a_server_that_started_anew_counts_from_nothing() -> None:
    assert values(read(page(100, fast=100)), read(page(5, fast=5, sum_us=400)))["server.request.count"] == 5


def test_an_interval_without_requests_has_counts_and_no_durations() -> None:
    same = read(page(7, fast=7, sum_us=300))
    assert values(same, same) == {"server.request.count": 0, "server.error.count": 0}
    assert values(Sums(), read("")) == {"server.request.count": 0, "server.error.count": 0}


def test_all_entry_points_and_models_count_together() -> None:
    both = page(10, fast=10) + page(4, bad=1).replace("GRPC", "REST").replace('"model"', '"other"')
    found = values(Sums(), read(both))
    assert (found["server.request.count"], found["server.error.count"]) == (15, 1)


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ({1.0: 0, 2.0: 10, float("inf"): 10}, 0.5, 1.5),
        ({1.0: 4, 2.0: 4, float("inf"): 4}, 0.95, 0.95),
        ({1.0: 5, float("inf"): 10}, 0.95, 1.0),
    ],
    ids=["even within a bucket", "all in the first", "beyond the last bound"],
)
def test_quantiles_are_those_of_prometheus(buckets: dict[float, float], share: float, expected: float) -> None:
    assert quantile_s(buckets, share) == pytest.approx(expected)


def test_the_labs_own_server_writes_a_page_that_is_read_the_same() -> None:
    from services.model.metrics import Metrics

    metrics = Metrics()
    for latency_us in (50, 150, 250, 350):
        metrics.record("model", "Predict", "GRPC", "OK", latency_us)
    metrics.record("model", "Predict", "GRPC", "NOT_FOUND", 1.0)
    found = values(Sums(), read(metrics.render()))
    assert (found["server.request.count"], found["server.error.count"]) == (5, 1)
    assert found["server.request.duration.mean"] == pytest.approx(200e-6)
    assert 100e-6 < found["server.request.duration.p50"] < 250e-6


def test_after_a_scrape_that_failed_no_two_intervals_are_taken_for_one() -> None:
    answers = {1: page(10), 2: page(20), 3: None, 4: page(40), 5: page(45), 7: page(60)}
    counts = asyncio.run(scraped(answers))
    assert counts == {1: None, 2: 10, 3: None, 4: None, 5: 5, 7: None}


def test_without_an_address_nothing_is_scraped() -> None:
    async def sample() -> object:
        async with aiohttp.ClientSession() as session:
            return await ServingMetrics("model", "").sample(session, 1)

    assert asyncio.run(sample()) == []


async def scraped(answers: dict[int, str | None]) -> dict[int, float | None]:
    """The request count that each scrape gives, from a server that answers so; None is an error status."""
    interval = 0

    async def metrics(_: web.Request) -> web.Response:
        text = answers[interval]
        return web.Response(status=500) if text is None else web.Response(text=text)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found: dict[int, float | None] = {}
    async with aiohttp.ClientSession() as session:
        scraper = ServingMetrics("model", f"http://127.0.0.1:{runner.addresses[0][1]}/metrics")
        for interval in answers:
            given = {metric: value for _, metric, value in await scraper.sample(session, interval)}
            found[interval] = given.get("server.request.count")
    await runner.cleanup()
    return found
