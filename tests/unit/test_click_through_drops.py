"""A drop of click-through is the first symptom of many causes: its alert fires first, and who is asked finds which."""

from __future__ import annotations

from pathlib import Path

import pytest

import lab
from lab.recording.observed import alerts_fired

pytestmark = pytest.mark.slow

SHARP = {
    "deploy-regression": ("model", "model-regression"),
    "model-unloaded": ("model", "model-unload"),
    "deploy-rescaled-column": ("db", "schema-corruption"),
    "interest-in-percent": ("db", "schema-corruption"),
    "impatient-features": ("features->model", "short-timeout"),
    "discounts-in-percent-mild": ("db", "schema-corruption"),
}
"""Scenarios in which click-through falls at once."""
WITHIN_MINUTES = {
    "deploy-stale-cache": ("cache", "stale-cache"),
    "feed-stall": ("feed", "feed-stall"),
    "feed-partitioned": ("feed->db", "network-partition"),
}
"""Scenarios in which it falls as shoppers turn to something else."""


@pytest.mark.parametrize(("name", "cause"), [*SHARP.items(), *WITHIN_MINUTES.items()])
def test_the_click_through_alert_fires_first_and_the_cause_is_found(
    tmp_path: Path, name: str, cause: tuple[str, str]
) -> None:
    run = lab.run(f"recommender/{name}", seed=5, runs_dir=tmp_path)
    assert alerts_fired(run.path / "observed")[0] == "click-through"
    [use] = run.truth.faults
    clicks, shown = (
        run.signals["click_through_ratio"]["features"],
        (use.injected_s, use.reverted_s),
    )
    before, during = clicks.loc[60 : shown[0]].mean(), clicks.loc[shown[0] + 45 : shown[1]].mean()
    assert 0.5 < during / before < (0.85 if name in SHARP else 0.92)
    assert run.outcome is lab.Outcome.PASS
    [finding, *_] = run.diagnosis.findings
    assert (finding.culprit, finding.kind) == cause
