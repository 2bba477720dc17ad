"""Signals of the shop, computed by columns, are what the same formulas say in pandas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from lab.recording.observed import Observed, load_observed
from lab.recording.schema import schema_of
from lab.scenario import load_scenario
from lab.signals import compute_signals
from lab.systems.topology import Observe, Sampling
from tests import signals_by_pandas
from tests.any_recording import edited, edits
from tests.signals_by_pandas import assert_same
from tests.sim_runs import observe, scenario

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"
COMMITTED = sorted(
    directory for directory in RECORDINGS.glob("*/*/observed")
    if "sampling" not in load_observed(directory).system  # the formulas in pandas know no weights
)  # fmt: skip
SHIPPED = (
    "recommender/column-renamed", "recommender/control-flash-sale", "recommender/cpu-throttle-model",
    "recommender/deploy-regression", "recommender/two-faults",
)  # fmt: skip
"""A renamed column, much load, CPU quotas, two versions of a model, and two faults at once."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    fault = {"type": "stale-cache", "target": "cache", "at": "50s", "for": "40s"}
    loaded = scenario(tmp_path_factory.mktemp("signals"), duration_s=100, rate_per_s=20, faults=[fault])
    return observe(loaded)


@pytest.mark.parametrize("directory", COMMITTED, ids=lambda path: path.parts[-3])
def test_signals_of_the_committed_recordings(directory: Path) -> None:
    assert_same(list(compute_signals(load_observed(directory))), signals_by_pandas.signals(load_observed(directory)))


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_signals_of_shipped_scenarios(name: str) -> None:
    observed = observe(load_scenario(name))
    assert_same(list(compute_signals(observed)), signals_by_pandas.signals(observed))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edit=edits(schema_of("shop")))
def test_signals_of_any_recording(recorded: Observed, edit: dict[str, Any]) -> None:
    observed = edited(recorded, edit)
    assert_same(list(compute_signals(observed)), signals_by_pandas.signals(observed))


def test_what_was_sampled_counts_for_what_was_not(tmp_path: Path) -> None:
    """Of requests one in ten is recorded, of broken rows every log line: their ratio stays that of all."""
    fault = {"type": "schema-corruption", "target": "db", "at": "40s", "for": "60s",
             "with": {"column": "age_years", "change": "rename"}}  # fmt: skip
    whole = scenario(tmp_path, duration_s=100, rate_per_s=60, faults=[fault])
    seen = whole.system.model_copy(update={"observability": "rich"})
    system = seen.model_copy(update={"observe": Observe(sampling=Sampling(traces=0.1, records=0.1))})
    every, sampled = (compute_signals(observe(replace(whole, system=one))) for one in (seen, system))
    assert every.subjects("feature_violation_ratio") == ["age_years"]
    compared = set()
    for name in ("contract_violation_ratio", "feature_violation_ratio", "own_error_ratio", "answered_duration_p50_s"):
        for subject in every.subjects(name):
            one, other = every.get(name, subject), sampled.get(name, subject)
            assert one is not None
            assert other is not None, (name, subject)
            late = [series.values[series.times_s > 50] for series in (one, other)]
            if np.isfinite(late[1]).sum() < 3:
                continue  # of the feed's few runs one may have been recorded
            compared.add(subject)
            means = [float(np.nanmean(values)) for values in late]
            assert means[1] == pytest.approx(means[0], rel=0.15, abs=0.02), (name, subject)
    assert compared >= {"age_years", "features", "features->db"}
