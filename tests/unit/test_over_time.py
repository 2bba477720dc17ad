"""What engines would have said earlier, and the time to diagnosis."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lab.contracts import Diagnosis, Finding, Isolation, Outcome, TrueDecoy, TrueFault, Truth, Verdict
from lab.engines import engines as installed_engines
from lab.engines.host import EngineHost
from lab.engines.options import EngineOptions
from lab.errors import UserError
from lab.judging.assess import Answer
from lab.judging.over_time import (
    MAX_TIMES,
    OverTime,
    Then,
    diagnose_over_time,
    grid,
    kept_over_time,
    time_to_diagnosis,
    truth_by,
)
from lab.recording.opening import open_run
from lab.recording.rundir import RunDirectory
from lab.runs.suite import parse_threshold
from tests.cli_cases import CUT, lab, run, run_json, write
from tests.engine_plugins import install
from tests.simulated import digests
from tests.waiting import PATIENCE_S

PASS, FAIL = Outcome.PASS, Outcome.FAIL
F1 = TrueFault("f1", "stale-cache", "cache", "integration", 100.0, 200.0, 115.0)
F2 = TrueFault("f2", "feed-stall", "feed", "data", 150.0, 200.0, 155.0)
UNSEEN = TrueFault("f3", "feed-stall", "feed", "data", 180.0, 200.0, None)
BLAMING = Diagnosis(Verdict.FAULT, (Finding("cache", "integration", "stale-cache", None, 1.0),))


def answers(outcomes: list[Outcome | None], every_s: float = 30.0, content: Diagnosis = BLAMING) -> list[Then]:
    return [Then(every_s * i, Answer(content, Isolation()), outcome) for i, outcome in enumerate(outcomes, 1)]


def test_a_grid_holds_the_multiples_and_the_end():
    assert grid(30, 100) == [30, 60, 90, 100]
    assert grid(25, 100) == [25, 50, 75, 100]
    assert grid(0.1, 0.3) == [0.1, 0.2, 0.3]
    assert grid(500, 100) == [100]


def test_a_grid_of_too_many_times_is_refused():
    assert len(grid(0.1, 0.1 * MAX_TIMES)) == MAX_TIMES
    with pytest.raises(UserError, match=r"every 0\.001 s of 100 s are 100000 times"):
        grid(0.001, 100)


def test_it_counts_from_the_first_time_after_which_every_answer_is_right():
    figure = time_to_diagnosis(Truth((F1,)), answers([PASS, PASS, PASS, FAIL, PASS, FAIL, PASS, PASS]))
    assert (figure.at_s, figure.after_injection_s, figure.after_effect_s) == (210, 110, 95)


def test_right_answers_before_the_injection_do_not_shorten_it():
    figure = time_to_diagnosis(Truth((F1,)), answers([PASS] * 8))
    assert (figure.at_s, figure.after_injection_s, figure.after_effect_s) == (120, 20, 5)


@pytest.mark.parametrize("last", [FAIL, Outcome.INCONCLUSIVE])
def test_there_is_none_where_the_last_answer_is_not_right(last):
    figure = time_to_diagnosis(Truth((F1,)), answers([PASS, PASS, PASS, PASS, PASS, last]))
    assert (figure.at_s, figure.because) == (None, "the last answer is not right")


def test_of_several_faults_the_last_that_showed_counts():
    figure = time_to_diagnosis(Truth((F1, F2, UNSEEN)), answers([PASS] * 8))
    assert (figure.at_s, figure.after_injection_s, figure.after_effect_s) == (180, 30, 25)


@pytest.mark.parametrize(
    ("truth", "because"),
    [(Truth(), "no fault was injected"), (Truth((UNSEEN,)), "no injected fault showed")],
)
def test_there_is_none_without_a_fault_that_showed(truth, because):
    assert time_to_diagnosis(truth, answers([PASS] * 8)).because == because


def test_there_is_none_of_a_run_that_is_not_graded():
    assert time_to_diagnosis(Truth((F1,)), answers([None] * 8)).because == "the run is not to be graded"


def test_blame_before_any_injection_is_counted():
    blamed = time_to_diagnosis(Truth((F1, F2)), answers([FAIL, FAIL, FAIL, PASS, PASS, PASS]))
    assert (blamed.early_alarms, blamed.early) == (3, 3)
    quiet = time_to_diagnosis(Truth((F1, F2)), answers([PASS] * 6, content=Diagnosis(Verdict.HEALTHY)))
    assert (quiet.early_alarms, quiet.early) == (0, 3)


def test_what_is_true_at_a_time_is_what_had_been_injected_by_then():
    truth = Truth((F1, F2), (TrueDecoy("d1", "deploy", "model", 140.0),))
    assert truth_by(truth, 100.0) == Truth()
    assert truth_by(truth, 140.0) == Truth((F1,), truth.decoys)
    assert truth_by(truth, 150.1) == truth


@pytest.mark.parametrize("text", ["time_to_diagnosis <= 60", "rules.time_to_diagnosis_s <= 30s"])
def test_no_suite_sets_a_threshold_on_it(text):
    with pytest.raises(ValueError, match="reward guessing early"):
        parse_threshold(text)


LOOKING = """
import json, pathlib, sys
observed = pathlib.Path(sys.argv[1])
seen = [json.loads((observed / "system.json").read_text())["duration_s"], str(observed)]
finding = {"culprit": "orders->db", "boundary": "network", "kind": "network-partition", "onset_s": None,
           "confidence": 1.0, "why": [json.dumps(seen)]}
answer = {"schema_version": 1, "verdict": "healthy"}
if seen[0] > 40:
    answer = {"schema_version": 1, "verdict": "fault", "findings": [finding]}
print(json.dumps(answer))
"""


@pytest.fixture
def made(folder: Path) -> RunDirectory:
    """A recording of 60 s in which a link is cut at 30 s, with an engine beside it that finds that after 40 s."""
    Path("looking.py").write_text(LOOKING, encoding="utf-8")
    run("cut.scenario.yaml", "--engine", "constant")
    return open_run(next(Path("runs/cut").iterdir()))


ENGINE = "cmd:python3 looking.py"


def test_answers_over_time_and_the_figure_as_json(made, capsys):
    capsys.readouterr()
    before = digests(made.path)
    code, document = run_json(capsys, "diagnose", "--every", "10s", made.path, "--engine", ENGINE)
    (one,) = document["over_time"]
    assert (code, document["exit_code"], document["problems"]) == (0, 0, [])
    assert [(a["at_s"], a["outcome"]) for a in one["answers"]] == [
        (10, "inconclusive"), (20, "pass"), (30, "pass"), (40, "fail"), (50, "pass"), (60, "pass"),
    ]  # fmt: skip
    figure = one["time_to_diagnosis"]
    assert (figure["at_s"], figure["after_injection_s"], figure["early"]) == (50, 20, 3)
    assert figure["after_effect_s"] == 50 - made.truth().faults[0].witnessed_s
    assert digests(made.path) == before


def test_an_engine_sees_the_cut_under_a_neutral_name(made, capsys):
    capsys.readouterr()
    _, document = run_json(capsys, "diagnose", "--at", "50s", "--at", "44.5s", made.path, "--engine", ENGINE)
    found = document["over_time"][0]["answers"]
    seen = [json.loads(a["answer"]["findings"][0]["why"][0]) for a in found]
    assert [duration_s for duration_s, _ in seen] == [44.5, 50.0]
    for _, path in seen:
        assert Path(path).name == "observed"
        assert not {"cut", "44.5", "50"} & set(path.split(os.sep))
    assert document["over_time"][0]["time_to_diagnosis"] is None


DIGESTING = """
import hashlib, json, pathlib, sys
observed = pathlib.Path(sys.argv[-1])
files = sorted(path for path in observed.rglob("*") if path.is_file())
seen = {path.relative_to(observed).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
finding = {"culprit": "db", "boundary": "data", "kind": "stale", "onset_s": None, "confidence": 1.0}
answer = {"schema_version": 1, "verdict": "fault", "findings": [{**finding, "why": [json.dumps(seen)]}]}
print(json.dumps(answer))
"""


@pytest.mark.slow
def test_no_engine_s_answer_depends_on_what_came_later(folder, capsys):
    """Two recordings with one past: in one of them a link is cut after the times asked, and the load grows."""
    Path("digesting.py").write_text(DIGESTING, encoding="utf-8")
    more = "\ndecoys: [{id: d1, type: traffic-surge, target: people, at: 42s, for: 10s, with: {rate: 9/s}}]\n"
    write("cut", CUT.replace("at: 30s", "at: 41s").replace("for: 25s", "for: 15s") + more.lstrip())
    for name in ("cut", "quiet"):
        assert run(f"{name}.scenario.yaml", "--engine", "constant") in (0, 1)
    runs = [next(Path("runs", name).iterdir()) for name in ("cut", "quiet")]
    whole = [digests(path / "observed") for path in runs]
    assert whole[0] != whole[1]
    engines = [*installed_engines(), "cmd:python3 digesting.py"]
    asked = [word for engine in engines for word in ("--engine", engine)]
    capsys.readouterr()
    _, told = run_json(capsys, "diagnose", "--at", "7.3s", "--at", "40s", "--at", "40.9s", *runs, *asked)
    answers = {(one["scenario"], one["engine"]): [a["answer"] for a in one["answers"]] for one in told["over_time"]}
    assert len(answers) == 2 * len(engines)
    for engine in engines:
        assert answers["cut", engine] == answers["quiet", engine], engine
        assert len(answers["cut", engine]) == 3
    ends = [json.loads(answer["findings"][0]["why"][0]) for answer in answers["cut", engines[-1]]]
    assert len({json.dumps(end) for end in ends}) == 3


def test_answers_at_a_time_are_printed_as_any_answer(made, capsys):
    capsys.readouterr()
    assert lab("diagnose", "--at", "35s", "--at", "50s", made.path, "--engine", ENGINE) == 0
    printed = capsys.readouterr().out
    assert "at 35 s  (isolation" in printed
    assert "healthy: nothing is wrong" in printed
    assert "at 50 s  (isolation" in printed
    assert "network-partition of orders->db" in printed


def test_the_table_ends_with_the_figure(made, capsys):
    capsys.readouterr()
    assert lab("diagnose", "--every", "20s", made.path, "--engine", ENGINE) == 0
    printed = capsys.readouterr().out
    assert "truth: network-partition of orders->db" in printed
    assert "time to diagnosis: 30 s after the injection" in printed
    assert "(right from 60 s on, asked every 20 s)" in printed
    assert "blamed something at 0 of 1 times with nothing injected yet" in printed


def test_an_engine_that_gives_no_answer_at_some_time_ends_with_1(made, capsys):
    capsys.readouterr()
    failing = "cmd:sh -c 'grep -q 40.0 \"$0/system.json\" && exit 7; cat /dev/null; exit 3'"
    code, document = run_json(capsys, "diagnose", "--at", "40s", made.path, "--engine", failing)
    assert code == document["exit_code"] == 1
    assert "7" in document["over_time"][0]["answers"][0]["answer"]["failure"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--at", "215"], "expected a duration with its unit"),
        (["--at", "nan"], "'nan' is not a time"),
        (["--at", "2 weeks"], "'2 weeks' is not a time"),
        (["--at", "-10s"], "lies in the warm-up, which is not recorded"),
        (["--at", "0s"], "is not after second 0"),
        (["--every", "0s"], "is not after second 0"),
        (["--at", "61s"], "after the recording ends"),
        (["--at", "10s", "--every", "10s"], "contradict each other"),
        (["--every", "1ms"], "too many times to ask at"),
    ],
)
def test_times_that_cannot_be_are_refused_with_what_was_expected(made, capsys, words, message):
    capsys.readouterr()
    assert lab("diagnose", *words, made.path, "--engine", ENGINE) == 2
    assert message in capsys.readouterr().err


def test_a_recording_without_that_time_is_named_and_the_others_are_asked(made, capsys):
    run("quiet.scenario.yaml", "--engine", "constant")
    capsys.readouterr()
    write("long", duration=90)
    run("long.scenario.yaml", "--engine", "constant")
    capsys.readouterr()
    code, document = run_json(capsys, "diagnose", "--at", "80s", "runs", "--engine", ENGINE)
    assert code == 2
    assert [one["scenario"] for one in document["over_time"]] == ["long"]
    assert [Path(problem["file"]).parent.name for problem in document["problems"]] == ["cut", "quiet"]


def test_earlier_times_come_first_so_that_an_engine_remembers_no_future(made, tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    install(tmp_path / "site", monkeypatch)
    with EngineHost(EngineOptions(timeout_s=PATIENCE_S)) as host:
        found = diagnose_over_time(made, ["counts"], [50.0, 20.0, 60.0], host)["counts"]
    calls: list[Any] = [then.answer.content for then in found]
    assert [answer.findings[0].culprit.split(" of ")[0] for answer in calls] == ["call 1", "call 2", "call 3"]
    assert [then.at_s for then in found] == [20, 50, 60]


def test_answers_over_time_are_kept_when_asked_for_and_shown_on_the_page(made, capsys):
    assert lab("report", made.path) == 0
    page = made.path / "report.html"
    assert "over time" not in page.read_text(encoding="utf-8")
    before = digests(made.path / "diagnosis")
    assert lab("diagnose", "--every", "10s", "--keep", made.path, "--engine", ENGINE) == 0
    assert digests(made.path / "diagnosis") == before
    (kept,) = kept_over_time(open_run(made.path))
    assert (kept.engine, kept.every_s, kept.figure.at_s) == (ENGINE, 10.0, 50.0)
    assert OverTime.from_json(json.loads(json.dumps(kept.to_json()))) == kept
    text = page.read_text(encoding="utf-8")
    assert "time to diagnosis: 20" in text.replace("\u00a0", " ")
    assert text.count('network-partition of <span class="link">orders') == 2
    assert "Answers of cmd:python3 looking.py over time" in text


def test_a_broken_file_of_answers_over_time_is_named(made):
    made.write_over_time(ENGINE, {"schema_version": 1, "engine": ENGINE})
    with pytest.raises(UserError, match="broken file in a recording"):
        kept_over_time(made)


def test_keeping_needs_a_grid(made, capsys):
    assert lab("diagnose", "--at", "10s", "--keep", made.path, "--engine", ENGINE) == 2
    assert "--keep keeps the answers of --every" in capsys.readouterr().err
