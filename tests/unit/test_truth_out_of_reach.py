"""An engine that hunts for the truth scores at chance, whichever command asks it and however it is run.

The same engine finds the truth where nothing confines it, so these tests can fail.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main
from lab.contracts import Diagnosis, EngineFailure
from lab.engines import confinement
from lab.engines.host import EngineHost
from lab.engines.options import EngineOptions
from lab.errors import ExitCode
from tests import hunter, simulated
from tests.distributions import write_distribution

needs_landlock = pytest.mark.skipif(confinement.landlock_abi() == 0, reason="this kernel has no Landlock")
FORMS = ("python", "command")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A user's directory as hunters like it: a scenario, its suite, and the hunter, installed and as a script."""
    site = tmp_path / "site"
    site.mkdir()
    shutil.copy(Path(hunter.__file__), site / "hunter_engine.py")
    write_distribution(site, "hunter", {"lab.engines": {"hunter": "hunter_engine:diagnose"}})
    monkeypatch.syspath_prepend(str(site))
    work = tmp_path / "work"
    work.mkdir()
    fault = {"type": "network-partition", "target": "desk->db", "at": "45s", "for": "30s"}
    (work / "needle.scenario.yaml").write_text(simulated.text(faults=[fault]), encoding="utf-8")
    suite = {"schema_version": 1, "name": "hunt", "scenarios": ["needle.scenario.yaml"]}
    (work / "hunt.suite.yaml").write_text(json.dumps(suite), encoding="utf-8")
    shutil.copy(Path(hunter.__file__), work / "hunter_script.py")
    monkeypatch.chdir(work)
    monkeypatch.setenv("NO_COLOR", "1")
    return work


def spec(form: str) -> str:
    return "hunter" if form == "python" else f"cmd:{sys.executable} hunter_script.py"


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """A command's JSON document."""
    capsys.readouterr()
    main([*arguments, "--json"])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def culprits(answer: dict[str, Any]) -> list[str]:
    assert "findings" in answer, answer
    return [finding["culprit"] for finding in answer["findings"]]


def check_chance(case: dict[str, Any]) -> None:
    """The hunter found nothing, and its culprit grade is that of guessing."""
    blamed = culprits(case["answer"])
    assert len(blamed) > 5, blamed
    [grade] = [grade for grade in case["grades"] if grade["grader"] == "culprit"]
    assert grade["value"] == pytest.approx(1 / len(blamed))
    assert case["isolation"].startswith("landlock-abi")


@needs_landlock
@pytest.mark.parametrize("form", FORMS)
def test_a_hunter_scores_at_chance_in_run_diagnose_and_grade(project, capsys, form):
    engine = ("--engine", spec(form))
    run = asked(capsys, "run", "needle.scenario.yaml", "--jobs", "1", "-o", "results.json", *engine)
    [case] = run["cases"]
    check_chance(case)
    # Now a recording of the same scenario and seed lies there, with its truth, the results, and others' answers.
    again = asked(capsys, "run", "needle.scenario.yaml", "--engine", "constant", *engine)
    check_chance(again["cases"][1])
    [case] = asked(capsys, "diagnose", "runs", *engine)["diagnoses"]
    assert len(culprits(case["answer"])) > 5
    assert case["isolation"].startswith("landlock-abi")
    shutil.rmtree(next(Path("runs").glob("*/*/diagnosis")))
    [graded] = asked(capsys, "grade", "runs", *engine)["cases"]
    check_chance(graded)


@needs_landlock
@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_hunter_scores_at_chance_in_evaluate(project, capsys, form):
    found = asked(capsys, "evaluate", "hunt.suite.yaml", "--seeds", "3-4", "--jobs", "2", "--engine", spec(form))
    assert len(found["cases"]) == 2
    for case in found["cases"]:
        check_chance(case)


@pytest.fixture
def recording(project, capsys):
    asked(capsys, "run", "needle.scenario.yaml", "--jobs", "1", "--engine", "constant", "--no-report")
    return next(Path("runs").glob("*/*/run.json")).parent.resolve()


def diagnose(form: str, recording: Path, *, confine: bool) -> list[str]:
    options = EngineOptions(hidden=(recording.parents[1],), confine=confine)
    with EngineHost(options) as host:
        answer: Diagnosis | EngineFailure = host.diagnose(spec(form), recording / "observed")
    assert isinstance(answer, Diagnosis), answer
    return [finding.culprit for finding in answer.findings]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("way", "finds"), [("0", "desk->db"), ("1", "the lab's memory is open")])
def test_without_confinement_the_hunter_finds_what_it_looks_for(recording, monkeypatch, form, way, finds):
    monkeypatch.setenv("HUNT_ONLY", way)
    assert diagnose(form, recording, confine=False) == [finds]


@needs_landlock
@pytest.mark.parametrize("form", FORMS)
def test_the_lab_cannot_be_read_traced_or_signalled(recording, monkeypatch, form):
    monkeypatch.setenv("HUNT_ONLY", "1")
    assert len(diagnose(form, recording, confine=True)) > 5


@needs_landlock
@pytest.mark.parametrize("form", FORMS)
def test_no_file_is_opened_by_the_number_of_its_inode(recording, monkeypatch, form):
    monkeypatch.setenv("HUNT_ONLY", "3")
    found = diagnose(form, recording, confine=False)
    assert len(found) > 5 or found[0].startswith("opened by its inode: ")  # only root may, and not on every file system
    assert len(diagnose(form, recording, confine=True)) > 5


WORK = """
import os, sys
def opens(path):
    try:
        open(path).close()
        return True
    except OSError:
        return False
asked = sys.argv[1].split(os.pathsep)
sys.exit("opened " + " ".join(path for path in asked[1:] if opens(os.path.join(asked[0], path))))
"""


@needs_landlock
def test_what_is_permitted_beside_truth_is_permitted_entry_by_entry(tmp_path, recording, monkeypatch):
    root = tmp_path / "checkout"
    refused = ["runs/x.json", "notes.txt", "space/inner.py", "package/shipped/truth.json", ".git/HEAD"]
    permitted = ["script.py", "module.py", "package/__init__.py", "package/deep/data.json", "named.bin"]
    for name in (*refused, *permitted):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("", encoding="utf-8")
    (root / "script.py").write_text(WORK, encoding="utf-8")
    paths = os.pathsep.join([str(root), *refused, *permitted])
    options = EngineOptions(hidden=(root / "package/shipped", recording.parents[1]))
    monkeypatch.chdir(root)
    with EngineHost(options) as host:
        answer = host.diagnose(f"cmd:{sys.executable} script.py {paths} named.bin", recording / "observed")
    assert isinstance(answer, EngineFailure)
    assert answer.reason == f"exited with status 1: opened {' '.join(permitted)}"


@needs_landlock
def test_a_path_that_is_permitted_by_hand_is_kept_with_the_answer_and_a_refused_one_is_named(
    recording, tmp_path, capsys
):
    weights = tmp_path / "weights.bin"
    weights.write_text("learnt", encoding="utf-8")
    body = f"print(open({str(weights)!r}).read(), file=__import__('sys').stderr); "
    answer = "__import__('json').dumps({'schema_version': 1, 'verdict': 'healthy'})"
    Path("needy.py").write_text(f"{body}print({answer})", encoding="utf-8")
    words = ["diagnose", str(recording), "--engine", f"cmd:{sys.executable} needy.py"]
    [case] = asked(capsys, *words)["diagnoses"]
    assert f"--engine-read {weights})" in case["answer"]["failure"]
    [case] = asked(capsys, *words, "--engine-read", str(weights))["diagnoses"]
    assert case["answer"]["verdict"] == "healthy"
    assert case["engine_read"] == [str(weights)]
    assert main([*words, "--engine-read", str(recording.parents[1])]) == ExitCode.INVALID
    assert "where truth is kept" in capsys.readouterr().err


@needs_landlock
def test_an_engine_that_takes_too_much_memory_is_a_failed_case_with_the_reason(recording, capsys):
    Path("greedy.py").write_text("held = bytearray(2**30)", encoding="utf-8")
    words = ["diagnose", str(recording), "--engine", f"cmd:{sys.executable} greedy.py", "--engine-memory"]
    [case] = asked(capsys, *words, "256MiB")["diagnoses"]
    assert case["answer"]["failure"].endswith("(a process may hold 0.25 GiB of data; allow more with --engine-memory)")
    [case] = asked(capsys, *words, "4GiB")["diagnoses"]
    assert "memory" not in case["answer"]["failure"].lower()


def test_an_engine_that_takes_too_long_is_killed_at_the_time_that_was_given(recording, capsys):
    Path("slow.py").write_text("import time; time.sleep(600)", encoding="utf-8")
    words = ["diagnose", str(recording), "--engine", f"cmd:{sys.executable} slow.py", "--engine-timeout", "1s"]
    assert asked(capsys, *words)["diagnoses"][0]["answer"]["failure"] == "timed out after 1 s"
    assert main([*words[:-1], "1 parsec"]) == ExitCode.INVALID


CALL = """
import socket, sys
with socket.socket(socket.AF_UNIX) as line:
    try:
        line.connect(sys.argv[1])
    except OSError as error:
        sys.exit("refused")
sys.exit("connected")
"""


@needs_landlock
def test_a_service_behind_a_socket_with_a_path_cannot_be_asked_to_read_for_the_engine(recording, tmp_path):
    if not mounts_can_be_changed(recording):
        pytest.skip("this system lets no process change its own mounts")
    Path("call.py").write_text(CALL, encoding="utf-8")
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(str(tmp_path / "s"))
        service.listen()
        spec = f"cmd:{sys.executable} call.py {tmp_path / 's'}"
        answers = {}
        for name, options in (
            ("open", EngineOptions(confine=False)),
            ("confined", EngineOptions()),
            ("permitted", EngineOptions(reads=(tmp_path / "s",))),
        ):
            with EngineHost(options) as host:
                answers[name] = host.diagnose(spec, recording / "observed")
    failures = {name: answer for name, answer in answers.items() if isinstance(answer, EngineFailure)}
    assert {name: failure.reason.split()[-1] for name, failure in failures.items()} == {
        "open": "connected",
        "confined": "refused",
        "permitted": "connected",
    }


def mounts_can_be_changed(recording: Path) -> bool:
    with EngineHost(EngineOptions(hidden=(recording.parents[1],))) as host:
        host.diagnose("constant", recording / "observed")
        return "mounts" in host.isolation("constant").by


@needs_landlock
@pytest.mark.parametrize("form", FORMS)
def test_where_mounts_may_be_changed_not_even_existence_is_reported(recording, monkeypatch, form):
    monkeypatch.setenv("HUNT_ONLY", "2")
    monkeypatch.setenv("HUNTED", str(recording)[::-1])
    assert diagnose(form, recording, confine=False) == [f"can be seen to exist: ['{recording}']"]
    found = diagnose(form, recording, confine=True)
    if not mounts_can_be_changed(recording):
        pytest.skip("this system lets no process change its own mounts")
    assert len(found) > 5
