"""Nightly segments on another system: one script does all of a night, nothing is validated or trained anew."""

from __future__ import annotations

import warnings
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


def test_a_change_that_leaves_texts_as_they_are_is_refused_before_it_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rescale = {"column": "country", "change": "rescale", "announced": False}
    fault = {"id": "f1", "type": "schema-corruption", "target": "crm", "at": "6d", "for": "7d", "with": rescale}
    assert main(["plan", str(nights(tmp_path, 14, faults=[fault]).path)]) == ExitCode.INVALID
    assert "customers.country is text: rescale leaves it as it is" in capsys.readouterr().err
