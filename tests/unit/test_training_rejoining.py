"""Who loses their cookie comes back with their personal code, or a new one from the instructor; nobody else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.investigation.codes import ALPHABET, as_typed, new_code
from lab.investigation.training import Training
from tests.investigating import INSTRUCTOR, JOINING, Client, client, training


@pytest.fixture
def of(prepared: Any, tmp_path: Path) -> Training:
    return training(tmp_path, [prepared], is_group=True)


@pytest.fixture
def joining(of: Training) -> Client:
    return client(of, JOINING)


@pytest.fixture
def ann(joining: Client) -> Client:
    """A participant with a session."""
    one = Client(joining.app, joining.post("/participants", {"name": "Ann"})["token"])
    one.post("/sessions", {"exercise": "own-1"})
    return one


def names(of: Client) -> list[str]:
    return [one["id"] for one in of.get("/sessions")]


def test_a_personal_link_brings_back_the_sessions_in_another_browser(ann: Client):
    entered = ann.ask("GET", f"/?token={ann.token}", authorization=None)
    cookie = entered.headers["set-cookie"].split(";")[0]
    assert entered.status == 303
    me = ann.ask("GET", "/api/v1/me", authorization=None, cookie=cookie).json
    assert (me["name"], me["role"]) == ("Ann", "participant")
    listed = ann.ask("GET", "/api/v1/sessions", authorization=None, cookie=cookie).json
    assert [one["id"] for one in listed] == names(ann) != []


@pytest.mark.parametrize("change", [str.upper, lambda code: code.replace("-", ""), lambda code: f" {code} "])
def test_a_code_may_be_typed_in_other_ways(joining: Client, ann: Client, change: Any):
    assert ann.token is not None
    assert names(Client(joining.app, change(ann.token))) == names(ann)


def test_a_code_has_no_signs_that_are_taken_for_others():
    assert not set("ilou") & set(ALPHABET)
    assert as_typed("0ii1-llab-cdef-ghjk".replace("0", "O")) == "0111-11ab-cdef-ghjk"
    assert as_typed("no code") == "no code"
    assert len({new_code() for _ in range(100)}) == 100


def test_with_the_name_alone_nobody_comes_in(joining: Client, ann: Client):
    status, problem = joining.refused("POST", "/participants", {"name": "ann"})
    assert (status, problem["what"]) == (409, "somebody here has this name")
    assert "personal link" in problem["hint"]
    assert "instructor" in problem["hint"]
    assert joining.ask("GET", "/api/v1/sessions").status == 409


def test_the_instructor_gives_a_new_code_and_the_earlier_one_ends(joining: Client, ann: Client):
    teacher = Client(joining.app, INSTRUCTOR)
    before = names(ann)
    (listed,) = teacher.get("/group")["participants"]
    renewed = teacher.post(f"/group/participants/{listed['id']}/token")
    assert (renewed["name"], renewed["id"]) == ("Ann", listed["id"])
    assert names(Client(joining.app, renewed["token"])) == before
    assert ann.ask("GET", "/api/v1/sessions").status == 401, "whoever has the earlier one is locked out"


def test_a_new_code_is_valid_after_a_restart(of: Training, joining: Client, ann: Client, prepared: Any, tmp_path: Path):
    teacher = Client(joining.app, INSTRUCTOR)
    token = teacher.post(f"/group/participants/{teacher.get('/group')['participants'][0]['id']}/token")["token"]
    of.close()
    again = client(training(tmp_path, [prepared], is_group=True), token)
    assert len(names(again)) == 1
    assert Client(again.app, ann.token).ask("GET", "/api/v1/me").status == 401


def test_only_the_instructor_gives_codes_and_only_to_participants(joining: Client, ann: Client):
    teacher = Client(joining.app, INSTRUCTOR)
    name = teacher.get("/group")["participants"][0]["id"]
    for other in (joining, ann):
        assert other.refused("POST", f"/group/participants/{name}/token")[0] == 404
    assert teacher.refused("POST", "/group/participants/nobody/token")[0] == 404
    assert teacher.get("/me")["role"] == "instructor"
