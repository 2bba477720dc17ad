"""Scenarios at the edges run to a conclusion: nothing crashes, and what cannot be seen is inconclusive, not failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.contracts import Outcome
from lab.engines.host import EngineHost
from lab.judging.assess import assess
from lab.runs.runner import run_scenario
from lab.scenario import load_scenario

PARTITION = "type: network-partition, target: features->db"
REGRESSION = "type: model-regression, target: model"
EXTREMES = {
    "nobody comes": ("60s", "0/s", "type: stale-cache, target: cache", "20s", "20s"),
    "a deploy that nobody uses": ("40s", "1/s", REGRESSION, "39s", "1s"),
    "times off every grid": ("61.7s", "7.3/s", "type: feed-stall, target: feed", "20.123s", "21.5s"),
    "a fault of no strength": ("60s", "10/s", f"{PARTITION}, with: {{fraction: 0%}}", "20s", "30s"),
}


SHOWN_BY_THE_TWIN = {
    "one request a second": ("30s", "1/s", "type: cpu-throttle, target: rules", "10s", "10s"),
    "a fault from the first moment to the last": ("60s", "10/s", PARTITION, "0s", "60s"),
}
"""Too little comes before these faults for a test, and the twin shows them beyond its own noise."""


def outcomes(case: tuple[str, ...], directory: Path) -> set[Outcome]:
    """What three engines get on an extreme scenario."""
    duration, rate, fault, at, length = case
    path = directory / "extreme.scenario.yaml"
    path.write_text(
        f"schema_version: 1\nname: extreme\nsystem: recommender\nduration: {duration}\n"
        f"load: {{stages: [{{for: {duration}, rate: {rate}}}]}}\n"
        f"faults: [{{id: f1, {fault}, at: {at}, for: {length}}}]\n",
        encoding="utf-8",
    )
    run = run_scenario(load_scenario(path), 3, directory / "runs")
    assert run.status == "complete"
    with EngineHost() as host:
        return {assess(run, engine, host).outcome for engine in ("rules", "loudest-anomaly", "chance")}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXTREMES)
def test_what_cannot_be_seen_is_inconclusive_and_nothing_breaks(name: str, tmp_path: Path) -> None:
    assert outcomes(EXTREMES[name], tmp_path) == {Outcome.INCONCLUSIVE}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHOWN_BY_THE_TWIN)
def test_what_the_twin_shows_is_judged_however_little_comes_before(name: str, tmp_path: Path) -> None:
    assert Outcome.INCONCLUSIVE not in outcomes(SHOWN_BY_THE_TWIN[name], tmp_path)
