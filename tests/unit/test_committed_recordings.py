"""Recordings that an earlier lab made: read, asked about and graded as if they were made today, or refused with advice.

`tests/data/recordings` was recorded by commit ddac5ec, before testbeds became drivers, and `sample-sampled` by 8e55326,
the first one that samples; `world` was added to each `system.json` when that began to name it. Never record them
again: where a lab of another schema cannot read them any more, that lab refuses them, and new samples go beside them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lab.contracts import Diagnosis, Outcome
from lab.errors import UserError
from lab.library import load_run
from lab.recording.observed import load_observed
from lab.recording.opening import open_run
from lab.recording.schema import SCHEMA_VERSION, schema_of

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"
TABLES = schema_of("shop").tables
SAMPLES = {
    "sample-partition": ("features->db", "network-partition", set(TABLES)),
    "sample-sampled": ("features->db", "network-partition", set(TABLES)),
    "sample-delay": ("front->orders", "network-latency", {"spans", "metrics"}),
}
"""By scenario: who is to blame, by which kind of fault, and the tables that have rows."""


@pytest.fixture
def copy_of(tmp_path: Path):
    """Copies a sample to where it may be written to; gives its run directory."""

    def copied(scenario: str) -> Path:
        (run,) = (RECORDINGS / scenario).iterdir()
        return Path(shutil.copytree(run, tmp_path / scenario / run.name))

    return copied


@pytest.mark.parametrize("scenario", SAMPLES)
def test_an_earlier_recording_is_read_diagnosed_and_graded(copy_of, scenario: str) -> None:
    culprit, kind, tables = SAMPLES[scenario]
    run = load_run(copy_of(scenario))
    assert (run.scenario, run.status) == (scenario, "complete")
    assert [fault.culprit for fault in run.truth.faults] == [culprit]
    assert {name for name in load_observed(run.path / "observed").schema.tables if len(run.frame(name))} == tables
    answer = run.diagnose("rules")
    assert isinstance(answer, Diagnosis), answer
    assert (answer.findings[0].culprit, answer.findings[0].kind) == (culprit, kind)
    assert run.outcome is Outcome.PASS
    assert {grade.outcome for grade in run.grades["rules"]} == {Outcome.PASS}


def test_an_earlier_recording_says_what_its_rows_stand_for(copy_of) -> None:
    """Weights estimate what was there: as many requests as the metrics count, within five standard errors."""
    observed = load_observed(copy_of("sample-sampled") / "observed")
    assert observed.system["sampling"] == {"traces": 0.2, "slow_s": 0.3, "records": 0.2}
    metrics, spans = observed.frame("metrics"), observed.frame("spans")
    named = (metrics["service.name"] == "shoppers") & (metrics["metric"] == "client.request.count")
    roots = spans[spans["service.name"] == "shoppers"]
    counted, estimated = metrics.loc[named, "value"].sum(), roots["sample_weight"].sum()
    error = ((roots["sample_weight"] - 1) * roots["sample_weight"]).sum() ** 0.5
    assert 0 < abs(estimated - counted) < 5 * error
    assert {1.0, 5.0} == set(spans["sample_weight"])


def test_an_earlier_recording_can_be_cut_before_its_fault(copy_of) -> None:
    """What was visible then: no engine blames anybody before anything happened."""
    answer = load_run(copy_of("sample-partition")).diagnose("rules", at_s=40.0)
    assert isinstance(answer, Diagnosis), answer
    assert answer.findings == ()


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 0, "1"])
def test_a_recording_of_another_schema_is_refused_with_what_to_do(copy_of, version: object) -> None:
    run = copy_of("sample-delay")
    content = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps(content | {"schema_version": version}), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        open_run(run)
    text = str(caught.value)
    assert f"schema_version {version!r}" in text
    assert f"expected: schema_version {SCHEMA_VERSION}" in " ".join(text.split())
    assert "lab run sample-delay --seed 3" in text
    assert "version 0.1.0" in text
