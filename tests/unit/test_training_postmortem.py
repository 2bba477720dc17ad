"""A post-mortem is the lab's text until a person keeps theirs, which only another version of theirs overwrites."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from lab.api.answers import MOST_POSTMORTEM
from lab.investigation.store import FILE, Store
from tests.investigating import RIGHT, Client, answered, client, training

MINE = "# Mine\n\nIt was the way to the database – ünd 🚆.\n"


@pytest.fixture
def judged(alone: Client, session: str) -> str:
    answered(alone, session, RIGHT)
    return session


def put(alone: Client, session: str, text: str, revision: int) -> Any:
    reply = alone.ask("PUT", f"/api/v1{session}/postmortem", {"text": text, "revision": revision})
    return reply.json | {"status": reply.status}


def downloaded(alone: Client, session: str) -> str:
    return alone.ask("GET", f"/api/v1{session}/postmortem").text


def test_at_first_it_is_what_the_lab_wrote(alone: Client, judged: str):
    found = alone.get(f"{judged}/postmortem/draft")
    assert (found["revision"], found["generated"], found["saved_at"]) == (0, True, None)
    assert found["text"] == found["original"] == downloaded(alone, judged)
    assert found["text"].startswith("# Post-mortem")


def test_what_a_person_keeps_is_given_and_downloaded(alone: Client, judged: str):
    original = alone.get(f"{judged}/postmortem/draft")["text"]
    kept = put(alone, judged, MINE, 0)
    assert (kept["status"], kept["revision"], kept["generated"], kept["text"]) == (200, 1, False, MINE)
    assert kept == alone.get(f"{judged}/postmortem/draft") | {"status": 200}
    assert kept["original"] == original, "to begin anew from"
    assert downloaded(alone, judged) == MINE
    assert put(alone, judged, "# Shorter", 1)["revision"] == 2


@pytest.mark.parametrize("stale", [0, 1, 3])
def test_two_tabs_do_not_overwrite_each_other(alone: Client, judged: str, stale: int):
    put(alone, judged, "one", 0)
    put(alone, judged, "two", 1)
    refused = put(alone, judged, "other", stale)
    assert refused["status"] == 409
    problem = refused["problem"]
    assert (problem["seen"], problem["expected"]) == (f"revision {stale}", "revision 2")
    assert "copy your text" in problem["hint"]
    assert downloaded(alone, judged) == "two"


def test_before_the_debrief_there_is_none_to_read_or_keep(alone: Client, session: str):
    assert alone.refused("GET", f"{session}/postmortem/draft")[0] == 403
    assert put(alone, session, MINE, 0)["status"] == 403
    answered(alone, session, RIGHT)
    assert alone.get(f"{session}/postmortem/draft")["generated"], "what was refused was not kept"


@pytest.mark.parametrize(
    ("text", "revision", "status"),
    [("", 0, 422), ("x" * (MOST_POSTMORTEM + 1), 0, 422), ("x" * 70_000, 0, 413), ("\ud800", 0, 422), ("a", -1, 422)],
)
def test_what_cannot_be_kept_is_refused(alone: Client, judged: str, text: str, revision: int, status: int):
    assert put(alone, judged, text, revision)["status"] == status
    assert alone.get(f"{judged}/postmortem/draft")["revision"] == 0
    assert put(alone, judged, "x" * MOST_POSTMORTEM, 0)["status"] == 200


def test_the_lab_writes_its_own_again_and_leaves_the_persons(alone: Client, judged: str, tmp_path: Path):
    put(alone, judged, MINE, 0)
    shutil.rmtree(tmp_path / "debriefs")
    assert alone.get(f"{judged}/postmortem/draft")["text"] == MINE, "also while the lab's is not there"
    alone.get(judged)
    assert (tmp_path / "debriefs").is_dir()
    assert downloaded(alone, judged) == MINE


def test_it_is_there_after_a_restart(prepared: Any, tmp_path: Path):
    first = training(tmp_path, [prepared])
    alone = client(first)
    session = alone.begin()
    answered(alone, session, RIGHT)
    put(alone, session, MINE, 0)
    first.close()
    assert downloaded(client(training(tmp_path, [prepared])), session) == MINE


def test_sessions_of_a_lab_before_are_opened(tmp_path: Path):
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("DROP TABLE postmortems")
        db.execute("PRAGMA user_version = 1")
    assert Store(tmp_path).postmortem("none") is None
