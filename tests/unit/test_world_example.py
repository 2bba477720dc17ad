"""The world under examples/world, as a stranger has it: a help desk whose tables, SLIs, signals, lever, rules and fault
the lab has never heard of. The lab's own worlds are hidden: nothing of it needs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.distributions import write_distribution
from tests.waiting import PATIENCE_S

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "world"
HIDING = Path(__file__).resolve().parents[1] / "without_worlds"
SCENARIO = EXAMPLE / "misrouted.scenario.yaml"
Lab = Callable[..., subprocess.CompletedProcess[str]]


def run(path: list[Path], *words: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "LAB_RUN_STATE_DIR": str(path[0])}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S, cwd=HIDING.parents[1]
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which the distribution is as good as installed."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    site = tmp_path_factory.mktemp("site")
    write_distribution(site, project["name"], project["entry-points"])
    return site


@pytest.fixture(scope="module")
def lab(site: Path) -> Lab:
    """The command, with the distribution installed."""
    return lambda *words: run([site, EXAMPLE, HIDING], "-m", "lab", *words)


@pytest.fixture(scope="module")
def recording(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording of its scenario, after its whole suite was run and met its thresholds."""
    runs = tmp_path_factory.mktemp("runs")
    done = lab("run", EXAMPLE / "desk.suite.yaml", "--jobs", 1, "--runs-dir", runs)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = (runs / "misrouted-questions").iterdir()
    return path


def test_its_files_are_valid_and_a_wrong_name_or_unit_has_its_place(lab: Lab, tmp_path: Path) -> None:
    assert lab("validate", *EXAMPLE.glob("*.yaml")).returncode == 0
    text = (EXAMPLE / "desk.system.yaml").read_text(encoding="utf-8")
    wrong = tmp_path / "wrong.system.yaml"
    wrong.write_text(
        text.replace("500 EUR", "500 USD").replace("escalation_ratio", "escalations_ratio"), encoding="utf-8"
    )
    refused = lab("validate", wrong)
    assert refused.returncode == 2
    for part in ("19:30: unknown SLI 'escalations_ratio'", "did you mean 'escalation_ratio'?", "an amount: 500 EUR"):
        assert part in refused.stderr


def test_pages_and_schemas_are_made_of_its_registration(site: Path, tmp_path: Path) -> None:
    assert run([site, EXAMPLE, HIDING], "-m", "lab.docs", tmp_path).returncode == 0
    page = (tmp_path / "worlds" / "desk.md").read_text(encoding="utf-8")
    for part in (
        "questions.parquet", "`escalation_cost_eur` | EUR", "`topic_escalation_ratio`", "take_question",
        "| `questions.misroute` | Sends a share of the questions", "| `misrouted-questions` | service | service | ",
        "| `misrouted-questions` | service | service | `escalation_ratio` |", "`topics`, how many topics there are",
    ):  # fmt: skip
        assert part in page, part
    assert run([site, EXAMPLE, HIDING], "-m", "lab", "schema", "--write", tmp_path).returncode == 0
    schema = json.loads((tmp_path / "system.v1.json").read_text(encoding="utf-8"))
    assert "escalation_ratio" in schema["$defs"]["Slo"]["properties"]["sli"]["enum"]
    assert "EUR" in json.dumps(schema)


def test_the_real_stack_says_what_it_would_need(lab: Lab) -> None:
    refused = lab("plan", SCENARIO, "--testbed", "stack")
    assert refused.returncode == 2
    assert "a service that answers questions" in refused.stderr


@pytest.mark.slow
def test_its_fault_is_recorded_alerted_and_found(recording: Path) -> None:
    observed = recording / "observed"
    questions = pq.read_table(observed / "questions.parquet").to_pandas()
    within = questions["time_s"].between(120, 240)
    shares = questions.groupby(within)["is_escalated"].mean()
    assert 0.04 < shares[False] < 0.08
    assert 0.37 < shares[True] < 0.53  # 60 % of the questions are handed on in 70 % of the cases, the others in 6 %
    assert set(questions["topic"]) == set(range(6))
    fired = [json.loads(line)["slo"] for line in (observed / "alerts.jsonl").read_text().splitlines()]
    assert {"escalations", "cost"} <= set(fired)
    [truth] = json.loads((recording / "truth" / "faults.json").read_text())["faults"]
    assert truth["witnessed_s"] is not None


@pytest.mark.slow
def test_it_can_be_cut_reported_and_compared(lab: Lab, recording: Path, tmp_path: Path) -> None:
    early = lab("diagnose", recording, "--at", "100s", "--json")
    assert early.returncode == 0, early.stderr
    assert '"verdict": "healthy"' in early.stdout
    page = tmp_path / "page.html"
    assert lab("report", recording, "-o", page).returncode == 0
    assert "escalation_ratio" in page.read_text(encoding="utf-8")
    same = lab("parity", recording, recording)
    assert same.returncode == 0, same.stdout + same.stderr
    assert "escalation_cost_eur" in same.stdout


@pytest.mark.slow
def test_without_the_distribution_its_recording_says_what_to_install(recording: Path) -> None:
    refused = run([HIDING], "-m", "lab", "grade", recording)
    assert refused.returncode == 2
    assert "whose world 'desk' is not installed" in refused.stderr
    assert "Traceback" not in refused.stderr
