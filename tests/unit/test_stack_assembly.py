"""What the stack's collector kept of a run becomes a recording: a few records as its raw files hold them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.agreed.run import Run
from lab.agreed.telemetry import KINDS
from lab.clock import NS
from lab.recording.observed import Observed
from lab.signals import compute_signals
from lab.systems.files import load_system
from lab.testbeds.stack.assemble import assemble
from lab.worlds.shop.catalog import make_catalog
from lab.worlds.shop.features import NAMES
from lab.worlds.shop.stack import STACK
from lab.worlds.shop.training import train

SYSTEM = load_system("recommender")
START_UNIX_S = 1_000_000.0
RUN = Run(seed=1, start_unix_s=START_UNIX_S, duration_s=60.0, warmup_s=10.0, stages=((60.0, 1.0),), time_scale=2.0)
"""Two scenario seconds pass in a real one."""
TRACE = "0" * 31 + "1"


def unix_ns(scenario_s: float) -> int:
    return round(RUN.unix_s(scenario_s) * NS)


def span(service: str, kind: str, name: str, ids: tuple[str, str], at_s: float, took_s: float, **more: Any) -> dict:
    """A span as the collector keeps it; `ids`: own and parent's."""
    status, peer = more.get("status", "ok"), more.get("peer")
    attributes = {"lab.status": status} | (
        {"peer.service": peer, "lab.attempt": more.get("attempt", 0)} if peer else {}
    )
    start_ns = unix_ns(at_s)
    return {
        "service": service, "kind": kind, "name": name, "trace_id": TRACE, "span_id": ids[0], "parent_span_id": ids[1],
        "start_ns": start_ns, "end_ns": start_ns + round(took_s * NS), "is_error": status != "ok",
        "attributes": attributes,
    }  # fmt: skip


def event(service: str, name: str, at_s: float, body: str = "", **attributes: Any) -> dict:
    return {"service": service, "time_ns": unix_ns(at_s), "severity": "INFO", "event": name, "body": body,
            "trace_id": TRACE, "span_id": "", "attributes": attributes}  # fmt: skip


def sample(at_s: float, unix_s: float, component: str, metric: str, value: float) -> dict:
    return {"time_s": at_s, "unix_s": unix_s, "component": component, "metric": metric, "value": value, "attribute": ""}


RECORDS: dict[str, list[dict[str, Any]]] = {
    "spans": [
        span("shoppers", "client", "recommend", ("a1", ""), 12.0, 0.3, peer="features"),
        span("features", "server", "recommend", ("b1", "a1"), 12.0, 0.2),
        span("features", "client", "db_get", ("c1", "b1"), 12.0, 0.12, peer="db", status="timeout"),
        span("features", "client", "db_get", ("c2", "b1"), 12.3, 0.01, peer="db", attempt=1),
        span("feed", "internal", "run", ("d1", ""), 20.0, 0.5),
        span("model", "server", "Predict", ("e1", "unknown"), 12.0, 0.01),
    ],
    "statements": [
        {"application": "features", "action": "read_row", "trace_id": TRACE, "span_id": "c2", "is_error": False,
         "end_s": RUN.unix_s(12.4), "duration_s": 0.005},
    ],
    "logs": [
        event("shoppers", "page_shown", 13.0, item_ids=[3, 4, 5]),
        event("features", "prediction_shown", 13.0, item_ids=[3, 4, 5], scores=[0.3, 0.2, 0.1], model_version=1,
              inputs=[]),
        event("shoppers", "item_clicked", 16.0, item_id=4, delay_s=3.0),
        event("features", "feature_row_served", 12.5, user_id=7, source="db", row_age_s=4.0, entry_age_s=None,
              values=[1.0] * len(NAMES)),
        event("features", "call_failed", 12.2, "db_get: call to db failed: timeout (attempt 1)", subject="db"),
        event("features", "catalogue_loaded", 12.2, "no line of the log table"),
        event("model", "version_loaded", -5.0, "before the run"),
    ],
    "metrics": [
        sample(15.0, 1.0, "cache", "server.request.count", 9.0),
        sample(10.0, 1.0, "rules", "process_cpu_seconds_total", 1.0),
        sample(15.0, 3.5, "rules", "process_cpu_seconds_total", 2.0),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    assert set(RECORDS) == set(KINDS)
    directory = tmp_path_factory.mktemp("raw")
    for kind, records in RECORDS.items():
        half = '{"cut": ' if kind == "spans" else ""  # a collector that was killed in the middle of a line
        (directory / f"{kind}.jsonl").write_text(
            "".join(json.dumps(r) + "\n" for r in records) + half, encoding="utf-8"
        )
    models = [train(make_catalog(11), 11, 1, {})]
    return assemble(
        directory, RUN, SYSTEM, STACK, versions=models, changes=[],
        samples=[(15.0, "db", "process.cpu.utilization", 0.5)],
    )  # fmt: skip


def metric(observed: Observed, component: str, name: str, attribute: str = "") -> pd.Series:
    frame = observed.frame("metrics")
    mine = frame[(frame["service.name"] == component) & (frame["metric"] == name)]
    found = mine[mine["attribute"].astype(object).fillna("") == attribute]
    return found.set_index("time_s")["value"]


def test_times_are_the_scenario_s_and_durations_are_real(observed: Observed) -> None:
    spans = observed.frame("spans").set_index("span_id")
    assert spans.loc["b1", "time_s"] == pytest.approx(12.0, abs=1e-5)
    assert spans.loc["b1", "duration_s"] == pytest.approx(0.2)
    assert set(spans.index) == {"a1", "b1", "c1", "c2", "d1"}, "no server span without its caller"


def test_work_per_request_is_real_as_durations_are(observed: Observed) -> None:
    """Half of the database's workers were busy for an interval, which lasts half as long as the recording says."""
    assert observed.system["time_scale"] == RUN.time_scale
    assert metric(observed, "db", "server.request.count").loc[15.0] == 1
    busy_s = compute_signals(observed).get("busy_time_mean_s", "db")
    interval_s, workers = SYSTEM.scrape_interval_s / RUN.time_scale, SYSTEM.components["db"].workers
    assert busy_s is not None
    assert busy_s.values[busy_s.times_s == 15.0] == pytest.approx(0.5 * workers * interval_s)


def test_calls_are_counted_in_the_interval_in_which_they_ended(observed: Observed) -> None:
    assert metric(observed, "features", "server.request.count").loc[15.0] == 1
    assert metric(observed, "features", "client.timeout.count").sum() == 1
    assert metric(observed, "features", "client.retry.count").sum() == 1
    assert metric(observed, "feed", "job.run.count").loc[25.0] == 1
    assert metric(observed, "features", "fallback.count", "default_features").sum() == 0, (
        "the second attempt was answered"
    )


def test_statements_are_the_database_s_side_and_lines_of_its_log(observed: Observed) -> None:
    assert metric(observed, "db", "server.request.count").loc[15.0] == 1
    assert metric(observed, "db", "server.request.duration.mean").loc[15.0] == pytest.approx(0.005)


def test_components_that_report_sums_have_no_zeros_where_a_scrape_is_missing(observed: Observed) -> None:
    assert metric(observed, "cache", "server.request.count").to_dict() == {15.0: 9.0}
    assert metric(observed, "db", "process.cpu.utilization").to_dict() == {15.0: 0.5}
    assert metric(observed, "rules", "process.cpu.utilization").to_dict() == {15.0: pytest.approx(0.4)}


def test_content_becomes_its_tables(observed: Observed) -> None:
    pages = observed.frame("predictions")
    assert pages["item_id"].tolist() == [3, 4, 5]
    assert pages["outcome"].tolist() == [0.0, 1.0, 0.0]
    assert metric(observed, "features", "recommendation.impression.count").loc[15.0] == 3
    assert metric(observed, "features", "recommendation.click.count").loc[20.0] == 1
    (row,) = observed.frame("features").itertuples()
    assert (row.source, row.row_age_s) == ("db", 8.0)


def test_log_lines_are_those_of_the_run(observed: Observed) -> None:
    lines = observed.frame("logs")
    assert set(lines["event.name"]) <= {"call_failed", "statement"}
    assert lines.loc[lines["event.name"] == "call_failed", "subject"].tolist() == ["db"]
    assert np.isfinite(lines["time_s"]).all()
