"""Signals, held against a second reading of their definitions by pandas; and what sampled spans stand for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.recording.arrow import numbers_array
from lab.recording.observed import Observed, load_observed
from lab.recording.schema import schema_of
from lab.signals import compute_signals
from lab.signals.ranks import Groups
from lab.signals.spans import first_places
from tests import signals_by_pandas
from tests.any_recording import edited, edits
from tests.signals_by_pandas import assert_same
from tests.simulated import observe, scenario

CORE = schema_of(None)
LINK = "desk->model"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    fault = {"type": "network-partition", "target": "desk->db", "at": "50s", "for": "40s"}
    loaded = scenario(tmp_path_factory.mktemp("signals"), duration_s=100, rate_per_s=20, faults=[fault])
    return observe(loaded)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edit=edits(CORE))
def test_signals_of_any_recording(recorded: Observed, edit: dict[str, Any]) -> None:
    observed = edited(recorded, edit)
    assert_same(list(compute_signals(observed)), signals_by_pandas.signals(observed))


def test_signals_of_a_run_are_those_of_its_files(recorded: Observed, tmp_path: Path) -> None:
    """While a run is in memory they are computed from its span sides, to the last bit as from the tables."""
    recorded.write(tmp_path / "observed")
    mine, read = compute_signals(recorded), compute_signals(load_observed(tmp_path / "observed"))
    assert [(one.signal, one.subject) for one in mine] == [(one.signal, one.subject) for one in read]
    for one, other in zip(mine, read, strict=True):
        np.testing.assert_array_equal(one.values, other.values, f"{one.signal} of {one.subject}")


def test_time_of_the_network_is_what_it_is_where_the_callee_goes_on_after_its_callers_gave_up(tmp_path: Path) -> None:
    """`desk` gives up after 150 ms; `model`, nearly without CPU, goes on for longer with most of what it handles."""
    slow = {"type": "cpu-throttle", "target": "model", "at": "50s", "for": "40s", "with": {"cpu": "5%"}}
    found = compute_signals(observe(scenario(tmp_path, duration_s=100, rate_per_s=20, faults=[slow])))
    handled, answered, network = (
        found.get(signal, subject)
        for signal, subject in (
            ("server_duration_p50_s", "model"), ("answered_duration_p50_s", LINK), ("network_time_s", LINK)
        )
    )  # fmt: skip
    assert handled is not None
    assert answered is not None
    assert network is not None
    assert np.nanmax(handled.values - answered.values) > 0.1
    known = network.values[~np.isnan(network.values)]
    assert known.min() > 0.0003
    assert known.max() < 0.001


def test_another_table_of_spans_takes_the_place_of_what_the_run_measured(recorded: Observed) -> None:
    spans = recorded.tables["spans"]
    few = replace(recorded, tables={**recorded.tables, "spans": spans.slice(0, len(spans) // 2)})
    assert recorded.spans is not None
    assert few.spans is None


def weighted(observed: Observed, weights: Any) -> Observed:
    """The recording with a weight for each of its spans."""
    spans = observed.tables["spans"]
    column = numbers_array(np.broadcast_to(np.asarray(weights, np.float64), len(spans)))
    return replace(observed, tables={**observed.tables, "spans": spans.append_column("sample_weight", column)})


def test_spans_that_all_stand_for_as_many_requests_give_the_same_signals(recorded: Observed) -> None:
    assert_same(list(compute_signals(weighted(recorded, 50.0))), list(compute_signals(recorded)))


def test_a_span_counts_as_often_as_its_weight_says(recorded: Observed) -> None:
    """Failed traces are all kept, of the others one in four: the weights make up for what is left out."""
    spans = recorded.tables["spans"]
    often = np.random.default_rng(1).integers(1, 5, len(spans))
    names = [f"{at:015x}" for at in range(len(spans))]
    once = spans.set_column(3, "span_id", pa.array([f"{name}0" for name in names]))
    repeated = once.take(pa.array(np.repeat(np.arange(len(spans)), often)))
    copies = np.concatenate([np.arange(count) for count in often])
    ids = [f"{name[:15]}{copy}" for name, copy in zip(repeated["span_id"].to_pylist(), copies, strict=True)]
    repeated = repeated.set_column(3, "span_id", pa.array(ids))
    sampled = weighted(replace(recorded, tables={**recorded.tables, "spans": once}), often)
    whole = replace(recorded, tables={**recorded.tables, "spans": repeated})
    assert_same(list(compute_signals(sampled)), list(compute_signals(whole)))


IDS = st.lists(st.integers(1, 9) | st.integers(1, 2**64 - 1), max_size=20)


@given(IDS, IDS)
def test_ids_are_found_where_they_are_first(ids: list[int], wanted: list[int]) -> None:
    found = first_places(np.array(ids, np.uint64), np.array([*wanted, *ids], np.uint64))
    assert found.tolist() == [ids.index(one) if one in ids else -1 for one in [*wanted, *ids]]


VALUES = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.5, 1.0, 2.0, 4.0]), st.integers(1, 4)), min_size=1)


@given(VALUES)
def test_medians_and_quantiles_of_groups(rows: list[tuple[int, float, int]]) -> None:
    keys, values, weights = (np.array(column) for column in zip(*rows, strict=True))
    groups, one_each = Groups.of(keys, values, weights.astype(float)), Groups.of(keys, values)
    assert groups.keys.tolist() == sorted(set(keys.tolist()))
    for i, key in enumerate(groups.keys):
        every = np.repeat(values[keys == key], weights[keys == key])
        lower, upper = groups.medians()
        assert (lower[i] + upper[i]) / 2 == np.median(every)
        assert one_each.quantiles(0.95)[i] == pytest.approx(np.percentile(values[keys == key], 95))
        assert one_each.medians()[0][i] == np.percentile(values[keys == key], 50, method="lower")


@given(
    values=st.lists(st.sampled_from([0.0, 0.5, 1.25, 2.0**-23, 3e-5, 0.1, 7.0, -0.25, 1e300]), max_size=40),
    most=st.sampled_from([1, 3, 2**16 + 1, 2**50]),
    seed=st.integers(0, 99),
)
def test_values_are_ordered_by_key_and_then_by_value_whatever_they_are(
    values: list[float], most: int, seed: int
) -> None:
    keys = np.random.default_rng(seed).integers(0, most, len(values))
    groups = Groups.of(keys, np.array(values, np.float64))
    expected = sorted(zip(keys.tolist(), values, strict=True))
    assert groups.values.tolist() == [value for _, value in expected]
    assert groups.keys.tolist() == sorted(set(keys.tolist()))
    assert np.repeat(groups.keys, groups.sizes).tolist() == [key for key, _ in expected]
