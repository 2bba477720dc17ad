"""What is recorded of the shop: as documented, and coherent in itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.docs.pages import write_docs
from lab.recording.observed import Observed
from lab.recording.schema import schema_of
from tests.recording_checks import check_columns, check_metrics, check_nulls, check_order
from tests.sim_runs import DECOYS, FAULTS, observe, scenario

ROOT = Path(__file__).parents[2]
END_S = 100.0
LABEL_WINDOW_S = 30.0
SHOP = schema_of("shop")


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """Of a run with failed calls, broken rows, retries and a deploy."""
    faults = [
        {**FAULTS["network-partition, one way"], "at": "30s", "for": "20s"},
        {**FAULTS["schema-corruption renames"], "at": "40s", "for": "45s"},
    ]
    decoys = [{**DECOYS["deploy"], "at": "25s"}]
    folder = tmp_path_factory.mktemp("recording")
    return observe(scenario(folder, name="busy", duration_s=END_S, rate_per_s=30, faults=faults, decoys=decoys), 5)


@pytest.mark.parametrize("table", SHOP.tables)
def test_a_table_is_as_documented_and_in_order(observed: Observed, table: str) -> None:
    check_columns(SHOP, observed, table)
    check_nulls(SHOP, observed, table)
    check_order(observed, table)


def test_metrics_are_those_of_the_list_and_finite(observed: Observed) -> None:
    check_metrics(SHOP, observed)


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


# The pages that tell of all this.


@pytest.mark.parametrize("name", ["recording.md", "signals.md", "faults.md"])
def test_the_generated_pages_are_current(name: str, tmp_path: Path) -> None:
    write_docs(tmp_path)
    fresh = (tmp_path / name).read_text(encoding="utf-8")
    kept = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert kept == fresh, "run `python -m lab.docs docs`"
