"""What is recorded: as documented, and coherent in itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from lab.recording.observed import Observed, load_observed, requests_seen
from lab.recording.rundir import RunDirectory
from lab.recording.schema import schema_of
from lab.recording.status import NAMES
from lab.runs.runner import run_scenario
from tests.recording_checks import check_columns, check_metrics, check_nulls, check_order
from tests.simulated import CHAIN, DECOYS, FAULTS, digests, scenario

END_S = 100.0
CORE = schema_of(None)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run with failed calls, retries, slow answers and an alert."""
    folder = tmp_path_factory.mktemp("recording")
    faults = [
        {**FAULTS["network-partition, one way"], "at": "30s", "for": "20s"},
        {**FAULTS["network-partition"], "at": "40s", "for": "45s"},
    ]
    decoys = [{**DECOYS["traffic-surge"], "at": "25s", "for": "20s"}]
    loaded = scenario(folder, name="busy", duration_s=END_S, rate_per_s=30, faults=faults, decoys=decoys)
    return run_scenario(loaded, 5, folder / "runs")


@pytest.fixture(scope="module")
def observed(run: RunDirectory) -> Observed:
    return load_observed(run.observed)


@pytest.mark.parametrize("table", CORE.tables)
def test_a_table_is_as_documented_and_in_order(observed: Observed, table: str) -> None:
    check_columns(CORE, observed, table)
    check_nulls(CORE, observed, table)
    check_order(observed, table)


def test_metrics_are_those_of_the_list_and_finite(observed: Observed) -> None:
    check_metrics(CORE, observed, "cache.", "fallback.")  # of stores and fallbacks, which only worlds have


def test_metrics_agree_with_the_spans(observed: Observed) -> None:
    metrics, spans = observed.frame("metrics"), observed.frame("spans")
    counted = metrics[(metrics["metric"] == "client.error.count") & (metrics["service.name"] == "desk")]
    calls = spans[(spans["service.name"] == "desk") & (spans["span.kind"] == "client")].copy()
    calls["interval_s"] = (np.floor((calls["time_s"] + calls["duration_s"]) / 5) + 1) * 5
    failed = calls[~calls["status"].isin(["ok", "miss"])]
    assert len(failed) > 50
    totals = failed.groupby(["interval_s", "peer.service"], observed=True).size()
    for row in counted.itertuples(index=False):
        assert row.value == totals.get((row.time_s, row[3]), 0)


def test_spans_form_trees(observed: Observed) -> None:
    spans = observed.frame("spans").astype({"trace_id": str})
    assert spans["span_id"].is_unique
    assert spans["span_id"].str.fullmatch("[0-9a-f]{16}").all()
    assert spans["trace_id"].str.fullmatch("[0-9a-f]{32}").all()
    assert set(spans["status"]) <= set(NAMES)
    children = spans[spans["parent_span_id"].notna()]
    parents = spans.set_index("span_id").reindex(children["parent_span_id"])
    missing = parents["trace_id"].isna().to_numpy()
    # A parent that had not ended when the recording did is not in it, as its child may be.
    late = children[missing]
    assert (late["time_s"] > END_S - 2).all()
    assert len(late) < 10
    known, parents = children[~missing], parents[~missing]
    assert (known["trace_id"].to_numpy() == parents["trace_id"].to_numpy()).all()
    assert (known["time_s"].to_numpy() >= parents["time_s"].to_numpy()).all()
    roots = spans[spans["parent_span_id"].isna()]
    assert set(roots["service.name"]) == {"people", "feed"}
    assert roots["trace_id"].is_unique
    assert set(spans["trace_id"]) - set(roots["trace_id"]) <= set(late["trace_id"])


def test_a_server_span_lies_in_the_client_span_that_caused_it_unless_the_caller_gave_up(observed: Observed) -> None:
    spans = observed.frame("spans")
    server = spans[spans["span.kind"] == "server"]
    client = spans[spans["span.kind"] == "client"].set_index("span_id")
    server = server[server["parent_span_id"].isin(client.index)]
    caller = client.loc[server["parent_span_id"]]
    assert (server["service.name"].astype(str).to_numpy() == caller["peer.service"].astype(str).to_numpy()).all()
    given_up = (caller["status"] == "timeout").to_numpy()
    ends, caller_ends = ((part["time_s"] + part["duration_s"]).to_numpy() for part in (server, caller))
    assert (ends <= caller_ends + 1e-9)[~given_up].all()
    assert given_up.any()


def test_what_cannot_report_spans_reports_none(observed: Observed) -> None:
    spans, logs = observed.frame("spans"), observed.frame("logs")
    assert set(spans["service.name"]) == {"people", "desk", "model", "rules", "feed"}
    statements = logs[logs["event.name"] == "statement"]
    assert set(statements["service.name"]) == {"db"}
    assert set(statements["trace_id"]) <= set(spans["trace_id"].astype(str))


def test_an_alert_names_the_objective_and_the_entry_and_nothing_else(observed: Observed) -> None:
    assert observed.alerts, "the cut link fails requests"
    objectives = {slo["name"] for slo in observed.system["slos"]}
    for alert in observed.alerts:
        assert set(alert) == {"time_s", "slo", "service.name", "state", "value"}
        assert alert["slo"] in objectives
        assert alert["service.name"] == observed.system["entry"]
        assert alert["state"] in {"firing", "resolved"}


def test_what_is_written_is_what_is_read(observed: Observed, tmp_path: Path) -> None:
    observed.write(tmp_path / "again")
    again = load_observed(tmp_path / "again")
    assert set(again.tables) == set(observed.tables)
    for name in observed.tables:
        pd.testing.assert_frame_equal(again.frame(name), observed.frame(name))
    for part in ("system", "changes", "alerts"):
        assert getattr(again, part) == getattr(observed, part)
    assert {n: v for n, v in again.reference.items() if n.endswith("json")} == {
        n: v for n, v in observed.reference.items() if n.endswith("json")
    }


def test_a_second_writing_has_the_same_bytes(run: RunDirectory, observed: Observed, tmp_path: Path) -> None:
    observed.write(tmp_path / "again")
    assert digests(tmp_path / "again") == digests(run.observed)


def test_files_carry_no_library_metadata(run: RunDirectory) -> None:
    for path in run.observed.rglob("*.parquet"):
        assert set(pq.read_schema(path).metadata or {}) <= {b"ARROW:schema"}


def test_every_log_line_about_a_request_has_a_trace(observed: Observed) -> None:
    traces, logs = set(observed.frame("spans")["trace_id"].astype(str)), observed.frame("logs")
    assert set(logs["trace_id"][logs["time_s"] < END_S - 2].dropna()) <= traces


def test_a_system_without_content_has_no_tables_of_any(tmp_path: Path) -> None:
    plain = run_scenario(scenario(tmp_path, system=CHAIN, duration_s=30), 1, tmp_path)
    loaded = load_observed(plain.observed)
    assert set(loaded.tables) == set(CORE.tables)
    assert loaded.frame("logs").columns.tolist() == [column.name for column in CORE.columns("logs")]


def test_the_requests_that_the_entry_point_handled_are_counted(run: RunDirectory, observed: Observed) -> None:
    spans = observed.frame("spans")
    at_entry = spans[(spans["service.name"] == observed.system["entry"]) & (spans["span.kind"] == "server")]
    seen = requests_seen(run.observed)
    assert seen is not None
    assert seen == pytest.approx(len(at_entry), rel=0.05)
    assert seen > END_S * 20


def test_without_metrics_nobody_counted_the_requests(tmp_path: Path) -> None:
    assert requests_seen(tmp_path) is None
