"""`lab answer`: what a person answers is graded as the same diagnosis of an engine is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main
from lab.errors import ExitCode
from lab.recording.opening import find_runs, open_run
from tests.cli_cases import HEALTHY, lab, run, run_json

RIGHT = (
    "--culprit", "orders->db", "--kind", "network-partition", "--onset", "30s", "--confidence", "80%",
    "--evidence", "client_error_ratio:orders->db", "--why", "orders fail", "--why", "the database answers nobody",
)  # fmt: skip


@pytest.fixture
def recording(folder: Path) -> Path:
    """A recording of a cut link, about which an engine was asked that sees nothing."""
    run("cut.scenario.yaml", "--engine", HEALTHY)
    return find_runs(folder / "runs")[0]


def write_answer(answer: dict[str, Any]) -> None:
    Path("mine.json").write_text(json.dumps(answer), encoding="utf-8")


def of_one(**different: Any) -> dict[str, Any]:
    """A diagnosis as JSON that blames a link, but for what is given."""
    finding = {"culprit": "orders->db", "boundary": "network", "kind": "network-partition", "onset_s": 30.0,
               "confidence": 0.8, "evidence": [], "why": []}  # fmt: skip
    return {"schema_version": 1, "verdict": "fault", "findings": [finding | different]}


def answered(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code, document = run_json(capsys, "answer", *words)
    return code, document["cases"][0]


def test_a_right_answer_passes_and_says_so(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("answer", recording, *RIGHT, "--as", "anna") == ExitCode.OK
    output = capsys.readouterr().out
    assert "✓ pass  cut  seed 3  person:anna" in output
    assert all(axis in output for axis in ("culprit", "kind", "onset", "evidence"))


def test_a_persons_grades_are_those_that_the_lab_gives_the_same_diagnosis(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, case = answered(capsys, recording, *RIGHT)
    diagnosis = Path("diagnosis.json")
    diagnosis.write_text(json.dumps(case["answer"]), encoding="utf-8")
    program = f"cmd:sh -c 'cat {diagnosis.resolve()}'"
    lab("grade", recording, "--engine", program, "--engine-read", diagnosis.resolve(), "--json")
    engine = json.loads(capsys.readouterr().out)["cases"][0]
    assert engine["grades"] == case["grades"]
    assert (code, engine["outcome"]) == (ExitCode.OK, case["outcome"])


def test_what_a_person_answered_is_graded_again_with_the_recording(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, case = answered(capsys, recording, *RIGHT, "--as", "Anna Ö.")
    assert open_run(recording).isolation("person:Anna Ö.").by == "person"
    _, document = run_json(capsys, "grade", recording)
    again = {one["engine"]: one for one in document["cases"]}["person:Anna Ö."]
    assert again["grades"] == case["grades"]
    _, document = run_json(capsys, "grade", recording, "--engine", "person:Anna Ö.")
    assert [one["engine"] for one in document["cases"]] == ["person:Anna Ö."]


def test_the_boundary_follows_from_the_kind_and_levels_from_the_recording(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, case = answered(capsys, recording, *RIGHT)
    [finding] = case["answer"]["findings"]
    assert finding["boundary"] == "network"
    assert finding["why"] == ["orders fail", "the database answers nobody"]
    [evidence] = finding["evidence"]
    assert evidence["baseline"] < 0.1
    assert evidence["observed"] > 0.5


def test_a_wrong_answer_fails_and_healthy_is_one_where_something_is_broken(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab("answer", recording, "--culprit", "db", "--kind", "cpu-throttle") == ExitCode.FAILED
    assert lab("answer", recording, "--healthy") == ExitCode.FAILED


def test_several_causes_come_as_a_diagnosis_of_the_same_form(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, case = answered(capsys, recording, *RIGHT)
    write_answer(case["answer"])
    assert answered(capsys, recording, "--from", "mine.json")[1]["grades"] == case["grades"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing is answered"),
        (("--healthy", "--unsure"), "--healthy and --unsure contradict each other"),
        (("--culprit", "db"), "--kind is missing"),
        (("--culprit", "bd", "--kind", "cpu-throttle"), "did you mean 'db'?"),
        (("--culprit", "db", "--kind", "cpu-throtle"), "did you mean 'cpu-throttle'?"),
        (("--culprit", "db", "--kind", "cpu-throttle", "--evidence", "error_ratio:db"), "--evidence needs --onset"),
        (("--culprit", "db", "--kind", "cpu-throttle", "--onset", "9s", "--evidence", "x:db"), "no signal 'x'"),
        (("--culprit", "db", "--kind", "cpu-throttle", "--onset", "nine"), "write it as"),
        (("--culprit", "db", "--kind", "cpu-throttle", "--onset", "9h"), "the onset is no time of the incident"),
        (("--from", "cut.scenario.yaml"), "not JSON"),
        (("--healthy", "--as", " "), "expected a name"),
        (("--healthy", "--confidence", "80%"), "--culprit and --kind and --healthy contradict each other"),
        (("--culprit", "db", "--kind", "cpu-throttle", "--why", "x" * 2001), "why[0] has 2001 characters"),
        (("--culprit", "db", "--kind", "cpu-throttle", "--why", "\udcff"), "half characters"),
    ],
)
def test_what_is_no_answer_is_told_and_nothing_is_kept(
    recording: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["answer", str(recording), *words]) == ExitCode.INVALID
    assert said in capsys.readouterr().err
    assert not any(name.startswith("person:") for name in open_run(recording).engines())


@pytest.mark.parametrize(
    ("different", "said"),
    [
        ({"culprit": "bd"}, "did you mean 'db'?"),
        ({"kind": "network-partitoin"}, "did you mean 'network-partition'?"),
        ({"why": ["\ud800"]}, "half characters"),
        ({"why": ["x" * 2001]}, "why[0] has 2001 characters"),
    ],
)
def test_a_diagnosis_in_a_file_is_held_to_the_same_rules(
    recording: Path, different: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_answer(of_one(**different))
    capsys.readouterr()
    assert main(["answer", str(recording), "--from", "mine.json"]) == ExitCode.INVALID
    assert said in capsys.readouterr().err
    assert not any(name.startswith("person:") for name in open_run(recording).engines())
    assert lab("grade", recording) in (ExitCode.OK, ExitCode.FAILED)
