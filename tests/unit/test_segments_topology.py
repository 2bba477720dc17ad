"""Nightly segments on another system: one script does all of a night, nothing is validated or trained anew."""

from __future__ import annotations

import warnings
from importlib import resources
from pathlib import Path

import pytest

from lab.cli import main
from lab.contracts import Diagnosis, Verdict
from lab.engines.rules import diagnose
from lab.errors import ExitCode
from lab.runs.runner import run_scenario
from lab.scenario import load_scenario
from tests.segments import nights

SYSTEM = Path(__file__).parents[1] / "systems" / "one-script.system.yaml"
OTHERS = """\
  mailer: {kind: service, workers: 1, queue: 9, max_wait: 1h, service_time: {mean: 2m}}
  ranker: {kind: model, workers: 1, queue: 9, max_wait: 1h, service_time: {mean: 2m}}
  greet: {kind: job, period: 1d, starts: 7h, steps: [
    {name: mail, call: mailer, timeout: 20m}, {name: rank, call: ranker, timeout: 20m}]}
"""
LATE = "faults: [{id: f1, type: late-partition, target: shop, at: 6d, for: 7d, with: {delay: 3h, table: orders}}]\n"


def diagnosed(directory: Path, more: str) -> Diagnosis:
    path = directory / "nights.scenario.yaml"
    path.write_text(f"schema_version: 1\nname: nights\nsystem: {SYSTEM}\nduration: 14d\n{more}", encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        run = run_scenario(load_scenario(path), 0, directory / "runs")
        return diagnose(run.observed)


def test_a_quiet_fortnight_is_healthy(tmp_path: Path) -> None:
    assert diagnosed(tmp_path, "").verdict is Verdict.HEALTHY


def test_what_lands_too_late_is_found_where_versions_are_all_that_is_told(tmp_path: Path) -> None:
    [first, *_] = diagnosed(tmp_path, LATE).findings
    assert (first.culprit, first.kind) == ("shop", "late-partition")
    assert first.onset_s == pytest.approx(6 * 86_400, abs=2 * 86_400)


def test_a_renamed_column_shows_whatever_the_jobs_are_called_that_read_it(tmp_path: Path) -> None:
    renamed = "{table: orders, column: amount, change: rename, announced: false}"
    fault = f"faults: [{{id: f1, type: schema-corruption, target: shop, at: 6d, for: 5d, with: {renamed}}}]\n"
    path = tmp_path / "renamed.scenario.yaml"
    system = tmp_path / "usual.system.yaml"
    seen = SYSTEM.read_text(encoding="utf-8").replace("observability: poor", "observability: usual")
    system.write_text(seen, encoding="utf-8")
    path.write_text(f"schema_version: 1\nname: renamed\nsystem: {system}\nduration: 14d\n{fault}", encoding="utf-8")
    (truth,) = run_scenario(load_scenario(path), 0, tmp_path / "runs").truth().faults
    assert any(one["shown"] for one in truth.witnesses), truth.witnesses


@pytest.mark.slow
@pytest.mark.parametrize(
    ("culprit", "kind", "given"),
    [("campaigns", "campaign-filter", "ordered_within: 20"), ("segmenter", "leaked-columns", "")],
)
def test_of_several_services_and_models_the_one_that_does_it_is_blamed(
    tmp_path: Path, culprit: str, kind: str, given: str
) -> None:
    shipped = resources.files("lab.systems").joinpath("segmentation.system.yaml").read_text(encoding="utf-8")
    system = tmp_path / "several.system.yaml"
    for part, more in {"components:\n": OTHERS, "links:\n": "  greet->mailer: {}\n  greet->ranker: {}\n"}.items():
        shipped = shipped.replace(part, f"{part}{more}", 1)
    system.write_text(shipped, encoding="utf-8")
    path = tmp_path / "several.scenario.yaml"
    fault = f"{{id: f1, type: {kind}, target: {culprit}, at: 9d12h, for: 11d12h, with: {{{given}}}}}"
    content = f"schema_version: 1\nname: several\nsystem: {system}\nduration: 21d\n"
    path.write_text(content, encoding="utf-8")
    quiet = diagnose(run_scenario(load_scenario(path), 0, tmp_path / "quiet").observed)
    path.write_text(f"{content}faults: [{fault}]\n", encoding="utf-8")
    found = diagnose(run_scenario(load_scenario(path), 0, tmp_path / "runs").observed)
    assert quiet.verdict is Verdict.HEALTHY, quiet.not_judged
    assert [(one.culprit, one.kind) for one in found.findings[:1]] == [(culprit, kind)]
    assert found.verdict is Verdict.FAULT


def test_a_plan_tells_of_no_night_after_the_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"segment_list": 3}
    fault = {"id": "f1", "type": "wrong-segment-list", "target": "publish", "at": "6d", "for": "8d", "with": given}
    assert main(["plan", str(nights(tmp_path, 14, faults=[fault]).path)]) == ExitCode.OK
    plan = capsys.readouterr().out
    assert "end of night 14" in plan
    assert "night 15" not in plan


def test_a_change_that_leaves_texts_as_they_are_is_refused_before_it_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rescale = {"column": "country", "change": "rescale", "announced": False}
    fault = {"id": "f1", "type": "schema-corruption", "target": "crm", "at": "6d", "for": "7d", "with": rescale}
    assert main(["plan", str(nights(tmp_path, 14, faults=[fault]).path)]) == ExitCode.INVALID
    assert "customers.country is text: rescale leaves it as it is" in capsys.readouterr().err
