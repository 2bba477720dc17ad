"""The testbed under examples/testbed, as a stranger has it: found, run, killed in the middle, and put back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.distributions import write_distribution
from tests.waiting import PATIENCE_S, eventually

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "testbed"
SCENARIO = EXAMPLE / "frozen.scenario.yaml"
FAST = ("--testbed", "processes", "--time-scale", "10")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A path on which the distribution is as good as installed, and a state directory of its own."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    site = tmp_path_factory.mktemp("site")
    write_distribution(site, project["name"], project["entry-points"])
    here = [str(site), str(EXAMPLE), os.environ.get("PYTHONPATH", "")]
    state = {f"LAB_{command}_STATE_DIR": str(site / "state") for command in ("RUN", "RECOVER")}
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, here)), **state}


def lab(environment: dict[str, str], *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


def lives(pid: int) -> bool:
    """Whether there is such a process; one that has ended and that nobody has asked about is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_its_options_are_in_the_help_and_go_with_it_alone(environment: dict[str, str]) -> None:
    output = lab(environment, "run", "--help").stdout
    own = output.partition("Options with --testbed processes")[2]
    assert "--time-scale" in own
    assert "--state-dir" in own
    refused = lab(environment, "plan", SCENARIO, "--state-dir", "here")
    assert refused.returncode == 2
    assert "--state-dir goes with --testbed processes" in refused.stderr


def test_what_it_cannot_do_is_reported_by_the_dry_run(environment: dict[str, str]) -> None:
    done = lab(environment, "plan", "recommender/partition-one-way", *FAST)
    assert done.returncode == 2
    assert "the testbed processes has no link.cut" in done.stderr.replace("lever ", "")
    assert "the testbeds that can: sim" in done.stderr
    assert "has no content" in done.stderr
    too_fast = lab(environment, "plan", SCENARIO, "--testbed", "processes", "--time-scale", 20)
    assert "--time-scale 12.5 is possible" in too_fast.stderr


@pytest.mark.slow
def test_a_killed_lab_leaves_processes_that_recover_ends(environment: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lab", "run", str(SCENARIO), *FAST, "--runs-dir", str(tmp_path), "--jobs", "1"]
    state = Path(environment["LAB_RUN_STATE_DIR"])
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        eventually(lambda: any(json.loads(file.read_text())["paused"] for file in state.glob("*.json")))
        [file] = state.glob("*.json")
        left = json.loads(file.read_text())
        killed.send_signal(signal.SIGKILL)
    assert left["paused"] == ["orders"]
    assert all(lives(pid) for pid, _ in left["processes"].values())
    done = lab(environment, "recover", "--testbed", "processes", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["reverted"] == [
        {"testbed": "processes", "lever": "component.pause", "element": "orders", "value": None}
    ]
    assert not any(lives(pid) for pid, _ in left["processes"].values())
    assert "nothing was left" in lab(environment, "recover", "--testbed", "processes").stdout


@pytest.mark.slow
def test_its_run_is_graded_like_any_other(environment: dict[str, str], tmp_path: Path) -> None:
    done = lab(environment, "run", SCENARIO, *FAST, "--runs-dir", tmp_path, "--engine", "rules", "--json")
    document = json.loads(done.stdout)
    [case] = document["cases"]
    assert case["outcome"] in ("pass", "fail"), done.stderr
    assert case["truth"]["faults"][0]["witnessed_s"] is not None
