"""The wheel, installed away from the checkout: it runs a shipped scenario and says what it cannot do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
SCENARIO = "recommender/night-partition-mild"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that holds the unpacked wheel and nothing else of the project."""
    built = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(built)]
    subprocess.run([*command, str(TOP)], check=True)
    place = tmp_path_factory.mktemp("elsewhere")
    zipfile.ZipFile(next(built.glob("*.whl"))).extractall(place)
    return place


def lab(installed: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # Options of other tests' commands, which the command line leaves in the environment, are not meant for this one.
    kept = {name: value for name, value in os.environ.items() if name != "LAB_DEBUG"}
    environment = {**kept, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-P", "-m", "lab", *words]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_the_wheel_holds_the_lab_its_plugins_and_its_scenarios_and_no_more(installed: Path) -> None:
    names = {path.name for path in installed.iterdir()}
    assert {"lab", "injectors", "graders"} <= names
    assert not names & {"services", "tests", "scenarios", "docs"}
    assert (installed / "lab/shipped/recommender.suite.yaml").is_file()
    assert (installed / "lab/engines/rules/rules.yaml").is_file()
    assert (installed / "lab/worlds/kit/rules.yaml").is_file()
    assert (installed / "lab/templates/world/package/content.py.txt").is_file()


@pytest.mark.slow
def test_a_shipped_scenario_runs_by_name_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    done = lab(installed, tmp_path, "run", SCENARIO, "--seed", "3", "--json", "--no-report")
    assert done.returncode == 0, done.stderr
    case = json.loads(done.stdout)["cases"][0]
    assert case["outcome"] == "pass"
    found = subprocess.run(
        [sys.executable, "-P", "-c", "import lab; print(lab.__file__)"], cwd=tmp_path, check=True, text=True,
        capture_output=True, env={**os.environ, "PYTHONPATH": str(installed)},
    )  # fmt: skip
    assert found.stdout.startswith(str(installed))


def test_without_a_checkout_the_stack_testbed_says_what_to_do(installed: Path, tmp_path: Path) -> None:
    done = lab(installed, tmp_path, "run", SCENARIO, "--testbed", "stack")
    assert done.returncode == 2
    assert "needs a checkout" in done.stderr
    assert "Traceback" not in done.stderr
