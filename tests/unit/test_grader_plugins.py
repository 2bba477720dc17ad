"""A stranger's grader: found, run, measured, and allowed in thresholds like ours."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lab.cli import main
from lab.errors import ExitCode
from lab.judging.grading import METRIC_GRADERS, metric_graders
from lab.runs.suite import parse_threshold
from tests.distributions import write_distribution

CHAIN = Path(__file__).parents[1] / "systems" / "chain.system.yaml"
MODULE = """
from lab.contracts import Grade, Outcome

def brevity(case):
    findings = getattr(case.answer, "findings", ())
    value = 1.0 if len(findings) <= 1 else 0.0
    return Grade("answer-brevity", Outcome.PASS if value else Outcome.FAIL, value, "", "one finding", "")
"""
SCENARIO = f"""\
schema_version: 1
name: {{name}}
system: {CHAIN}
duration: 60s
load: {{{{stages: [{{{{for: 60s, rate: {{rate}}/s}}}}]}}}}
"""
SUITE = """\
schema_version: 1
name: short
scenarios: [quiet.scenario.yaml]
engines: [constant, chance]
thresholds: [constant.answer_brevity >= 0.5, chance.answer_brevity >= 0.5]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenarios to work on, and the grader `answer-brevity` installed the way a stranger's is."""
    monkeypatch.chdir(tmp_path)
    write_distribution(Path(), "strange", {"lab.graders": {"answer-brevity": "strange:brevity"}})
    Path("strange.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, rate in (("quiet", 8), ("empty", 0)):
        Path(f"{name}.scenario.yaml").write_text(SCENARIO.format(name=name, rate=rate), encoding="utf-8")


def test_its_name_is_a_metric_after_ours() -> None:
    assert list(metric_graders()) == [*METRIC_GRADERS, "answer_brevity"]
    assert parse_threshold("answer_brevity >= 0.5").metric == "answer_brevity"
    with pytest.raises(ValueError, match="did you mean 'answer_brevity'"):
        parse_threshold("anser_brevity >= 0.5")


def test_a_threshold_about_it_decides_a_suite_and_it_is_among_the_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    Path("short.suite.yaml").write_text(SUITE, encoding="utf-8")
    assert main(["validate", "short.suite.yaml"]) == ExitCode.OK
    words = ["run", "short.suite.yaml", "--jobs", "1", "--no-report", "-v"]
    assert main(words) == ExitCode.FAILED
    text = capsys.readouterr().out
    assert re.search(r"^answer_brevity +1\.000 \S+ \S+ n=1 +0\.000", text, re.MULTILINE)
    assert main([*words, "--json"]) == ExitCode.FAILED
    limits = json.loads(capsys.readouterr().out)["thresholds"]
    held = {t["engine"]: t["holds"] for t in limits if not t["threshold"].startswith("unanswered_ratio")}
    assert held == {"constant": True, "chance": False}


def test_a_control_without_load_is_no_success_for_who_says_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    healthy = """cmd:sh -c 'echo "{\\"schema_version\\":1,\\"verdict\\":\\"healthy\\"}"'"""
    words = ["run", "empty.scenario.yaml", "--engine", healthy, "--jobs", "1", "--no-report"]
    assert main(words) == ExitCode.INCONCLUSIVE
    text = capsys.readouterr().out
    assert "? inconclusive  empty" in text
    assert "only 0 requests were observed" in text
