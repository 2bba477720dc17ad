"""The debrief and the post-mortem of a session, on a small system: what they tell follows from the recording."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.contracts import Grade, Outcome, TrueFault
from lab.investigation.acting import Action, run_with_actions
from lab.investigation.aftermath import left
from lab.investigation.control import FILE, Control, control_of
from lab.investigation.debrief import debrief
from lab.investigation.exercises import Exercise, exercise_of
from lab.investigation.outcomes import Course, judged_actions
from lab.investigation.postmortem import escaped, postmortem
from lab.investigation.recordings import record
from lab.investigation.scoring import MOST, score
from lab.recording.rundir import RunDirectory, sealed, write_json
from lab.scenario import load_scenario
from lab.signals import SignalTable, load_signals
from tests.cli_cases import lab, run_json, write

CUT = """\
faults: [{id: f1, type: network-partition, target: orders->db, at: 60s, for: 180s}]
training:
  title: Orders fail
  hints: [Look at the links., Look at orders.]
  hint_cost: 7
  remedies: [{remedy: reroute-link, place: orders->db}]
"""
RIGHT = {"culprit": "orders->db", "boundary": "network", "kind": "network-partition", "onset_s": 61.0,
         "confidence": 0.8, "evidence": [], "why": ["orders fail", "nobody reaches the *database*"]}  # fmt: skip
WRONG_THEN_RIGHT = (Action(100.0, "restart", "db"), Action(150.0, "reroute-link", "orders->db"))


def session(actions: tuple[Action, ...] = (), **more: Any) -> dict[str, Any]:
    done = [
        {"id": str(i), "at_s": one.at_s - 30, "done_s": one.at_s, "title": one.remedy, **one.to_json()}
        | {"at_s": one.at_s - 30}
        for i, one in enumerate(actions)
    ]
    board = {"hypotheses": [], "pins": [], "notes": [{"id": "n", "text": "# <b>odd</b>", "at_s": 80.0}], "whys": []}
    answer = {"schema_version": 1, "verdict": "fault", "findings": [RIGHT]}
    return {"id": "abcdefgh", "participant": "anna", "is_blind": False, "hints": [], "actions": done, "answer": answer,
            "answered_at_s": 200.0, "start_s": 10.0, "board": board, "looks": [], **more}  # fmt: skip


@pytest.fixture
def exercise(folder: Path) -> Exercise:
    return exercise_of(load_scenario(write("cut", CUT, duration=360)), "own", 1)


@pytest.fixture
def run(exercise: Exercise, folder: Path) -> RunDirectory:
    return record(exercise, folder / "runs")


def test_the_control_is_the_run_without_its_faults(exercise: Exercise, run: RunDirectory) -> None:
    made, kept = control_of(run, exercise.scenario), control_of(run, exercise.scenario)
    assert made is not None
    assert kept is not None
    [effect] = [one for one in run.effects()["f1"] if one["signal"] == "error_ratio"]
    series = made.signals.get("error_ratio", effect["subject"])
    during = (series.times_s > 60) & (series.times_s <= 240)
    assert series.values[during].mean() == pytest.approx(effect["without"], abs=1e-6)
    assert {(one.signal, one.subject) for one in made.signals} == {(one.signal, one.subject) for one in kept.signals}


def test_a_control_that_is_damaged_is_made_again(exercise: Exercise, run: RunDirectory) -> None:
    made, kept = control_of(run, exercise.scenario), run.path / FILE
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    again = control_of(run, exercise.scenario)
    assert made is not None
    assert again is not None
    assert len(again.signals) == len(made.signals)
    assert kept.read_bytes() == whole


def test_a_debrief_tells_the_truth_and_judges_the_answer_as_the_graders_do(
    exercise: Exercise, run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    told = debrief(run, None, exercise, session())
    [fault] = told["truth"]["faults"]
    assert (fault["kind"], fault["culprit"], fault["injected_s"]) == ("network-partition", "orders->db", 60)
    own = told["answers"][0]
    assert (own["who"], own["outcome"]) == ("you", "pass")
    _, document = run_json(capsys, "grade", run.path, "--engine", own["kept_as"])
    graded = [(grade["grader"], grade["outcome"], grade["explanation"]) for grade in document["cases"][0]["grades"]]
    assert [(one["axis"], one["outcome"], one["why"]) for one in own["grades"]] == graded
    assert told["helps"] == [
        {"remedy": "reroute-link", "place": "orders->db", "value": None, "title": "Route a link another way"}
    ]


def test_a_wrong_remedy_is_told_from_the_one_that_helps(exercise: Exercise, run: RunDirectory, folder: Path) -> None:
    acted = run_with_actions(exercise.scenario, exercise.seed, WRONG_THEN_RIGHT, folder / "runs")
    told = debrief(run, acted, exercise, session(WRONG_THEN_RIGHT))
    assert [one["helped"] for one in told["actions"]] == [False, True]
    assert 150 - 60 <= told["times"]["mitigate_s"] < 120
    costs = {one["name"]: one for one in told["costs"]}
    assert costs["failed_requests"]["incident"] > 0
    assert costs["failed_requests"]["saved"] > 0
    assert {"with_actions", "as_it_was", "without_fault"} <= told["series"][0].keys()


def test_what_was_done_in_a_run_is_told_though_no_session_is_kept(
    exercise: Exercise, run: RunDirectory, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    acted = run_with_actions(exercise.scenario, exercise.seed, WRONG_THEN_RIGHT, folder / "runs")
    assert lab("postmortem", acted.path) == 0
    text = capsys.readouterr().out
    assert "| 01:40 | action | Restart a component: db |" in text
    assert "| 02:30 | action | Route a link another way: orders->db |" in text
    assert "* What helped: Route a link another way (orders->db) at 02:30" in text
    assert "| what | as it was | without the incident | cost | saved by actions | meaning |" in text
    assert "| 742 | 729 | requests of users that failed |" in text
    moved = acted.path.rename(folder / "alone")
    assert lab("postmortem", moved) == 0
    text = capsys.readouterr().out
    assert "| 02:30 | action | Route a link another way: orders->db |" in text
    assert "| 742 | – | requests of users that failed |" in text
    assert "What helped" not in text, "beside no other recording nothing can be said"
    assert "It was not mended" not in text


def test_what_was_mended_before_it_broke_helped_nothing() -> None:
    done = [{"done_s": 40.0}, {"done_s": 100.0}]
    early, none = (
        judged(done, 60.0),
        judged(done, None),
    )
    assert early[0]["helped"] is False
    assert early[0]["why"].startswith("Nothing was wrong yet")
    assert early[1]["helped"] is None
    assert none[1]["why"] == "There was nothing to mend."


def judged(done: list[dict[str, float]], onset_s: float | None) -> list[dict[str, Any]]:
    """These actions where nothing was measured that a fault moves."""
    if onset_s is None:
        return judged_actions(done, [], 200.0)
    none = SignalTable([])
    nothing = left(none, Control(none, ()), [], none, none)
    fault = TrueFault("f1", "network-partition", "orders->db", "network", onset_s, 200.0, None)
    return judged_actions(done, [Course(fault, 200.0, nothing, nothing, nothing)], 200.0)


def test_what_ended_by_itself_was_helped_by_nobody(exercise: Exercise, run: RunDirectory, folder: Path) -> None:
    late = (Action(270.0, "reroute-link", "orders->db"),)
    acted = run_with_actions(exercise.scenario, exercise.seed, late, folder / "runs")
    [action] = debrief(run, acted, exercise, session(late))["actions"]
    assert action["helped"] is False
    assert action["why"].endswith("It was over by then without any action.")


def test_evidence_says_when_it_stood_out_and_when_it_was_looked_at(exercise: Exercise, run: RunDirectory) -> None:
    looks = [{"kind": "signal", "reference": "client_error_ratio:orders->db", "at_s": at_s} for at_s in (30.0, 90.0)]
    told = debrief(run, None, exercise, session(looks=looks))
    pieces: Mapping[tuple[str, str], Any] = {(one["signal"], one["subject"]): one for one in told["evidence"]}
    errors = pieces["client_error_ratio", "orders->db"]
    assert errors["source"] == "witness"
    assert 60 < errors["first_visible_s"] <= 70
    assert errors["looked_s"] == 90
    assert told["times"]["detect_s"] <= 30
    assert told["times"]["diagnose_s"] == 140
    assert told["times"]["mitigate_s"] is None


def test_times_count_from_when_somebody_was_called(exercise: Exercise, run: RunDirectory) -> None:
    times = debrief(run, None, exercise, session(start_s=150.0))["times"]
    assert (times["onset_s"], times["called_s"], times["detect_s"], times["diagnose_s"]) == (60, 150, 0, 50)


def test_times_count_from_the_fault_where_it_began_after_the_call(exercise: Exercise, run: RunDirectory) -> None:
    times = debrief(run, None, exercise, session(start_s=30.0))["times"]
    assert (times["onset_s"], times["called_s"], times["diagnose_s"]) == (60, 30, 200 - 60)


def test_missing_limits_page_nobody_without_the_fault(exercise: Exercise, run: RunDirectory) -> None:
    told = debrief(run, None, exercise, session())
    control = control_of(run, exercise.scenario)
    assert control is not None
    assert told["monitoring"]["missing"]
    for one in told["monitoring"]["missing"]:
        plain = control.signals.get(one["signal"], one["subject"])
        beyond = plain and (plain.values > one["limit"] if one["side"] == "above" else plain.values < one["limit"])
        assert plain is None or not beyond.any()
        mine = load_signals(run.observed).get(one["signal"], one["subject"])
        assert mine is not None
        assert one["alert_s"] > 60


def test_a_score_is_the_axes_minus_the_hints() -> None:
    right, wrong = Outcome.PASS, Outcome.FAIL
    grades = [Grade("culprit", right, 1.0, "", "", ""), Grade("kind", wrong, 0.0, "", "", "")]
    assert score(grades).points == pytest.approx(MOST * 40 / 60, abs=0.05)
    assert score(grades, hints=20).points == pytest.approx(MOST * 40 / 60 - 20, abs=0.05)
    assert score(grades, hints=90).points == 0
    assert score([Grade("stranger", right, 1.0, "", "", "")]).points is None


def test_hints_cost_what_they_say(exercise: Exercise, run: RunDirectory) -> None:
    full = debrief(run, None, exercise, session())["score"]["points"]
    hinted = debrief(run, None, exercise, session(hints=[{"number": 0, "at_s": 50.0}, {"number": 1, "at_s": 55.0}]))
    assert hinted["score"]["hints"] == 14
    assert hinted["score"]["points"] == pytest.approx(full - 14)


def test_a_postmortem_has_all_sections_and_nobody_adds_markup_to_it(exercise: Exercise, run: RunDirectory) -> None:
    worked = session()
    text = postmortem(debrief(run, None, exercise, worked), exercise, worked)
    titles = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert titles[:4] == ["Summary", "Impact", "Timeline", "Detection"]
    assert titles[-1] == "Action items"
    assert "<b>" not in text.replace("\\<b>", "")
    assert "1. orders fail\n2. nobody reaches the \\*database\\*\n3. _(to be filled in)_" in text
    assert "**network-partition** on **orders->db**" in text


@pytest.mark.parametrize("text", ["# a", "- a", "1. a", "> a", "<script>", "![x](y)", "a | b", "`a`", "*a*", "_a_"])
def test_what_people_write_is_text(text: str) -> None:
    assert "\\" in escaped(text)
    assert escaped(text).replace("\\", "") == text
    assert "\n" not in escaped("a\n# b")


def test_a_recording_of_a_session_has_its_postmortem(
    exercise: Exercise, run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    debrief(run, None, exercise, session())
    capsys.readouterr()
    assert lab("postmortem", run.path) == 0
    assert "odd" in capsys.readouterr().out
    assert lab("postmortem", run.path, "--as", "nobody") == 2
    assert "anna abcdef" in capsys.readouterr().err
    assert lab("postmortem", run.path, "-o", "out.md") == 0
    assert Path("out.md").read_text(encoding="utf-8").startswith("# Post-mortem: Orders fail")


def test_a_recording_that_cannot_be_written_to_has_the_postmortem_of_its_session(
    exercise: Exercise, run: RunDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    debrief(run, None, exercise, session())

    def read_only(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr("lab.recording.rundir.write_file", read_only)
    monkeypatch.setattr("lab.investigation.control.write_file", read_only)
    capsys.readouterr()
    assert lab("postmortem", run.path) == 0
    assert "odd" in capsys.readouterr().out


def test_a_recording_that_cannot_be_made_again_has_a_postmortem_without_its_control(
    run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    meta = sealed({**run.meta, "key": "of another lab"})
    write_json(run.path / "run.json", meta)
    capsys.readouterr()
    assert lab("postmortem", run.path) == 0
    text = capsys.readouterr().out
    assert "What it cost is not known" in text
    assert "**network-partition** on **orders->db**" in text
