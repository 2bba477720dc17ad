"""Scenarios at the edges run to a conclusion: nothing crashes, and what cannot be seen is inconclusive, not failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.assess import assess
from lab.contracts import Outcome
from lab.engines.host import EngineHost
from lab.runner import run_scenario
from lab.scenario import load_scenario

PARTITION = "type: network-partition, target: features->db"
REGRESSION = "type: model-regression, target: model"
EXTREMES = {
    "nobody comes": ("60s", "0/s", "type: stale-cache, target: cache", "20s", "20s"),
    "one request a second": ("30s", "1/s", "type: cpu-throttle, target: rules", "10s", "10s"),
    "a deploy that nobody uses": ("40s", "1/s", REGRESSION, "39s", "1s"),
    "a fault from the first moment to the last": ("60s", "10/s", PARTITION, "0s", "60s"),
    "times off every grid": ("61.7s", "7.3/s", "type: feed-stall, target: feed", "20.123s", "21.5s"),
    "a fault of no strength": ("60s", "10/s", f"{PARTITION}, with: {{fraction: 0%}}", "20s", "30s"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXTREMES)
def test_an_extreme_scenario_is_inconclusive_and_nothing_breaks(name: str, tmp_path: Path) -> None:
    duration, rate, fault, at, length = EXTREMES[name]
    path = tmp_path / "extreme.scenario.yaml"
    path.write_text(
        f"schema_version: 1\nname: extreme\nsystem: recommender\nduration: {duration}\n"
        f"load: {{stages: [{{for: {duration}, rate: {rate}}}]}}\n"
        f"faults: [{{id: f1, {fault}, at: {at}, for: {length}}}]\n",
        encoding="utf-8",
    )
    run = run_scenario(load_scenario(path), 3, tmp_path / "runs")
    assert run.status == "complete"
    with EngineHost() as host:
        said = {engine: assess(run, engine, host).outcome for engine in ("rules", "loudest-anomaly", "chance")}
    assert said == dict.fromkeys(said, Outcome.INCONCLUSIVE)
