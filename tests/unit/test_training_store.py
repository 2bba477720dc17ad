"""What is kept of sessions survives whatever ends the server."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import UserError
from lab.investigation.board import Board
from lab.investigation.queries.asking import QueryError, UnknownError
from lab.investigation.store import FILE, VERSION, SessionRow, Store

ROW = SessionRow("s1", "", "own-1", "f" * 32, 1.0, 30.0, 1.0, {"hints": []})


def with_session(directory: Path) -> tuple[Store, SessionRow]:
    store = Store(directory)
    who, _ = store.add_participant("Ann", "participant")
    row = ROW._replace(participant=who.id)
    store.add_session(row)
    return store, row


def test_a_session_is_there_again_after_a_restart(tmp_path: Path):
    store, row = with_session(tmp_path)
    store.keep("s1", 45.0, 10.0, {"hints": [1]})
    store.close()
    assert Store(tmp_path).sessions() == [row._replace(now_s=45.0, speed=10.0, state={"hints": [1]})]


def test_a_token_finds_its_participant_and_is_not_in_the_file(tmp_path: Path):
    store = Store(tmp_path)
    ann, token = store.add_participant("Ann", "participant")
    assert store.participant_of(token) == ann
    assert store.participant_of("another") is None
    store.close()
    assert not any(token.encode() in file.read_bytes() for file in tmp_path.iterdir())


def test_a_link_stays_the_same(tmp_path: Path):
    first = Store(tmp_path).secret("solo")
    assert Store(tmp_path).secret("solo") == first != Store(tmp_path).secret("joining")


def test_others_on_the_machine_cannot_read_it(tmp_path: Path):
    Store(tmp_path / "state")
    assert (tmp_path / "state" / FILE).stat().st_mode & 0o077 == 0


def test_a_file_of_a_newer_lab_is_refused_in_words(tmp_path: Path):
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(UserError, match="kept by a newer lab"):
        Store(tmp_path)


def test_a_file_that_is_something_else_is_refused_in_words(tmp_path: Path):
    (tmp_path / FILE).write_text("not a database, " * 100)
    with pytest.raises(UserError, match="sessions cannot be read"):
        Store(tmp_path)


def test_a_place_that_cannot_be_written_is_refused_in_words(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError):
        Store(tmp_path / "file" / "state")


KILLED = """
import sys, itertools
from pathlib import Path
from lab.investigation.store import Store
store = Store(Path(sys.argv[1]))
for n in itertools.count(1):
    store.keep("s1", float(n), 1.0, {"n": n})
    print(n, flush=True)
"""


def test_a_server_that_is_killed_loses_nothing_that_was_kept(tmp_path: Path):
    with_session(tmp_path)[0].close()
    killed = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    for _ in range(20):
        last = int(killed.stdout.readline())
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    (row,) = Store(tmp_path).sessions()
    assert row.now_s >= last
    assert row.state == {"n": row.now_s}


def test_looks_are_kept_with_when_they_began_and_how_long_they_lasted(tmp_path: Path):
    store, _ = with_session(tmp_path)
    look = ("s1", "signal", "error_ratio:a->b")
    for at_s in (10.0, 10.0, 90.0):
        store.add_looks([(*look, at_s)])
    store.add_looks([("s1", "trace", "ab", 30.0)])
    store.lengthen_looks([(*look, 10.0, 40.0)])
    assert store.looks("s1") == [(*look[1:], 10.0, 40.0), (*look[1:], 90.0, 90.0), ("trace", "ab", 30.0, 30.0)]


def test_looks_of_an_earlier_lab_are_there_as_it_kept_them(tmp_path: Path):
    """It kept the first only."""
    store, _ = with_session(tmp_path)
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute("DROP TABLE looks")
        db.execute("CREATE TABLE looks (session TEXT, kind TEXT, reference TEXT, at_s REAL)")
        db.execute("INSERT INTO looks VALUES ('s1', 'trace', 'ab', 30.0)")
        db.execute("PRAGMA user_version = 2")
    assert Store(tmp_path).looks("s1") == [("trace", "ab", 30.0, 30.0)]


def test_a_board_is_there_again_as_it_was(tmp_path: Path):
    store, _ = with_session(tmp_path)
    board = Board([])
    one = board.added("hypotheses", {"text": "db", "parent": None})
    two = board.added("hypotheses", {"text": "its network", "parent": one["id"]})
    for item in (one, two, board.changed("hypotheses", one["id"], {"text": "the database"})):
        store.put_item("s1", "hypotheses", item["id"], item)
    store.put_item("s1", "whys", "whys", {"whys": ["it hurts"]})
    again = Board(store.items("s1")).content()
    assert [item["text"] for item in again["hypotheses"]] == ["the database", "its network"]
    assert again["whys"] == ["it hurts"]


def test_what_hangs_on_a_hypothesis_stays_when_it_goes():
    board = Board([])
    one = board.added("hypotheses", {"text": "db", "parent": None})
    two = board.added("hypotheses", {"text": "its network", "parent": one["id"]})
    pin = board.added("pins", {"hypothesis": one["id"]})
    board.removed("hypotheses", one["id"])
    content = board.content()
    assert [(item["id"], item["parent"]) for item in content["hypotheses"]] == [(two["id"], None)]
    assert [(item["id"], item["hypothesis"]) for item in content["pins"]] == [(pin["id"], None)]


def test_a_tree_of_hypotheses_has_no_circle():
    board = Board([])
    one = board.added("hypotheses", {"text": "a", "parent": None})
    two = board.added("hypotheses", {"text": "b", "parent": one["id"]})
    with pytest.raises(QueryError, match="part of itself"):
        board.changed("hypotheses", one["id"], {"parent": two["id"]})
    with pytest.raises(QueryError, match="unknown hypothesis"):
        board.added("pins", {"hypothesis": "none"})
    with pytest.raises(UnknownError):
        board.removed("notes", "none")


def test_each_change_of_a_board_can_be_noticed():
    board, seen = Board([]), []
    one = board.added("notes", {"text": "a"})
    seen.append(board.version)
    board.changed("notes", one["id"], {"text": "b"})
    seen.append(board.version)
    board.set_whys(["why"])
    seen.append(board.version)
    board.removed("notes", one["id"])
    assert sorted({*seen, board.version}) == [1, 2, 3, 4]
