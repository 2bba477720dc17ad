"""What is kept of campaigns: one Parquet dataset, which `lab results` and other programs read."""

from __future__ import annotations

import errno
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lab.engines.options import EngineOptions
from lab.errors import ExitCode, UserError
from lab.judging.grading import GRADER_GROUP
from lab.plugins import OWN, distribution, installed
from lab.runs import dataset, keeping
from lab.runs.campaign import Job, JobResult
from lab.runs.campaign_key import campaign_id
from lab.runs.cases import case_from_json, case_json
from lab.runs.dataset import COMPACTING, GRADES, WHOLE, Part, compact, read_parts, schema, settle, write_part
from lab.runs.identity import recording_key
from lab.scenario import load_scenario
from tests.cli_cases import HEALTHY, lab, run, run_json
from tests.unit.test_campaign import ALARM, CRASHED, QUIET, RIGHT, UNSEEN_FAULT, WRONG, result

RESULTS = Path("runs/results")
ABORTED = JobResult("cut", 9, problem="the steady state does not hold", code=ExitCode.INTERNAL)


def rows(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """All rows of the dataset, as a program that knows nothing of the lab reads them."""
    return list(pq.read_table(folder).to_pylist())


def parts_of(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("[!_.]*"))


@pytest.mark.parametrize("case", [RIGHT, WRONG, CRASHED, UNSEEN_FAULT, QUIET, ALARM])
def test_a_case_survives_its_json(case: Any) -> None:
    assert case_from_json(json.loads(json.dumps(case_json(case)))) == case


def test_every_grader_of_the_lab_has_its_columns() -> None:
    own = {name for name, entry in installed(GRADER_GROUP, "grader").items() if distribution(entry) == OWN}
    assert set(GRADES) == own
    assert {f"grade_{name.replace('-', '_')}" for name in own} <= set(schema().names)


def test_what_came_of_jobs_survives_its_rows(tmp_path: Path) -> None:
    parts = [
        Part("a", result(replace(RIGHT, path=str(tmp_path / "cut/1")), replace(CRASHED, path=str(tmp_path / "cut/1")))),
        Part("b", ABORTED),
        Part("c", result(QUIET)),
    ]
    parts[0] = Part("a", replace(parts[0].result, path=str(tmp_path / "cut/1")))
    write_part(tmp_path / "x.parquet", parts, tmp_path)
    assert list(read_parts(tmp_path, tmp_path).values()) == parts
    assert [row["path"] for row in pq.ParquetFile(tmp_path / "x.parquet").read().to_pylist()][:2] == ["cut/1"] * 2


def test_names_that_no_utf8_can_hold_are_escaped(tmp_path: Path) -> None:
    write_part(tmp_path / "x.parquet", [Part("a", replace(ABORTED, problem="no \udcff here"))], tmp_path)
    assert read_parts(tmp_path, tmp_path)["a"].result.problem == "no \\udcff here"


def test_a_broken_file_is_what_was_not_finished(tmp_path: Path) -> None:
    write_part(tmp_path / "a.parquet", [Part("a", result(RIGHT))], tmp_path)
    write_part(tmp_path / "b.parquet", [Part("b", result(QUIET))], tmp_path)
    whole = (tmp_path / "a.parquet").read_bytes()
    for broken in (b"", whole[: len(whole) // 2], b"PAR1" * 10):
        (tmp_path / "a.parquet").write_bytes(broken)
        assert set(read_parts(tmp_path, tmp_path)) == {"b"}


def test_at_the_end_the_parts_become_one_file_in_the_order_of_the_jobs(tmp_path: Path) -> None:
    parts = [Part("b", result(QUIET)), Part("a", result(RIGHT))]
    for part in parts:
        write_part(tmp_path / f"{part.key}.parquet", [part], tmp_path)
    compact(tmp_path, parts, tmp_path)
    assert parts_of(tmp_path) == [WHOLE]
    assert list(read_parts(tmp_path, tmp_path).values()) == parts


def test_a_kill_while_the_files_become_one_loses_nothing(tmp_path: Path) -> None:
    parts = [Part("b", result(QUIET)), Part("a", result(RIGHT))]
    write_part(tmp_path / "a.parquet", parts[1:], tmp_path)
    write_part(tmp_path / COMPACTING, parts, tmp_path)  # killed here: the whole is written, one part is removed
    (tmp_path / ".lab-0123.tmp").touch()  # and an earlier one while it wrote
    settle(tmp_path)
    assert not list(tmp_path.glob(".lab-*"))
    assert list(read_parts(tmp_path, tmp_path).values()) == parts


def test_the_id_follows_from_everything_that_the_results_follow_from(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet, cut = load_scenario("quiet.scenario.yaml"), load_scenario("cut.scenario.yaml")
    options = EngineOptions()

    def named(*jobs: Job, options: EngineOptions = options, name: str = "q", keep: bool = True) -> str:
        keys = [recording_key(job.loaded, job.seed, job.testbed) for job in jobs]
        return campaign_id(jobs, keys, options, name, keep=keep)

    Path("mine.py").write_text("1")
    Path("ours.rules.yaml").write_text("rules: []")
    job = Job(quiet, 1, ("rules",))
    assert named(job) == named(replace(job, fresh=True, report=True)) == named(replace(job))
    own, ruled = replace(job, engines=("cmd:python mine.py",)), replace(job, engines=("rules:ours.rules.yaml",))
    found = [
        named(job), named(job, Job(cut, 1, ("rules",))), named(Job(cut, 1, ("rules",))), named(replace(job, seed=2)),
        named(replace(job, engines=("rules", "chance"))), named(replace(job, engines=("chance", "rules"))),
        named(job, options=replace(options, timeout_s=1.0)), named(job, keep=False), named(own), named(ruled),
    ]  # fmt: skip
    Path("mine.py").write_text("2")
    Path("ours.rules.yaml").write_text("rules: [x]")
    found += [named(own), named(ruled)]
    monkeypatch.setattr("lab.runs.campaign_key.lab_digest", lambda: "other code")
    found.append(named(job))
    assert len(set(found)) == len(found)
    assert named(job, options=replace(options, hidden=(folder,), names=("x",))) == named(job), "where, not what"
    assert named(job, name="a b/ç=").startswith("a-b-")


def test_a_campaign_is_kept_and_listed_and_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("cut.scenario.yaml", "quiet.scenario.yaml", "--engine", "constant", "--engine", HEALTHY, "--seeds", 2)
    _, document = run_json(capsys, "run", *words, "--no-report", "--jobs", 1)
    run("quiet.scenario.yaml", "--engine", HEALTHY)
    capsys.readouterr()
    _, listed = run_json(capsys, "results")
    assert [(one["command"], one["runs"]["finished"], one["runs"]["of"]) for one in listed["campaigns"]] == [
        ("run", 1, 1), ("run", 4, 4),
    ]  # fmt: skip
    assert listed["campaigns"][1]["outcomes"] == {"pass": 2, "inconclusive": 0, "fail": 6, "error": 0}
    assert listed["campaigns"][0]["id"].startswith("quiet-")
    many = listed["campaigns"][1]["id"]
    assert len(rows()) == 9
    for name in (many, many[:-3], many.rpartition("-")[2]):
        _, shown = run_json(capsys, "results", name)
        for key in ("cases", "metrics", "scenarios", "observability", "not_graded"):
            assert shown[key] == document[key]
    Path("now.json").write_text(json.dumps(shown))
    assert lab("compare", "now.json", "now.json") == ExitCode.OK
    capsys.readouterr()
    assert lab("results") == lab("results", many, "-v") == ExitCode.OK
    printed = capsys.readouterr().out
    assert re.search("4 of 4 +2 of 8  ✗ 6", printed)
    assert "✗ FAIL  cut  seed 3  constant" in printed
    assert "Metrics: value" in printed
    assert f"Dataset  runs/results/campaign={many}" in printed


@pytest.mark.parametrize(
    ("words", "code", "seen"),
    [
        (["results", "--runs-dir", "empty"], ExitCode.NOTHING_SELECTED, "no campaigns here"),
        (["results", "x", "--runs-dir", "empty"], ExitCode.NOTHING_SELECTED, "no campaigns here"),
        (["results", "nine"], ExitCode.INVALID, "no campaign 'nine'"),
        (["results", "quiet"], ExitCode.INVALID, "'quiet' may mean 2 campaigns"),
    ],
)
def test_what_cannot_be_shown_is_said(
    words: list[str], code: ExitCode, seen: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2):
        run("quiet.scenario.yaml", "--engine", HEALTHY, "--seed", seed)
    assert lab(*words) == code
    assert seen in capsys.readouterr().err


def test_an_evaluation_is_kept_though_its_recordings_are_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("one.suite.yaml").write_text("schema_version: 1\nname: one\nscenarios: [cut.scenario.yaml]\n")
    _, document = run_json(capsys, "evaluate", "one.suite.yaml", "--seeds", "20-20", "--engine", HEALTHY, "--jobs", 1)
    assert [(row["scenario"], row["seed"], row["outcome"], row["path"]) for row in rows()] == [("cut", 20, "fail", "")]
    [listed] = run_json(capsys, "results")[1]["campaigns"]
    assert (listed["command"], listed["id"][:4]) == ("evaluate", "one-")
    assert run_json(capsys, "results", "one")[1]["cases"] == document["cases"]


def test_a_job_without_a_verdict_is_a_row_with_its_reason(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs").mkdir()
    (Path("runs") / "quiet").write_text("a file where the directory of recordings should be")
    assert run("quiet.scenario.yaml", "cut.scenario.yaml", "--engine", HEALTHY) != ExitCode.OK
    by_name = {row["scenario"]: row for row in rows()}
    assert (by_name["quiet"]["outcome"], by_name["quiet"]["engine"], by_name["quiet"]["exit_code"]) == (
        "error",
        None,
        3,
    )
    assert "quiet" in by_name["quiet"]["reason"]
    capsys.readouterr()
    lab("results", "scenarios")
    assert "! not graded  quiet" in capsys.readouterr().out


def test_what_cannot_be_kept_costs_no_verdict(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keeping, "write_part", full)
    words = ("run", "quiet.scenario.yaml", "--engine", HEALTHY, "--no-report", "--jobs", 1, "--seeds", 2)
    assert lab(*words) == ExitCode.OK
    out, err = capsys.readouterr()
    assert out.count("✓ pass") == 2
    assert err.count("warning: the results are not kept") == 1
    assert "no space left on device" in err


def test_two_labs_with_the_same_campaign_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("run", "quiet.scenario.yaml", "--engine", HEALTHY, "--no-report", "--jobs", 1)
    lab(*words)
    [directory] = RESULTS.iterdir()
    handle = keeping._locked(directory)
    assert handle is not None
    capsys.readouterr()
    assert lab(*words) == ExitCode.OK
    out, err = capsys.readouterr()
    assert "✓ pass" in out
    assert "another lab is running this campaign" in err
    assert lab(*words, "--resume") == ExitCode.INVALID
    assert "wait until it has ended" in capsys.readouterr().err
    assert parts_of(directory) == [WHOLE]


def test_the_dataset_is_read_by_any_program(folder: Path) -> None:
    run("quiet.scenario.yaml", "--engine", HEALTHY)
    code = "import pandas; print(len(pandas.read_parquet('runs/results')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"


def test_about_that_is_broken_is_named(tmp_path: Path) -> None:
    (tmp_path / dataset.ABOUT).write_text("{")
    with pytest.raises(UserError, match="broken file of a campaign"):
        dataset.read_about(tmp_path)


def test_a_campaign_whose_files_are_broken_hides_no_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("quiet.scenario.yaml", "--engine", HEALTHY)
    run(*words, "--seeds", 2)
    run(*words)
    one, two = (Path("runs/results") / f"campaign={name}" for name in dataset.campaigns(Path("runs")))
    (two / WHOLE).write_bytes((two / WHOLE).read_bytes()[:-100])
    capsys.readouterr()
    assert lab("results") == ExitCode.OK
    out, err = capsys.readouterr()
    assert "0 of 2" in out
    assert "1 of 1" in out
    assert f"warning: {two / WHOLE}: " in err
    assert "the same campaign with --resume makes it again" in err
    (one / dataset.ABOUT).write_text("{")
    assert lab("results") == ExitCode.OK
    out, err = capsys.readouterr()
    assert "1 of 1" not in out
    assert f"{one / dataset.ABOUT}: broken file of a campaign" in err
    assert run(*words, "--seeds", 2, "--resume") == ExitCode.OK
    assert "0 of 2 runs were finished before" in capsys.readouterr().err
    (one / dataset.ABOUT).unlink()
    assert run(*words, "--resume") == ExitCode.OK
    assert "1 of 1 runs were finished before" in capsys.readouterr().err
    assert lab("results") == ExitCode.OK
    out, err = capsys.readouterr()
    assert ("2 of 2" in out, "1 of 1" in out, err) == (True, True, "")
