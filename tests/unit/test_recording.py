"""What is recorded: as documented, and coherent in itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lab.docs.pages import write_docs
from lab.recording.observed import Observed, load_observed, requests_seen
from lab.recording.rundir import RunDirectory
from lab.recording.schema import schema_of
from lab.recording.status import NAMES
from lab.registration.recorded import Column
from lab.runs.runner import run_scenario
from tests.sim_runs import DECOYS, FAULTS, digests, scenario

ROOT = Path(__file__).parents[2]
END_S = 100.0
SHOP = schema_of("shop")
LABEL_WINDOW_S = 30.0
TYPES: Mapping[str, Any] = {"float": pa.float64(), "int": pa.int64(), "string": pa.string()}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run with failed calls, broken rows, retries, a deploy and an alert."""
    folder = tmp_path_factory.mktemp("recording")
    faults = [
        {**FAULTS["network-partition, one way"], "at": "30s", "for": "20s"},
        {**FAULTS["schema-corruption renames"], "at": "40s", "for": "45s"},
    ]
    decoys = [{**DECOYS["deploy"], "at": "25s"}]
    loaded = scenario(folder, name="busy", duration_s=END_S, rate_per_s=30, faults=faults, decoys=decoys)
    return run_scenario(loaded, 5, folder / "runs")


@pytest.fixture(scope="module")
def observed(run: RunDirectory) -> Observed:
    return load_observed(run.observed)


def documented(table: str, column: str) -> Column:
    specs = {spec.name: spec for spec in SHOP.columns(table)}
    return specs[column] if column in specs else specs[column.partition(".")[0] + ".*"]


@pytest.mark.parametrize("table", SHOP.tables)
def test_columns_are_as_documented(observed: Observed, table: str) -> None:
    written = observed.tables[table]
    names = [spec.name for spec in SHOP.columns(table)]
    always = [name for name in names if "*" not in name and documented(table, name).otherwise is None]
    assert [name for name in written.column_names if name in names] == always
    for field in written.schema:
        spec = documented(table, field.name)
        if spec.type == "category":
            assert pa.types.is_dictionary(field.type), field.name
            assert field.type.value_type == pa.string()
        elif spec.name.endswith(".*"):
            assert field.type in (pa.float64(), pa.float32()), field.name
        else:
            assert field.type == TYPES[spec.type], field.name


@pytest.mark.parametrize("table", SHOP.tables)
def test_only_what_may_be_null_is_null_and_nothing_is_nan(observed: Observed, table: str) -> None:
    for name, column in zip(observed.tables[table].column_names, observed.tables[table].columns, strict=True):
        if not documented(table, name).null:
            assert column.null_count == 0, name
        if pa.types.is_floating(column.type):
            assert not pa.compute.any(pa.compute.is_nan(column)).as_py(), f"{name}: a missing value is null"


@pytest.mark.parametrize("table", SHOP.tables)
def test_rows_are_in_order_of_time_within_the_scenario(observed: Observed, table: str) -> None:
    times = observed.frame(table)["time_s"]
    assert times.max() <= END_S
    if table == "spans":  # which are known, and kept, in order of their ends
        ends_ns = ((times + observed.frame(table)["duration_s"]) * 1e9).round()
        assert ends_ns.is_monotonic_increasing
    elif table != "metrics":  # metrics are kept series by series
        assert times.is_monotonic_increasing
    if table != "spans":  # a span may have begun while the system warmed up
        assert times.min() >= 0


def test_metrics_are_those_of_the_list_and_finite(observed: Observed) -> None:
    metrics = observed.frame("metrics")
    # No SLO is on the 99th percentile, the simulator has no host, and the recommender has no pools, queues or messages.
    without = ("client.request.duration.p99", "system.", "client.connection.", "server.queue.", "server.worker.",
               "messaging.")  # fmt: skip
    assert set(metrics["metric"]) == {name for name in SHOP.metrics if not name.startswith(without)}
    assert np.isfinite(metrics["value"]).all()
    assert (metrics["value"] >= 0).all()
    ratios = metrics[metrics["metric"].str.endswith((".ratio", ".utilization"))]
    assert ratios["value"].max() <= 1
    keys = ["time_s", "service.name", "metric", "peer.service", "attribute"]
    assert not metrics.duplicated(keys).any()


def test_metrics_agree_with_the_spans(observed: Observed) -> None:
    metrics, spans = observed.frame("metrics"), observed.frame("spans")
    counted = metrics[(metrics["metric"] == "client.error.count") & (metrics["service.name"] == "features")]
    calls = spans[(spans["service.name"] == "features") & (spans["span.kind"] == "client")].copy()
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
    assert set(roots["service.name"]) == {"shoppers", "feed"}
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
    assert set(spans["service.name"]) == {"shoppers", "features", "model", "rules", "feed"}
    statements = logs[logs["event.name"] == "statement"]
    assert set(statements["service.name"]) == {"db"}
    assert set(statements["trace_id"]) <= set(spans["trace_id"].astype(str))


def test_every_request_in_features_predictions_and_logs_has_a_trace(observed: Observed) -> None:
    traces = set(observed.frame("spans")["trace_id"].astype(str))
    for table in ("features", "predictions"):
        rows = observed.frame(table)
        assert set(rows["trace_id"][rows["time_s"] < END_S - 2].astype(str)) <= traces
    logs = observed.frame("logs")
    assert set(logs["trace_id"][logs["time_s"] < END_S - 2].dropna()) <= traces


def test_an_outcome_is_unknown_only_while_its_window_is_open(observed: Observed) -> None:
    shown = observed.frame("predictions")
    open_at_the_end = shown["time_s"] > END_S - LABEL_WINDOW_S
    assert shown["outcome"][open_at_the_end].isna().all()
    assert set(shown["outcome"][~open_at_the_end]) == {0.0, 1.0}
    assert (shown["label_delay_s"].notna() == (shown["outcome"] == 1)).all()
    assert shown["label_delay_s"].max() <= LABEL_WINDOW_S


def test_pages_have_places_and_scores_are_probabilities(observed: Observed) -> None:
    shown = observed.frame("predictions")
    pages = shown.groupby("trace_id", observed=True)["position"].agg(list)
    assert (pages.map(len) == 5).all()
    assert pages.map(lambda places: places == [1, 2, 3, 4, 5]).all()
    unscored = shown["score"].isna()
    assert (shown["model_version"][unscored] == 0).all()
    assert (shown["model_version"][~unscored] > 0).all()
    assert shown["score"].dropna().between(0, 1).all()


def test_an_alert_names_the_objective_and_the_entry_and_nothing_else(observed: Observed) -> None:
    assert observed.alerts, "the broken column fails requests"
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


def test_a_system_without_content_has_no_tables_of_any(tmp_path: Path) -> None:
    chain = str(ROOT / "tests" / "systems" / "chain.system.yaml")
    plain = run_scenario(scenario(tmp_path, system=chain, duration_s=30), 1, tmp_path)
    loaded = load_observed(plain.observed)
    assert "features" not in loaded.tables
    assert loaded.frame("predictions").empty
    assert loaded.frame("logs").columns.tolist() == [column.name for column in SHOP.columns("logs")]


# The pages that tell of all this.


@pytest.mark.parametrize("name", ["recording.md", "signals.md", "faults.md"])
def test_the_generated_pages_are_current(name: str, tmp_path: Path) -> None:
    write_docs(tmp_path)
    fresh = (tmp_path / name).read_text(encoding="utf-8")
    kept = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert kept == fresh, "run `python -m lab.docs docs`"


def test_the_requests_that_the_entry_point_handled_are_counted(run: RunDirectory, observed: Observed) -> None:
    spans = observed.frame("spans")
    at_entry = spans[(spans["service.name"] == observed.system["entry"]) & (spans["span.kind"] == "server")]
    seen = requests_seen(run.observed)
    assert seen is not None
    assert seen == pytest.approx(len(at_entry), rel=0.05)
    assert seen > END_S * 20


def test_without_metrics_nobody_counted_the_requests(tmp_path: Path) -> None:
    assert requests_seen(tmp_path) is None
