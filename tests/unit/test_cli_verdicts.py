"""Verdicts come one by one while a campaign runs, and the results at its end are in the order of the jobs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.cli.texts import answer_brief, answer_text, finding_text
from lab.contracts import Diagnosis, Finding, Truth, Verdict
from lab.errors import ExitCode
from lab.runs.campaign import Job, JobResult
from lab.runs.pool import Watch, run_jobs
from lab.scenario import load_scenario
from tests.cli_cases import HEALTHY as HEALTHY_COMMAND
from tests.cli_cases import lab, write
from tests.gates import Gate, gated_engine
from tests.grading_cases import fault


@pytest.fixture
def gate() -> Iterator[Gate]:
    """An engine that answers its first question at once and every later one when it is let go."""
    with gated_engine() as made:
        made.free = 1
        yield made


def test_a_verdict_can_be_read_from_a_pipe_before_the_next_case_is_judged(folder: Path, gate: Gate) -> None:
    write("later")
    words = ["run", "quiet.scenario.yaml", "later.scenario.yaml", "--engine", gate.engine, "--jobs", "1"]
    code = f"import sys; from lab.cli import main; sys.exit(main({[*words, '--no-report']}))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()  # hangs if the verdict only comes at the end: the gate is shut
        gate.open()
        rest = process.stdout.read()
    assert first.startswith("✓ pass  quiet  seed 3")
    assert "later  seed 3" in rest
    assert process.returncode == ExitCode.OK


@pytest.mark.parametrize("workers", [1, 2])
def test_the_last_job_waits_and_results_are_in_the_order_of_the_files(folder: Path, workers: int) -> None:
    write("long", duration=600, rate=20)
    jobs = [Job(load_scenario(f"{name}.scenario.yaml"), 1, ("constant",)) for name in ("quiet", "long", "cut")]
    heard: list[JobResult] = []
    shares: list[tuple[float, int]] = []
    watch = Watch(lambda *done: shares.append(done), heard.append)
    results = run_jobs(jobs, Path("runs"), watch, workers=workers)
    assert [result.scenario for result in results] == ["quiet", "long", "cut"]
    assert sorted(result.scenario for result in heard) == ["cut", "long", "quiet"]
    if workers == 2:
        assert heard[0].scenario != "cut", "it is started when one of the other two has finished"
    assert [done for _, done in shares] == sorted(done for _, done in shares)
    assert shares[-1] == (1.0, 3)


def test_no_job_is_started_once_it_is_time_to_stop_and_what_was_done_is_kept(folder: Path) -> None:
    jobs = [Job(load_scenario("quiet.scenario.yaml"), seed, ("constant",)) for seed in range(4)]
    for workers in (1, 2):
        heard: list[JobResult] = []
        watch = Watch(on_result=heard.append, stop=lambda heard=heard: bool(heard))  # type: ignore[misc]
        results = run_jobs(jobs, Path("runs"), watch, workers=workers)
        assert 1 <= len(results) <= workers
        assert [result.seed for result in results] == sorted(result.seed for result in heard)


def test_a_pass_is_a_line_and_what_did_not_pass_shows_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    healthy = HEALTHY_COMMAND
    words = ("run", "quiet.scenario.yaml", "--jobs", 1, "--no-report", "--fresh")
    words = (*words, "--engine", healthy, "--engine", "constant")
    lab(*words)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"✓ pass  quiet  seed 3  {healthy}  healthy"
    assert lines[1] == "✗ FAIL  quiet  seed 3  constant"
    assert lines[2].startswith("    answer  model-")
    lab(*words, "--verbose")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"✓ pass  quiet  seed 3  {healthy}"
    assert lines[1:3] == ["    answer  healthy", "    truth   nothing was injected"]
    lab(*words, "--quiet")
    assert capsys.readouterr().out.startswith("✗ FAIL  quiet  seed 3  constant\n")


def test_as_many_findings_are_reported_as_there_are_faults() -> None:
    def finding(culprit: str, confidence: float) -> Finding:
        return Finding(culprit, "network", "network-partition", 30.0, confidence)

    two = Truth((fault(), fault(id="f2", culprit="cache")))
    answer = Diagnosis(Verdict.FAULT, (finding("a", 0.9), finding("b", 0.5), finding("c", 0.4)))
    assert answer_text(answer, two) == f"{finding_text(answer.findings[0])}; {finding_text(answer.findings[1])}"
    assert answer_text(answer) == finding_text(answer.findings[0])
    assert answer_brief(answer, two) == "network-partition of a, network-partition of b"
    tied = Diagnosis(Verdict.FAULT, (finding("a", 0.9), finding("b", 0.5), finding("c", 0.5)))
    assert answer_text(tied, two).endswith("; undecided between 2 elements at confidence 0.50: b, c")


def test_with_json_the_verdicts_are_progress(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("run", "quiet.scenario.yaml", "--jobs", 1, "--no-report", "--json")
    lab(*words)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["exit_code"] == 0
    assert "✓ pass  quiet  seed 3  rules  healthy" in printed.err
    lab(*words, "--quiet")
    printed = capsys.readouterr()
    assert json.loads(printed.out)["exit_code"] == 0
    assert printed.err == ""


def test_quiet_and_verbose_contradict_each_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("run", "quiet.scenario.yaml", "-q", "-v") == ExitCode.INVALID
    assert "give one of them" in capsys.readouterr().err
