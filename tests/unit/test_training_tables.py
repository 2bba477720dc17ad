"""What was served, as it is looked at in an incident: rows, distributions and the training sample, versions, jobs."""

from __future__ import annotations

import numpy as np
import pytest

from lab.investigation.queries import distributions, operations, tables
from lab.investigation.queries.asking import QueryError, UnknownError
from lab.investigation.queries.distributions import Windows
from lab.investigation.view import Cache, View
from lab.recording.arrow import numbers
from lab.signals.drift import ks, psi, quantile_edges, shares
from tests.sim_runs import observe, scenario

DEPLOY_S, RESCALED_S = 60.0, 100.0
DEPLOY = {"type": "deploy", "target": "model", "at": f"{DEPLOY_S}s", "for": "100s"}
RESCALED = {
    "type": "schema-corruption", "target": "db", "at": f"{RESCALED_S}s", "for": "50s",
    "with": {"column": "avg_order_value_eur", "change": "rescale"},
}  # fmt: skip
PRICE = "feature.avg_order_value_eur"


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    top = tmp_path_factory.mktemp("tables")
    observe(scenario(top, duration_s=180, faults=[RESCALED], decoys=[DEPLOY])).write(top / "observed")
    return View(top / "observed", Cache())


def test_the_tables_are_those_of_the_world_with_their_columns(view: View):
    listed = {one["name"]: one for one in tables.tables(view, 50.0)}
    assert listed.keys() == {"features", "predictions"}
    columns = {one["name"]: one for one in listed["features"]["columns"]}
    assert columns[PRICE]["type"] == "number"
    assert columns["source"]["type"] == "text"
    assert columns["row_age_s"]["doc"] == "age of the database row when served"
    assert listed["features"]["rows"] < len(view.whole.tables["features"])


def test_rows_are_found_by_conditions(view: View):
    found, more = tables.rows(view, 50.0, "predictions", ["position:1", "model_version:2"], limit=10)
    assert more
    assert {(row["position"], row["model_version"]) for row in found} == {(1, 2)}
    times_s = [row["time_s"] for row in found]
    assert times_s == sorted(times_s, reverse=True)
    assert max(times_s) <= 50.0
    by_trace, _ = tables.rows(view, 50.0, "predictions", [f"trace_id:{found[0]['trace_id']}"])
    assert {row["trace_id"] for row in by_trace} == {found[0]["trace_id"]}


def test_an_outcome_is_not_told_before_its_label_window_has_closed(view: View):
    closed, _ = tables.rows(view, 50.0, "predictions", order="first", limit=200)
    still_open, _ = tables.rows(view, 50.0, "predictions", order="latest", limit=200)
    assert all(row["outcome"] is not None for row in closed)
    assert all(row["outcome"] is None and row["label_delay_s"] is None for row in still_open)


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (["position"], "not a condition"),
        (["position:first"], "not a value of this column"),
        (["nothing:1"], "unknown column"),
        (["position:1"] * 11, "too many conditions"),
    ],
)
def test_what_is_no_condition_is_refused(view: View, where: list[str], what: str):
    with pytest.raises(QueryError, match=what):
        tables.rows(view, 50.0, "predictions", where)


def test_what_a_world_does_not_add_is_no_table_here(view: View):
    with pytest.raises(UnknownError, match="unknown table"):
        tables.rows(view, 50.0, "spans")


def test_a_distribution_that_did_not_move_lies_near_the_training_sample(view: View):
    found = distributions.distribution(view, 95.0, "features", PRICE, Windows())
    assert found["compared_with"] == "sample"
    assert found["psi"] < 0.1
    assert found["ks"] < 0.15
    assert len(found["edges"]) == len(found["now"]["counts"]) + 1
    assert sum(found["now"]["counts"]) == found["now"]["rows"] - found["now"]["nulls"]
    assert found["now_s"] == [35.0, 95.0]
    assert found["before_s"] == [0.0, 35.0]
    assert distributions.distribution(view, 180.0, "features", PRICE, Windows())["before_s"] == [0.0, 120.0]
    assert f"feature_drift_psi:{PRICE.partition('.')[2]}" in distributions.shows(view, 95.0, PRICE)


def test_a_distribution_that_moved_lies_far_from_what_it_was(view: View):
    found = distributions.distribution(view, 150.0, "features", PRICE, Windows(since_s=120, before_until_s=90))
    assert found["psi"] > 1
    assert found["before_s"] == [0.0, 90.0]
    assert found["now"]["p50"] > 10 * found["before"]["p50"] or found["now"]["p50"] < found["before"]["p50"] / 10


def test_psi_and_ks_are_those_of_the_drift_signals(view: View):
    found = distributions.distribution(view, 150.0, "features", PRICE, Windows(since_s=135.000001, until_s=150))
    column = PRICE.removeprefix("feature.")
    for name in ("psi", "ks"):
        one = view.signals(150.0).get(f"feature_drift_{name}", column)
        assert one is not None
        assert found[name] == pytest.approx(one.values[-1], rel=0.25), (
            "of the last three intervals, but for cached rows"
        )


def test_a_few_values_are_counted_each_and_split_by_another_column(view: View):
    found = distributions.distribution(view, 100.0, "predictions", "position", Windows(), by="model_version")
    assert found["categories"] == ["1", "2", "3", "4", "5"]
    assert len(set(found["now"]["counts"])) == 1, "each page has each position"
    assert set(found["by"]) <= {"2", "3"}
    assert sum(sum(part["counts"]) for part in found["by"].values()) == sum(found["now"]["counts"])
    with pytest.raises(QueryError, match="too many values to split by"):
        distributions.distribution(view, 100.0, "predictions", "position", Windows(), by="trace_id")


@pytest.mark.parametrize("column", ["service.name", "outcome", "label_delay_s", "score", "trace_id", "item_id"])
@pytest.mark.parametrize("at_s", [0.0, 5.0, 180.0])
def test_every_column_has_a_distribution_at_any_time(view: View, column: str, at_s: float):
    found = distributions.distribution(view, at_s, "predictions", column, Windows())
    bars = len(found["categories"]) if found["edges"] is None else len(found["edges"]) - 1
    for part in ("now", "before"):
        assert len(found[part]["counts"]) == bars
        assert sum(found[part]["counts"]) == found[part]["rows"] - found[part]["nulls"]


def test_a_version_is_not_told_before_it_is_published(view: View):
    def told(at_s: float) -> tuple[set[object], set[object]]:
        found = operations.versions(view, at_s)
        served = {value for one in found["served"] for value in one["values"]}
        return {one["version"] for one in found["registered"]}, served

    assert told(DEPLOY_S - 5) == ({1, 2}, {2})
    assert told(DEPLOY_S + 20) == ({1, 2, 3}, {2, 3})
    assert len(operations.versions(view, DEPLOY_S - 5)["changes"]) == 0
    assert len(operations.versions(view, DEPLOY_S + 20)["changes"]) == 1


def test_a_job_has_its_runs_and_how_long_ago_it_succeeded(view: View):
    (feed,) = operations.jobs(view, 100.0)
    assert (feed["name"], feed["period_s"], feed["calls"]) == ("feed", 10.0, ["db", "cache"])
    assert len(feed["runs"]) >= 9
    assert 0 <= feed["last_success_age_s"] <= 10


def test_files_of_reference_are_named_and_shown(view: View):
    names = {one["name"] for one in operations.references(view)}
    assert names == {"contract.json", "registry.json", "training_sample.parquet"}
    assert operations.reference(view, 50.0, "contract.json")["content"]["component"] == "db"
    sample = operations.reference(view, 50.0, "training_sample.parquet")
    assert PRICE in sample["columns"]
    assert len(sample["rows"]) == 200 < sample["rows_count"]
    with pytest.raises(UnknownError):
        operations.reference(view, 50.0, "../system.json")


def test_distances_of_shares_are_those_of_the_textbooks():
    before, now = np.array([[10, 20, 70]]), np.array([[30, 40, 30]])
    expected, actual = shares(before), shares(now)
    assert actual.sum() == pytest.approx(1)
    by_hand = sum((a - e) * np.log(a / e) for a, e in zip(actual[0], expected[0], strict=True))
    assert psi(actual, expected)[0] == pytest.approx(by_hand)
    assert ks(actual, expected)[0] == pytest.approx(abs(actual[0, :2].sum() - expected[0, :2].sum()))
    assert psi(expected, expected)[0] == ks(expected, expected)[0] == 0


def test_edges_of_buckets_are_distinct(view: View):
    assert len(quantile_edges(np.array([1.0] * 50 + [2.0]))) == 1
    assert len(quantile_edges(numbers(view.table("predictions", 50.0)["score"]))) == 9
