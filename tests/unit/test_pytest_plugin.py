"""Scenarios as tests: what pytest collects when engines are named, and that strangers' pytest is left alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.unit.test_outputs import QUIET

ANSWER = '{"schema_version": 1, "verdict": "%s"}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -p no:hypothesispytest\n")
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios/quiet.scenario.yaml").write_text(QUIET, encoding="utf-8")
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n", encoding="utf-8")
    healthy = f"print({ANSWER % 'healthy'!r})\n"
    (tmp_path / "healthy.py").write_text(healthy, encoding="utf-8")
    return tmp_path


def pytest_in(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "LAB_"))}
    command = [sys.executable, "-m", "pytest", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def counts(ended: subprocess.CompletedProcess[str]) -> dict[str, int]:
    last = ended.stdout.strip().splitlines()[-1]
    return {
        what.rstrip("s"): int(n) for n, what in re.findall(r"(\d+) (passed|failed|skipped|errors?|deselected)", last)
    }


def test_a_strangers_tests_are_left_alone(folder: Path) -> None:
    assert counts(pytest_in(folder)) == {"passed": 1}
    code = "import sys, pytest; pytest.main(['-q', '--collect-only']); print('HEAVY', *[m for m in ('numpy', 'click', "
    code += "'pydantic', 'lab.runs.campaign', 'lab.engines') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert "HEAVY\n" in printed.stdout


def test_each_scenario_seed_and_engine_is_a_test_that_shows_why_it_failed(folder: Path) -> None:
    healthy = f"cmd:{sys.executable} healthy.py"
    words = ["--lab-engine", "constant", "--lab-engine", healthy, "--lab-seeds", "2", "--junit-xml", "r.xml", "-rA"]
    ended = pytest_in(folder, *words)
    assert counts(ended) == {"failed": 2, "passed": 3}
    assert "quiet.scenario.yaml::quiet:3:constant" in ended.stdout
    assert "answer  model-regression of front (model)" in ended.stdout
    assert "truth   nothing was injected" in ended.stdout
    assert "replay  lab run scenarios/quiet.scenario.yaml --seed 4 --engine constant" in ended.stdout
    assert "Traceback" not in ended.stdout
    assert (folder / "runs" / "quiet").is_dir()
    properties = ElementTree.parse(folder / "r.xml").findall(".//property[@name='engine']")
    assert {one.get("value") for one in properties} == {"constant", healthy}


@pytest.mark.slow
def test_selection_and_the_first_failure_and_the_last_failed_work(folder: Path) -> None:
    engines = ["--lab-engine", "constant", "--lab-engine", f"cmd:{sys.executable} healthy.py", "--lab-seeds", "3-4"]
    assert counts(pytest_in(folder, *engines, "-k", "constant", "-x")) == {"failed": 1, "deselected": 3}
    assert counts(pytest_in(folder, *engines, "-m", "lab", "--lf")) == {"failed": 1}
    assert counts(pytest_in(folder, *engines, "-n", "2", "-k", "quiet")) == {"failed": 2, "passed": 2}


@pytest.mark.slow
def test_the_ini_file_may_name_the_engines(folder: Path) -> None:
    (folder / "pytest.ini").write_text("[pytest]\nlab_engines =\n  constant\nlab_runs_dir = kept\n", encoding="utf-8")
    assert counts(pytest_in(folder)) == {"failed": 1, "passed": 1}
    assert (folder / "kept" / "quiet").is_dir()
    assert not (folder / "runs").exists()


@pytest.mark.slow
def test_what_cannot_be_judged_is_skipped_with_the_reason(folder: Path) -> None:
    (folder / "scenarios/quiet.scenario.yaml").write_text(QUIET.replace("8/s", "0/s"), encoding="utf-8")
    ended = pytest_in(folder, "--lab-engine", "constant", "-rs", "scenarios")
    assert counts(ended) == {"skipped": 1}
    assert "inconclusive: " in ended.stdout


def test_mistakes_are_reported_with_their_place(folder: Path) -> None:
    (folder / "scenarios/bad.scenario.yaml").write_text(QUIET.replace("duration", "dururation"), encoding="utf-8")
    ended = pytest_in(folder, "--lab-engine", "constant")
    assert "bad.scenario.yaml:5:1: unknown key 'dururation'" in ended.stdout
    assert "Traceback" not in ended.stdout
    for words, expected in (
        (["--lab-engine", "rulez"], "did you mean 'rules'"),
        (["--lab-seeds", "x"], "--lab-seeds is 'x'"),
    ):
        ended = pytest_in(folder, "--lab-engine", "constant", *words)
        assert ended.returncode == pytest.ExitCode.USAGE_ERROR
        assert expected in ended.stderr


def test_our_own_tests_collect_no_scenario() -> None:
    import tomllib

    root = Path(__file__).parents[2]
    options = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert "lab_engines" not in options
    assert "--lab-engine" not in options["addopts"]
