"""The distribution under examples/plugin, found as an installed one is: a stranger's fault, grader and engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.distributions import write_distribution
from tests.waiting import PATIENCE_S

PLUGIN = Path(__file__).resolve().parents[2] / "examples" / "plugin"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A path on which the plug-in is as good as installed: its code, and metadata with its entry points."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    site = tmp_path_factory.mktemp("site")
    write_distribution(site, project["name"], project["entry-points"])
    here = [str(site), str(PLUGIN), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, here))}


def lab(environment: dict[str, str], *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


def test_it_is_listed_and_documented(environment: dict[str, str]) -> None:
    output = lab(environment, "faults", "connection-resets").stdout
    assert "A share of the connections over one link is reset" in output
    assert "client_error_ratio of {target} moving by at least 2 points" in output
    assert "most-errors" in lab(environment, "engines").stdout


@pytest.mark.slow
def test_its_fault_runs_shows_and_is_found_by_its_engine(environment: dict[str, str], tmp_path: Path) -> None:
    suite = tmp_path / "own.suite.yaml"
    scenario = os.path.relpath(PLUGIN / "resets.scenario.yaml", tmp_path)
    suite.write_text(
        f"schema_version: 1\nname: own\nscenarios: [{scenario}]\nengines: [most-errors]\n"
        "thresholds: [culprit_top1 >= 1, kind >= 1, onset >= 1, brevity >= 1]\n",
        encoding="utf-8",
    )
    runs = tmp_path / "runs"
    done = lab(environment, "run", suite, "--jobs", 1, "--no-report", "--runs-dir", runs, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    [truth] = [json.loads(path.read_text()) for path in runs.glob("*/*/truth/faults.json")]
    assert truth["faults"][0]["witnessed_s"] is not None


@pytest.mark.slow
def test_what_the_document_says_of_its_command_is_so(environment: dict[str, str], tmp_path: Path) -> None:
    """docs/plugins.md: exit code 0, both name the link, `rules` calls it a partition."""
    words = ("run", PLUGIN / "resets.scenario.yaml", "--engine", "rules", "--engine", "most-errors")
    done = lab(environment, *words, "--no-report", "--runs-dir", tmp_path / "runs", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = {case["engine"]: case["answer"]["findings"][0]["kind"] for case in json.loads(done.stdout)["cases"]}
    assert kinds == {"rules": "network-partition", "most-errors": "connection-resets"}
    text = (PLUGIN.parents[1] / "docs" / "plugins.md").read_text(encoding="utf-8")
    assert "The last command ends with exit code 0" in text
    assert "`network-partition`" in text
