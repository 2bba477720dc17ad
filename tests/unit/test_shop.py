"""The shop: a coherent population, versions equally good and not the same, symptoms that follow from causes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.content.operations import OP_STORE_GET, Op
from lab.content.protocol import Layout, StoreSpec
from lab.injection.levers import CacheFreeze
from lab.recording.observed import Observed
from lab.streams import Streams
from lab.testbeds.sim.plane.layout import new_tables
from lab.testbeds.sim.plane.world_view import PlaneView, put_layout, table_rows
from lab.worlds.kit.contract import ContractViolationError, parse_value
from lab.worlds.kit.entries import EntryCache
from lab.worlds.shop.catalog import Catalog, active_catalog, make_catalog
from lab.worlds.shop.features import (
    ITEM_FEATURES,
    NAMES,
    USER_FEATURES,
    impute,
    model_inputs,
    parse_row,
)
from lab.worlds.shop.training import Model, train
from tests.sim_runs import DECOYS, FAULTS, observe, scenario

SEED = 11
UNITS = {"years", "days", "EUR", "orders", "ratio", "views", "index", "g", "stars", "reviews", "pieces"}
SUFFIXES = {"years": "years", "days": "days", "eur": "EUR", "ratio": "ratio", "g": "g", "stars": "stars"}
FROM_S, UNTIL_S = 30.0, 130.0
WINDOW: Mapping[str, str] = {"at": "10s", "for": "120s"}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return make_catalog(SEED)


@pytest.fixture(scope="module")
def versions(catalog: Catalog) -> tuple[Model, Model]:
    return train(catalog, SEED, 1, {}), train(catalog, SEED, 2, {})


@pytest.fixture(scope="module")
def inputs(catalog: Catalog) -> Any:
    """Inputs of 300 users by 20 items."""
    rng = np.random.default_rng(1)
    vectors = catalog.profile[rng.integers(0, catalog.users_count, 300)]
    return model_inputs(impute(vectors), catalog.items, rng.integers(0, 500, (300, 20)))


def test_a_model_can_be_changed_by_nobody_who_has_it(versions: tuple[Model, Model]) -> None:
    with pytest.raises(ValueError, match="read-only"):
        versions[0].weights[0] = 0.0


def test_there_are_thousands_of_users_and_hundreds_of_items(catalog: Catalog) -> None:
    assert catalog.users_count >= 2000
    assert len(catalog.popularity) >= 500
    assert catalog.profile.shape == (catalog.users_count, len(USER_FEATURES))
    assert {len(values) for values in catalog.items.values()} == {len(catalog.popularity)}


def test_the_first_shoppers_visit_where_not_all_do(catalog: Catalog) -> None:
    some = active_catalog(catalog, 500)
    assert (some.activity[:500] > 0).all()
    assert not some.activity[500:].any()
    assert some.activity.sum() == pytest.approx(1)
    assert active_catalog(catalog, catalog.users_count) is catalog


@pytest.mark.parametrize("specs", [USER_FEATURES, ITEM_FEATURES], ids=["users", "items"])
def test_each_has_about_a_dozen_features_with_type_unit_and_range(specs: Any) -> None:
    assert 10 <= len(specs) <= 16
    assert len({spec.name for spec in specs}) == len(specs)
    for spec in specs:
        assert spec.type in {"integer", "double precision"}
        assert spec.unit in UNITS
        assert spec.low <= spec.default <= spec.high
        # A name that ends in a unit means it.
        assert SUFFIXES.get(spec.name.rpartition("_")[2], spec.unit) == spec.unit


def test_values_lie_in_their_contract(catalog: Catalog) -> None:
    for i, spec in enumerate(USER_FEATURES):
        assert ((catalog.profile[:, i] >= spec.low) & (catalog.profile[:, i] <= spec.high)).all(), spec.name
    for spec in ITEM_FEATURES:
        values = catalog.items[spec.name]
        assert ((values >= spec.low) & (values <= spec.high)).all(), spec.name


def test_good_versions_are_equally_good_and_not_the_same(versions: tuple[Model, Model], inputs: Any) -> None:
    one, two = versions
    assert (one.window, two.window) == (1, 2)
    assert one.metrics["auc"] > 0.65
    assert abs(one.metrics["auc"] - two.metrics["auc"]) <= 0.01
    difference = np.abs(one.score(inputs) - two.score(inputs))
    assert difference.max() > 0.001
    assert (difference > 0).mean() > 0.99


def test_the_served_versions_are_different_windows(world: Observed) -> None:
    registry = world.reference["registry.json"]
    assert [entry["training_window"] for entry in registry] == [1, 2, 3]
    assert len({json.dumps(entry["weights"]) for entry in registry}) == 3


@given(st.lists(st.integers(1, 299), max_size=12, unique=True))
@settings(max_examples=30)
def test_a_score_does_not_depend_on_its_batch(inputs: Any, versions: tuple[Model, Model], cuts: list[int]) -> None:
    whole = versions[0].score(inputs)
    parts = [versions[0].score(part) for part in np.split(inputs, sorted(cuts))]
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"age": 34}, "KeyError: 'age_years'"),
        ({"age_years": "34,5"}, "ValueError: could not convert string to float: '34,5'"),
        ({"age_years": "n/a"}, "ValueError: could not convert string to float: 'n/a'"),
        ({"age_years": [34]}, "ValueError: float()"),
    ],
)
def test_a_column_that_is_gone_or_no_number_breaks_the_contract(row: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ContractViolationError) as caught:
        parse_value(row, "age_years")
    assert caught.value.column == "age_years"
    assert str(caught.value).startswith(message)


def test_a_null_is_no_violation_and_gets_the_default() -> None:
    assert np.isnan(parse_value({"age_years": None}, "age_years"))
    vector = impute(np.array([parse_row(dict.fromkeys(NAMES))]))
    assert vector.tolist() == [[spec.default for spec in USER_FEATURES]]


# Symptoms, through the real testbed. At 50 requests/s some 25,000 items are shown in the window compared.


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="module")
def world(folder: Path) -> Observed:
    """A control with a benign deploy at its end."""
    return observed(folder, decoys=[{**DECOYS["deploy"], "at": "150s"}])


def observed(folder: Path, *uses: Mapping[str, Any], **more: Any) -> Observed:
    faults = [{**WINDOW, **use} for use in uses]
    return observe(scenario(folder, name="shop", duration_s=165, rate_per_s=50, faults=faults, **more), 3)


def click_through(of: Observed) -> float:
    """Clicks per item shown while the fault lasted (it began a while before)."""
    shown = of.frame("predictions")
    return float(shown["outcome"][shown["time_s"].between(FROM_S, UNTIL_S)].mean())


def loss(of: Observed, control: Observed) -> float:
    """Share of the click-through that a fault costs."""
    return 1 - click_through(of) / click_through(control)


def test_people_click_about_every_tenth_item(world: Observed) -> None:
    assert 0.08 < click_through(world) < 0.14


def test_stale_features_cost_clicks(folder: Path, world: Observed) -> None:
    assert 0.02 < loss(observed(folder, FAULTS["feed-stall"]), world) < 0.35


def test_default_features_cost_clicks(folder: Path, world: Observed) -> None:
    gone = [{"type": "network-partition", "target": link} for link in ("features->cache", "features->db")]
    run = observed(folder, *gone)
    served = run.frame("features")
    assert (served["source"][served["time_s"].between(FROM_S, UNTIL_S)] == "default").all()
    assert 0.05 < loss(run, world) < 0.5


def test_a_rescaled_column_costs_clicks_and_fails_nothing(folder: Path, world: Observed) -> None:
    run = observed(folder, FAULTS["schema-corruption rescales"])
    assert loss(run, world) > 0.02
    assert "feature_contract_violation" not in set(run.frame("logs")["event.name"])


def test_a_model_trained_on_corrupted_labels_costs_clicks(folder: Path, world: Observed) -> None:
    assert loss(observed(folder, FAULTS["model-regression"]), world) > 0.03


def test_a_benign_version_costs_none(folder: Path, world: Observed) -> None:
    deployed = observed(folder, decoys=[{**DECOYS["deploy"], "at": "10s"}])
    assert abs(loss(deployed, world)) < 0.03


def test_the_cache_answers_about_half_of_the_look_ups(world: Observed) -> None:
    metrics = world.frame("metrics")
    totals = metrics[metrics["time_s"] > 30].groupby("metric", observed=True)["value"].sum()
    ratio = totals["cache.hit.count"] / (totals["cache.hit.count"] + totals["cache.miss.count"])
    assert 0.4 <= ratio <= 0.7


def ages(of: Observed) -> tuple[float, float]:
    """Mean age, towards the end of the window, of rows read from the database and of cache entries."""
    served = of.frame("features")
    late = served[served["time_s"].between(100, UNTIL_S)]
    return float(late["row_age_s"][late["source"] == "db"].mean()), float(late["entry_age_s"].mean())


def row_age_from_cache(of: Observed) -> float:
    served = of.frame("features")
    return float(served["row_age_s"][served["time_s"].between(100, UNTIL_S) & (served["source"] == "cache")].mean())


def test_in_a_stale_cache_entries_are_old_and_database_rows_fresh(folder: Path, world: Observed) -> None:
    (row, entry), (usual_row, usual_entry) = ages(observed(folder, FAULTS["stale-cache"])), ages(world)
    assert usual_row < 15
    assert abs(row - usual_row) < 3
    assert entry > usual_entry + 30


def test_with_a_stalled_feed_rows_are_old_wherever_they_come_from(folder: Path, world: Observed) -> None:
    stalled = observed(folder, FAULTS["feed-stall"])
    assert ages(stalled)[0] > ages(world)[0] + 60
    assert row_age_from_cache(stalled) > row_age_from_cache(world) + 60


def test_good_and_bad_deploys_have_the_same_papers_and_the_same_announcement(folder: Path, world: Observed) -> None:
    bad = observed(folder, {**FAULTS["model-regression"], "at": "150s", "for": "15s"})
    for run in (world, bad):
        assert [entry["version"] for entry in run.reference["registry.json"]] == [1, 2, 3]
        assert len({tuple(sorted(entry)) for entry in run.reference["registry.json"]}) == 1
        assert len({tuple(sorted(entry["metrics"])) for entry in run.reference["registry.json"]}) == 1
    weights = {"weights", "intercept", "standardize_mean", "standardize_scale"}
    published = [
        [{k: v for k, v in entry.items() if k not in weights} for entry in run.reference["registry.json"]]
        for run in (world, bad)
    ]
    assert published[0] == published[1]
    assert world.changes[0] == bad.changes[0]
    assert world.changes[0]["summary"] == "Model version 3 deployed"
    lines = [run.frame("logs").query("`event.name` == 'version_loaded'")["body"].iloc[0] for run in (world, bad)]
    assert lines[0] == lines[1]


def test_good_and_bad_migrations_have_the_same_announcement(folder: Path) -> None:
    window = {"at": "10s", "for": "60s"}
    good = observed(folder, decoys=[{**DECOYS["schema-migration"], **window}])
    bad = observed(folder, {**FAULTS["schema-corruption rescales"], **window})
    assert good.changes == bad.changes
    assert [change["time_s"] for change in good.changes] == [10.0, 70.0]


def test_freezing_brings_no_expired_entry_back_and_thawing_drops_what_was_frozen() -> None:
    content = Layout({"get": Op(OP_STORE_GET)}, stores={"entries": StoreSpec(2, 100)})
    tables = new_tables(**table_rows(content))
    put_layout(tables, content)
    store = PlaneView(lambda: tables, content).store("entries")
    cache = EntryCache(lambda: store, keys_count=2, streams=Streams(1))
    store.written_ns[:], store.ends_ns[:] = (0, 150), (100, 250)
    cache.freeze(CacheFreeze(), 200)
    assert cache.live(900).tolist() == [False, True]
    store.written_ns[0], store.ends_ns[0] = 900, 1000
    cache.freeze(None, 950)
    assert cache.live(951).tolist() == [False, False]
