"""What a file says for people is checked before they read it: texts, times, remedies, names; each with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import ExitCode
from lab.investigation.exercises import exercise_of, load_course
from lab.scenario import load_scenario
from tests.cli_cases import CUT, lab, write

COURSE = "schema_version: 1\nname: {name}\ntitle: {title}\nexercises:\n  - {{scenario: cut.scenario.yaml}}\n{more}"


def told(capsys: pytest.CaptureFixture[str], file: str) -> str:
    capsys.readouterr()
    assert lab("validate", file) == ExitCode.INVALID
    return capsys.readouterr().err


def of_training(capsys: pytest.CaptureFixture[str], line: str, faults: str = CUT) -> str:
    """What is told of a scenario with this line of `training`, which is its line 9."""
    write("cut", f"{faults}training:\n  {line}\n")
    return told(capsys, "cut.scenario.yaml")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("line", "column", "said"),
    [
        ("title: ''", 10, ["1 or more characters"]),
        ("title: '   '", 10, ["one line of text that can be seen", "leave it out"]),
        ('title: "a\\nb"', 10, ["character 2 is a line break", "take it out"]),
        ('title: "a\\u202eb"', 10, ["character 2 is U+202E"]),
        ('title: "a\\0b"', 10, ["character 2 is U+0000"]),
        ("title: null", 10, ["seen:     nothing", "leave it out, or give it a value"]),
        ("brief: ' '", 10, ["text that can be seen"]),
        (f"brief: {'x' * 4001}", 10, ["4000 or fewer characters"]),
        ("hints: ['']", 11, ["1 or more characters"]),
        (f"hints: [{', '.join(['h'] * 21)}]", 10, ["20 or fewer entries"]),
        ("hints: [Look: here]", 11, ["a colon and a blank make a mapping", '"Look: here"']),
        ("called_at: 60", 14, ["60s if seconds are meant"]),
        ("called_at: 60s", 14, ["when all is over", "before the end at 1m"]),
        ("called_at: 2h", 14, ["seen:     2h", "something left to watch"]),
        ("title: A network partition", 10, ["tells the kind of fault", "what somebody on call notices"]),
        ("title: Does orders reach db?", 10, ["tells the target"]),
        ("topics: [errors, network-partition]", 20, ["tells the kind of fault"]),
        (
            "remedies: [{remedy: reroute-link, place: orders->db}, {remedy: reroute-link, place: orders->db}]", 57,
            ["the same remedy is given twice", "it is entry 1 as well"],
        ),
        (
            "remedies: [{remedy: restore-cpu, place: db}]", 14,
            ["'restore-cpu' at 'db' changes nothing in this incident", "link.cut of orders->db"],
        ),
        (
            "remedies: [{remedy: scale-out, place: orders/workers, value: true}]", 64,
            ["this value is no number", "seen:     true", "a whole number", "give a number"],
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_at_its_place(
    capsys: pytest.CaptureFixture[str], line: str, column: int, said: list[str]
) -> None:
    error = of_training(capsys, line)
    assert error.startswith(f"cut.scenario.yaml:9:{column}: "), error
    for words in said:
        assert words in error


@pytest.mark.usefixtures("folder")
def test_nothing_helps_where_nothing_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    error = of_training(capsys, "remedies: [{remedy: restart, place: db}]", faults="faults: []\n")
    assert "nothing is wrong in a control" in error
    assert "take the remedies out" in error


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "line",
    [
        "title: People of the family \U0001f468\u200d\U0001f469 wait for orders",
        "called_at: 59s",
        'brief: "Two\\nlines."',
        "topics: [orders, links]",
        "remedies: [{remedy: restart, place: db}, {remedy: reroute-link, place: orders->db}]",
    ],
)
def test_what_can_be_is_right(line: str) -> None:
    """Of a remedy that does more than put levers back only a run can tell whether it helps."""
    write("cut", f"{CUT}training:\n  {line}\n")
    assert lab("validate", "cut.scenario.yaml") == ExitCode.OK


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "title", "more", "place", "said"),
    [
        ("on-call", "Mine", "", "2:7", "the name 'on-call' is taken"),
        ("own", "Mine", "", "2:7", "the name 'own' is taken"),
        ("mine", "'  '", "", "3:8", "one line of text that can be seen"),
        ("mine", "Mine", "  - {scenario: cut.scenario.yaml, seed: 3}\n", "6:5", "the same exercise twice"),
    ],
)
def test_a_course_that_cannot_be_offered_is_told(
    capsys: pytest.CaptureFixture[str], name: str, title: str, more: str, place: str, said: str
) -> None:
    Path("mine.course.yaml").write_text(COURSE.format(name=name, title=title, more=more), encoding="utf-8")
    error = told(capsys, "mine.course.yaml")
    assert error.startswith(f"mine.course.yaml:{place}: ")
    assert said in error


@pytest.mark.usefixtures("folder")
def test_the_same_incident_with_another_seed_is_another_exercise() -> None:
    text = COURSE.format(name="mine", title="Mine", more="  - {scenario: cut.scenario.yaml, seed: 4}\n")
    Path("mine.course.yaml").write_text(text, encoding="utf-8")
    assert len(load_course("mine.course.yaml").exercises) == 2


@pytest.mark.usefixtures("folder")
def test_who_is_called_without_a_brief_is_told_something() -> None:
    exercise = exercise_of(load_scenario("cut.scenario.yaml"), "mine", 1)
    assert exercise.brief.startswith("You are called to chain.")
