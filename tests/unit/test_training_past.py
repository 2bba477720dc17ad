"""Sessions whose exercise is not offered now are listed as past; those that were concluded can be read."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.investigation.exercises import Course
from tests.investigating import INSTRUCTOR, JOINING, RIGHT, Client, answered, client, course, training


@pytest.fixture
def other(tmp_path: Path) -> Course:
    """A course of another exercise."""
    (tmp_path / "other").mkdir()
    there = course(tmp_path / "other", duration_s=200)
    return replace(there, name="new", exercises=(replace(there.exercises[0], id="new-1", course="new"),))


@pytest.fixture
def before(prepared: Any, tmp_path: Path) -> dict[str, str]:
    """Paths of sessions of before: begun, answered, and begun blind."""
    of = training(tmp_path, [prepared])
    alone = client(of)
    wishes = {"open": {"exercise": "own-1"}, "done": {"exercise": "own-1"}, "blind": {"blind": 3}}
    paths = {name: f"/sessions/{alone.post('/sessions', wish)['id']}" for name, wish in wishes.items()}
    answered(alone, paths["done"], RIGHT)
    of.close()
    return paths


def listed(of: Client) -> dict[str, Any]:
    return {f"/sessions/{one['session']}": one for one in of.get("/exercises")["past"]}


def test_they_are_listed_with_how_they_stand(before: dict[str, str], other: Course, tmp_path: Path):
    found = listed(client(training(tmp_path, [other])))
    told = {name: (found[path]["title"], found[path]["status"], found[path]["score"]) for name, path in before.items()}
    assert told == {
        "open": ("Exercise 1", "open", None),
        "done": ("Exercise 1", "released", 100.0),
        "blind": (None, "open", None),
    }
    assert found[before["blind"]]["exercise"] is None
    assert found[before["done"]]["exercise"] == "own-1"
    assert {one["why"] for one in found.values()} == {"it is not offered now"}


def test_nobody_can_go_on_with_them(before: dict[str, str], other: Course, tmp_path: Path):
    alone = client(training(tmp_path, [other]))
    for path in before.values():
        for method, more in (("GET", ""), ("GET", "/system"), ("POST", "/hints"), ("POST", "/retry")):
            assert alone.refused(method, path + more)[0] == 404
    assert alone.get("/sessions") == []


def test_of_those_that_were_concluded_debrief_and_post_mortem_can_be_read_and_edited(
    before: dict[str, str], other: Course, tmp_path: Path
):
    alone = client(training(tmp_path, [other]))
    assert alone.get(f"{before['done']}/debrief")["truth"]["faults"]
    assert alone.ask("GET", f"/api/v1{before['done']}/postmortem").text.startswith("# Post-mortem")
    assert alone.ask("PUT", f"/api/v1{before['done']}/postmortem", {"text": "mine", "revision": 0}).status == 200
    assert alone.ask("GET", f"/api/v1{before['done']}/postmortem").text == "mine"
    assert alone.refused("GET", f"{before['open']}/postmortem")[0] == 403


def test_a_debrief_that_is_not_there_any_more_is_told_so(before: dict[str, str], other: Course, tmp_path: Path):
    shutil.rmtree(tmp_path / "debriefs")
    status, problem = client(training(tmp_path, [other])).refused("GET", f"{before['done']}/debrief")
    assert (status, problem["what"]) == (404, "the debrief is not kept any more")


def test_where_the_scenario_has_changed_that_is_why(before: dict[str, str], other: Course, tmp_path: Path):
    changed = replace(other, exercises=(replace(other.exercises[0], id="own-1"),))
    found = listed(client(training(tmp_path, [changed])))
    assert {one["why"] for one in found.values()} == {"its scenario or seed has changed"}


def test_with_the_exercise_they_are_there_again(before: dict[str, str], prepared: Any, tmp_path: Path):
    alone = client(training(tmp_path, [prepared]))
    assert listed(alone) == {}
    assert alone.get(before["open"])["status"] == "ready"


def test_others_see_none_of_them_and_a_group_waits_for_the_instructor(prepared: Any, other: Course, tmp_path: Path):
    of = training(tmp_path, [prepared], is_group=True)
    joining = client(of, JOINING)
    tokens = [joining.post("/participants", {"name": name})["token"] for name in ("Ann", "Bo")]
    ann = Client(joining.app, tokens[0])
    path = ann.begin()
    answered(ann, path, RIGHT)
    of.close()
    app = client(training(tmp_path, [other], is_group=True), JOINING).app
    ann, bo, teacher = (Client(app, token) for token in (*tokens, INSTRUCTOR))
    assert (listed(ann)[path]["status"], listed(ann)[path]["score"]) == ("answered", None)
    assert ann.refused("GET", f"{path}/debrief")[0] == 403
    assert listed(bo) == {}
    assert bo.refused("GET", f"{path}/debrief")[0] == 404
    (row,) = teacher.ask("GET", "/api/v1/group/export?format=json").json["sessions"]
    told = {name: row[name] for name in ("participant", "exercise", "title", "status", "culprit", "score", "is_past")}
    assert list(told.values()) == ["Ann", "own-1", "Exercise 1", "answered", "desk->db", 100.0, True]
    assert row["counts"] is False
    teacher.post("/group/release", {})
    assert listed(ann)[path]["status"] == "released"
    assert ann.get(f"{path}/debrief")
