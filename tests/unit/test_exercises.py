"""Courses: scenarios as exercises, with texts that tell nothing of the cause; bad files say what is wrong and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.cli import main
from lab.errors import ExitCode, UserError
from lab.files.finding import shipped_names
from lab.investigation.exercises import SUFFIX, Course, courses, load_course
from tests.cli_cases import CUT, write

COURSE = """\
schema_version: 1
name: mine
title: First incidents
exercises:
  - {scenario: cut.scenario.yaml, seed: 8}
  - {scenario: quiet.scenario.yaml}
"""
TRAINING = """\
training:
  title: Orders are slow
  level: beginner
  topics: [latency]
  brief: Customers wait.
  hints: [Look at orders., Look closer.]
  hint_cost: 4
"""


def write_course(text: str = COURSE) -> Path:
    path = Path("mine.course.yaml")
    path.write_text(text, encoding="utf-8")
    return path


def named(name: str, found: list[Course]) -> Course:
    return next(course for course in found if course.name == name)


@pytest.mark.usefixtures("folder")
def test_a_course_is_a_list_of_exercises_in_its_order() -> None:
    write("cut", CUT + TRAINING)
    course = load_course(write_course())
    first, second = course.exercises
    assert (course.name, course.title) == ("mine", "First incidents")
    assert (first.id, first.number, first.title, first.level) == ("mine-1", 1, "Orders are slow", "beginner")
    assert (first.topics, first.brief) == (("latency",), "Customers wait.")
    assert [(hint.text, hint.cost) for hint in first.hints] == [("Look at orders.", 4), ("Look closer.", 4)]
    assert (first.seed, second.seed) == (8, 3)
    assert second.title == "Exercise 2"


@pytest.mark.usefixtures("folder")
def test_scenarios_given_by_themselves_form_a_course_of_their_own() -> None:
    own = named("own", courses(["quiet.scenario.yaml", "cut.scenario.yaml"]))
    assert [(one.id, one.scenario.scenario.name) for one in own.exercises] == [("own-1", "quiet"), ("own-2", "cut")]


@pytest.mark.usefixtures("folder")
def test_two_courses_of_one_name_are_told_apart_by_nobody() -> None:
    first = write_course()
    second = Path("other.course.yaml")
    second.write_text(first.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(UserError, match="two courses are called 'mine'") as caught:
        courses([first, second])
    [problem] = caught.value.problems
    assert (problem.file, problem.line, problem.column) == ("other.course.yaml", 2, 7)
    assert problem.expected == "another name than that of mine.course.yaml"


@pytest.mark.usefixtures("folder")
def test_a_course_may_not_be_called_as_scenarios_given_by_themselves_are() -> None:
    course = write_course(COURSE.replace("name: mine", "name: own"))
    with pytest.raises(UserError, match=r"mine.course.yaml:2:7: the name 'own' is taken"):
        courses([course, "cut.scenario.yaml"])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("cut.scenario.yaml, seed: -1", "5:41: bad value for 'seed'"),
        ("cut.scenario.yaml, sead: 8", "5:35: unknown key 'sead'"),
        ("cat.scenario.yaml, seed: 8", "5:16: "),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_wrong_with_a_course_is_told_with_its_place(
    text: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_course(COURSE.replace("cut.scenario.yaml, seed: 8", text))
    assert main(["validate", str(path)]) == ExitCode.INVALID
    assert f"mine.course.yaml:{place}" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_problems_of_a_scenario_keep_their_place_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    write("cut", CUT.replace("orders->db", "orders->bd"))
    assert main(["validate", str(write_course())]) == ExitCode.INVALID
    assert "cut.scenario.yaml:" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_courses_are_listed_and_their_scenarios_with_them(capsys: pytest.CaptureFixture[str]) -> None:
    write_course()
    assert main(["list", "mine.course.yaml", "--json"]) == ExitCode.OK
    document = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in document["scenarios"]] == ["cut", "quiet"]
    assert [(one["name"], [each["id"] for each in one["exercises"]]) for one in document["courses"]] == [
        ("mine", ["mine-1", "mine-2"])
    ]


@pytest.mark.parametrize("path", shipped_names(SUFFIX).values(), ids=lambda path: path.name)
def test_a_shipped_course_is_listed_by_its_name_and_tells_no_fault(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    course = load_course(path)
    assert main(["list", course.name]) == ExitCode.OK
    output = capsys.readouterr().out
    for exercise in course.exercises:
        assert exercise.title in output
        for fault in exercise.scenario.scenario.faults:
            assert f"{fault.type} of" not in output


@pytest.mark.usefixtures("folder")
def test_what_is_the_matter_in_an_exercise_is_listed_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    write("cut", CUT + TRAINING)

    def listed(*more: str) -> str:
        assert main(["list", str(write_course()), *more]) == ExitCode.OK
        return capsys.readouterr().out

    assert "network-partition of orders->db" in listed("--spoilers")
    assert "network-partition" not in listed()
    assert "Orders are slow" in listed()
    assert "exercise, beginner · latency" in listed()
    assert "no fault" in listed(), "quiet is for nobody to solve, and listed as ever"


@pytest.mark.usefixtures("folder")
def test_another_kind_of_file_is_no_course() -> None:
    with pytest.raises(UserError, match="this is a scenario file, not a course"):
        load_course(Path("cut.scenario.yaml"))
