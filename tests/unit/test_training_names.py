"""Names of participants: nobody can be taken for somebody else, and people may write theirs as they do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lab.investigation.naming import key_of
from lab.investigation.recordings import ENGINES
from tests.investigating import JOINING, Client, client, training


@pytest.fixture
def joining(prepared: Any, tmp_path: Path) -> Client:
    return client(training(tmp_path, [prepared], is_group=True), JOINING)


def join(of: Client, name: str) -> int:
    return of.ask("POST", "/api/v1/participants", {"name": name}).status


@pytest.mark.parametrize(
    "other",
    ["alice", " ALICE ", "Ａｌｉｃｅ", "Ali\u200dce", "Alice\ufe0f", "𝐀lice"],
    ids=["capitals", "spaces", "full width", "a joiner", "a selector", "bold"],
)
def test_what_looks_like_a_name_is_taken_with_it(joining: Client, other: str):
    assert join(joining, "Alice") == 201
    assert join(joining, other) == 409


def test_composed_and_decomposed_letters_are_one(joining: Client):
    assert join(joining, "Rene\u0301") == 201
    assert join(joining, "Ren\u00e9") == 409
    assert key_of("STRASSE") == key_of("straße")


@pytest.mark.parametrize("name", ["می\u200cخواهم", "👩\u200d👩\u200d👧", "क्\u200dष", "Ann-Kathrin O'Neill", "李 雷"])
def test_names_are_written_as_people_write_them(joining: Client, name: str):
    joined = joining.post("/participants", {"name": name})
    assert joined["name"] == name


@pytest.mark.parametrize(
    "name", ["\u200dAnn", "Ann\u200d", "A\u200d\u200dnn", "Ann \u200c Lee", "A\u200bnn", "A\x00nn"]
)
def test_signs_that_do_not_show_are_refused(joining: Client, name: str):
    assert join(joining, name) == 422


@pytest.mark.parametrize("name", ["Instructor", "you", "rules", "Rules", *ENGINES])
def test_nobody_is_called_as_the_instructor_or_an_engine(joining: Client, name: str):
    assert join(joining, name) == 409


def test_of_many_at_once_one_gets_the_name(joining: Client):
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: join(joining, "Ann"), range(24)))
    assert sorted(set(found)) == [201, 409]
    assert found.count(201) == 1


def test_a_group_has_room_for_so_many_and_no_more_at_once(joining: Client):
    joining.app._app.state.most_participants = 3
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda number: join(joining, f"Ann {number}"), range(12)))
    assert found.count(201) == 3
