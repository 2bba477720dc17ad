"""The reference engine on what the shipped scenarios do not contain: other loads, other intensities, things twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.contracts import Diagnosis, Verdict
from lab.engines.rules import RULES
from lab.engines.rules.inference import infer
from lab.engines.rules.tree import load_tree
from lab.engines.shifts import contrast, outside, scan
from lab.signals import Series
from tests.sim_runs import observe, scenario

Use = Mapping[str, Any]


def diagnosis(directory: Path, *, seed: int = 1, **content: Any) -> Diagnosis:
    return infer(observe(scenario(directory, **content), seed), load_tree(RULES))


def corruption(at_s: int, **parameters: Any) -> Use:
    return {"type": "schema-corruption", "target": "db", "at": f"{at_s}s", "for": "90s", "with": parameters}


def surge(rate_per_s: int) -> Use:
    with_ = {"rate": f"{rate_per_s}/s"}
    return {"type": "traffic-surge", "target": "shoppers", "at": "120s", "for": "120s", "with": with_}


DEPLOY = {"type": "deploy", "target": "model", "at": "60s"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate_per_s", "decoys"),
    [(40, [surge(80)]), (60, [surge(60)]), (120, []), (8, []), (8, [DEPLOY])],
    ids=["load tripled", "load doubled", "high load", "night", "night with a deploy"],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_traffic_is_no_fault(tmp_path: Path, seed: int, rate_per_s: int, decoys: list[Use]) -> None:
    said = diagnosis(tmp_path, seed=seed, duration_s=360, rate_per_s=rate_per_s, decoys=decoys)
    assert said.verdict is Verdict.HEALTHY, said


@pytest.mark.slow
@pytest.mark.parametrize("fraction", ["10%", "20%", "100%"])
def test_a_rescaled_column_is_found_by_the_values_training_never_saw(tmp_path: Path, fraction: str) -> None:
    fault = corruption(130, column="avg_order_value_eur", change="rescale", fraction=fraction)
    [finding] = diagnosis(tmp_path, duration_s=300, rate_per_s=40, faults=[fault]).findings
    assert (finding.culprit, finding.kind) == ("db", "schema-corruption")


@pytest.mark.slow
def test_a_surge_excuses_counted_columns_only(tmp_path: Path) -> None:
    fault = corruption(130, column="account_age_days", change="rescale", factor=0.1)
    said = diagnosis(tmp_path, duration_s=360, rate_per_s=40, faults=[fault], decoys=[surge(40)])
    assert [(f.culprit, f.kind) for f in said.findings] == [("db", "schema-corruption")]


@pytest.mark.slow
@pytest.mark.parametrize("corrupted", ["60%", "75%", "90%"])
def test_a_version_whose_probabilities_are_wrong_is_worse_even_if_it_ranks_well(tmp_path: Path, corrupted: str) -> None:
    fault = {
        "type": "model-regression", "target": "model", "at": "140s", "for": "90s", "with": {"corrupted": corrupted},
    }  # fmt: skip
    [finding] = diagnosis(tmp_path, duration_s=300, rate_per_s=20, faults=[fault]).findings
    assert (finding.culprit, finding.kind) == ("model", "model-regression")
    assert finding.onset_s == pytest.approx(140, abs=15)


@pytest.mark.slow
def test_a_good_version_is_not_blamed_for_inputs_that_no_version_has_seen(tmp_path: Path) -> None:
    fault = corruption(140, column="avg_order_value_eur", change="rescale")
    deploy = {"type": "deploy", "target": "model", "at": "130s"}
    said = diagnosis(tmp_path, duration_s=300, rate_per_s=40, faults=[fault], decoys=[deploy])
    assert said.findings[0].culprit == "db"
    assert all(finding.confidence < said.findings[0].confidence for finding in said.findings[1:])


def test_the_same_fault_twice_is_found_twice(tmp_path: Path) -> None:
    cut = {"type": "network-partition", "target": "features->rules", "for": "60s"}
    faults = [{**cut, "at": "100s"}, {**cut, "at": "260s"}]
    said = diagnosis(tmp_path, duration_s=420, rate_per_s=20, faults=faults)
    assert [finding.culprit for finding in said.findings] == ["features->rules"] * 2
    assert sorted(f.onset_s or 0 for f in said.findings) == pytest.approx([100, 260], abs=15)


@pytest.mark.slow
def test_two_columns_at_two_times_are_two_findings(tmp_path: Path) -> None:
    faults = [
        corruption(100, column="returns_ratio", change="rescale"),
        corruption(280, column="age_years", change="null"),
    ]
    said = diagnosis(tmp_path, duration_s=420, rate_per_s=40, faults=faults)
    assert sorted(f.onset_s or 0 for f in said.findings) == pytest.approx([100, 280], abs=20)


def test_no_improvement_is_told_as_a_symptom(tmp_path: Path) -> None:
    cut = {"type": "network-partition", "target": "features->model", "at": "120s", "for": "90s"}
    said = diagnosis(tmp_path, duration_s=300, rate_per_s=20, faults=[cut])
    [first, *_] = said.findings[0].why
    assert "fell" not in first or first.startswith("Click-through")


def series(values: Any) -> Series:
    values = np.asarray(values, float)
    return Series("error_ratio", "x", 5.0 * np.arange(1, len(values) + 1), values)


@given(
    start=st.integers(12, 60), length=st.integers(8, 30), size=st.floats(1, 50), sign=st.sampled_from([-1, 1]),
    seed=st.integers(0, 999),
)  # fmt: skip
def test_a_scan_finds_a_planted_segment(start: int, length: int, size: float, sign: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(0, 0.1, 120)
    values[start : start + length] += sign * size
    found = scan(series(values))
    assert found is not None
    assert found.onset_s == pytest.approx(5.0 * start, abs=10)
    assert found.end_s == pytest.approx(5.0 * (start + length), abs=10)
    assert found.change == pytest.approx(sign * size, rel=0.2)


def test_what_lies_outside_of_known_windows_is_compared_alone() -> None:
    values = np.zeros(60)
    values[10:20], values[40:50] = 9.0, 3.0
    rest = outside(series(values), [(45.0, 105.0)])
    assert int(np.isnan(rest.values).sum()) == 12
    shift = contrast(rest, 200.0, 250.0, 0.1)
    assert shift is not None
    assert (shift.baseline, shift.observed) == (0.0, 3.0)
