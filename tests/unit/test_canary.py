"""A canary: another model version answers a share of the requests, and the recording tells which answered what."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.injection.levers import ModelCanary, ModelDeploy
from lab.testbeds.sim.testbed import SimTestbed
from tests.sim_runs import observe, scenario


@pytest.fixture
def bed(tmp_path: Path) -> SimTestbed:
    return SimTestbed(scenario(tmp_path, duration_s=90, rate_per_s=30), 1)


def test_a_share_of_the_requests_is_answered_by_the_other_version_while_it_lasts(bed: SimTestbed) -> None:
    bed.advance(30)
    with bed.pull("model", ModelCanary(version=1, share=0.2)):
        bed.advance(60)
    bed.advance(90)
    shown = bed.finish().frame("predictions")
    pages = shown.groupby("trace_id").agg(time_s=("time_s", "first"), versions=("model_version", "unique"))
    assert (pages["versions"].map(len) == 1).all()  # a page is one version's
    pages = pages[pages["versions"].map(lambda found: found[0] > 0)]
    version = pages["versions"].map(lambda found: found[0])
    during = pages["time_s"].between(30.2, 60)
    assert set(version[(pages["time_s"] < 30) | (pages["time_s"] > 60.2)]) == {2}
    count = int(during.sum())
    assert count > 600
    # Within four standard errors of a binomial share.
    assert (version[during] == 1).mean() == pytest.approx(0.2, abs=4 * (0.2 * 0.8 / count) ** 0.5)


def test_metrics_changes_and_logs_tell_of_it_as_of_any_deploy(bed: SimTestbed) -> None:
    bed.advance(30)
    with bed.pull("model", ModelCanary(training="next-window", share=0.1)):
        bed.advance(60)
    bed.advance(90)
    observed = bed.finish()
    metrics = observed.frame("metrics")
    versions = metrics[metrics["metric"] == "model.version"]
    canary = versions[versions["attribute"] == "canary"]
    assert set(versions[versions["attribute"].isna()]["value"]) == {2}
    assert set(canary["value"]) == {3}
    assert canary["time_s"].between(30, 60).all()
    assert [change["summary"] for change in observed.changes] == [
        "Model version 3 deployed to 10% of the requests",
        "Model version 2 answers all requests",
    ]
    assert len(observed.frame("logs").query("`event.name` == 'version_loaded'")) == 1


def test_a_canary_and_a_deploy_change_each_their_own_version(bed: SimTestbed) -> None:
    with bed.pull("model", ModelCanary(version=1, share=0.5)):
        before = bed.read(ModelCanary, "model")
        assert before == ModelCanary(version=1, share=0.5)
        with bed.pull("model", ModelDeploy(training="next-window")):
            assert bed.read(ModelDeploy, "model") == ModelDeploy(version=3)
            assert bed.read(ModelCanary, "model") == before
            with bed.pull("model", ModelCanary(version=2, share=0.25)):
                assert bed.read(ModelCanary, "model") == ModelCanary(version=2, share=0.25)
            assert bed.read(ModelCanary, "model") == before
        assert bed.read(ModelDeploy, "model") == ModelDeploy(version=2)
    assert bed.read(ModelCanary, "model") is None


def test_a_scenario_deploys_a_worse_model_to_a_share(tmp_path: Path) -> None:
    fault = {"type": "model-regression", "target": "model", "with": {"share": "25%"}, "at": "30s", "for": "60s"}
    observed = observe(scenario(tmp_path, duration_s=90, rate_per_s=30, faults=[fault]))
    shown = observed.frame("predictions")
    later = shown[(shown["time_s"] > 35) & (shown["model_version"] > 0)]
    assert set(later["model_version"]) == {2, 3}
    assert (later["model_version"] == 3).mean() == pytest.approx(0.25, abs=0.04)
