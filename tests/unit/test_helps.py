"""What a scenario says helps is checked when it is offered to people: remedy, place and value, each where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import ExitCode, UserError
from lab.investigation.exercises import courses, load_course
from tests.cli_cases import CUT, lab, write

COURSE = "schema_version: 1\nname: mine\ntitle: Mine\nexercises: [{scenario: cut.scenario.yaml}]\n"
LINE = "10"
"""Of the only entry of `training.remedies`, in the scenario's file."""


def write_help(entry: str) -> None:
    path = write("cut", f"{CUT}training:\n  remedies:\n    - {entry}\n")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines.index(f"    - {entry}") + 1 == int(LINE)


@pytest.mark.parametrize(
    ("entry", "place", "said"),
    [
        ("{remedy: reroute-lnk, place: orders->db}", "16", "did you mean 'reroute-link'?"),
        ("{remedy: reroute-link, place: orders->bd}", "37", "did you mean 'orders->db'?"),
        ("{remedy: reroute-link, place: orders->db, value: 3}", "56", "takes no value"),
        ("{remedy: scale-out, place: orders/workers, value: 0}", "57", "at least 1"),
        ("{remedy: scale-out, place: orders/workers}", "7", "a value is missing"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_nobody_can_do_is_told_at_its_place(
    entry: str, place: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_help(entry)
    capsys.readouterr()
    assert lab("validate", "cut.scenario.yaml") == ExitCode.INVALID
    error = capsys.readouterr().err
    assert error.startswith(f"cut.scenario.yaml:{LINE}:{place}: ")
    assert said in error


@pytest.mark.usefixtures("folder")
def test_neither_a_course_nor_a_session_begins_with_it() -> None:
    write_help("{remedy: reroute-lnk, place: orders->db}")
    Path("mine.course.yaml").write_text(COURSE, encoding="utf-8")
    told = f"cut.scenario.yaml:{LINE}:16: there is no remedy 'reroute-lnk'"
    with pytest.raises(UserError, match=told):
        load_course("mine.course.yaml")
    with pytest.raises(UserError, match=told):
        courses(["cut.scenario.yaml"])


@pytest.mark.usefixtures("folder")
def test_what_can_be_done_is_right() -> None:
    write_help("{remedy: reroute-link, place: orders->db}")
    assert lab("validate", "cut.scenario.yaml") == ExitCode.OK
