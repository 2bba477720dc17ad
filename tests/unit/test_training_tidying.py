"""Recordings with actions take a bounded place: the longest unused go, and what is wanted again is made again."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from lab.investigation.tidying import ACTED, tidy
from tests.investigating import RIGHT, answered, client, training

NAME = "client_error_ratio:desk->db"


def recordings(directory: Path, **used_s: float) -> None:
    """Recordings of 100 bytes each, last used at these times."""
    for name, at_s in used_s.items():
        observed = directory / ACTED / name / "observed"
        observed.mkdir(parents=True)
        (observed / "spans.parquet").write_bytes(b"x" * 100)
        os.utime(observed.parent, (at_s, at_s))


def there(directory: Path) -> set[str]:
    return {path.name for path in (directory / ACTED).iterdir()}


def size(directory: Path, name: str) -> int:
    return sum(path.lstat().st_size for path in (directory / ACTED / name).rglob("*"))


def test_the_longest_unused_go_first(tmp_path: Path):
    recordings(tmp_path, old=10.0, new=30.0, middle=20.0)
    room = 2 * size(tmp_path, "new") + 50
    assert tidy(tmp_path, needed=(), most_bytes=room) == ["old"]
    assert there(tmp_path) == {"new", "middle"}
    assert tidy(tmp_path, needed=(), most_bytes=room) == [], "there is room for the rest"


def test_what_is_needed_stays_however_old_and_takes_no_room_of_others(tmp_path: Path):
    recordings(tmp_path, needed=1.0, old=10.0, new=30.0)
    assert tidy(tmp_path, needed={"needed"}, most_bytes=size(tmp_path, "new")) == ["old"]
    assert there(tmp_path) == {"needed", "new"}


def test_what_a_killed_worker_left_goes(tmp_path: Path):
    recordings(tmp_path, whole=10.0)
    (tmp_path / ACTED / "whole" / ".observed.abc.tmp" / "observed").mkdir(parents=True)
    (tmp_path / ACTED / "half" / ".observed.abc.tmp").mkdir(parents=True)
    assert tidy(tmp_path, needed=()) == ["half"]
    assert [path.name for path in (tmp_path / ACTED / "whole").iterdir()] == ["observed"]


def test_who_is_not_alone_there_removes_only_what_was_unused_for_long(tmp_path: Path):
    recordings(tmp_path, old=10.0, now=time.time())
    (tmp_path / ACTED / "being-made" / ".observed.abc.tmp").mkdir(parents=True)
    assert tidy(tmp_path, needed=(), most_bytes=0, unused_s=3600) == ["old"]
    assert there(tmp_path) == {"now", "being-made"}


def test_a_link_to_elsewhere_is_not_followed(tmp_path: Path):
    recordings(tmp_path / "else", mine=1.0)
    (tmp_path / ACTED).mkdir()
    (tmp_path / ACTED / "link").symlink_to(tmp_path / "else" / ACTED / "mine")
    assert tidy(tmp_path, needed=(), most_bytes=0) == []
    assert there(tmp_path / "else") == {"mine"}


def test_where_nothing_was_done_there_is_nothing_to_tidy(tmp_path: Path):
    assert tidy(tmp_path / "new", needed=()) == []


@pytest.fixture
def acted(prepared: Any, tmp_path: Path) -> tuple[str, list[float | None]]:
    """The path of a session in which two things were done, and what it saw; the server has ended."""
    of = training(tmp_path, [prepared])
    alone = client(of)
    session = alone.begin()
    alone.post(f"{session}/clock", {"jump": "next-alert"})
    for place in ("db", "desk"):
        alone.post(f"{session}/actions", {"remedy": "restart", "place": place})
    seen = alone.get(f"{session}/series", of=NAME)["series"][0]["values"]
    of.close()
    return session, seen


def test_of_an_unanswered_session_the_recording_that_it_sees_stays(acted: Any, prepared: Any, tmp_path: Path):
    assert len(there(tmp_path)) == 2, "one for each action"
    of = training(tmp_path, [prepared])
    assert len(tidy(tmp_path, of.needed, most_bytes=0)) == 1
    (left,) = there(tmp_path)
    made_at = (tmp_path / ACTED / left / "observed").stat().st_mtime_ns
    assert client(of).get(f"{acted[0]}/series", of=NAME)["series"][0]["values"] == acted[1]
    assert (tmp_path / ACTED / left / "observed").stat().st_mtime_ns == made_at, "nothing was made again"


def test_of_an_answered_session_it_may_go_and_is_made_again_when_it_is_wanted(
    acted: Any, prepared: Any, tmp_path: Path
):
    session, seen = acted
    first = training(tmp_path, [prepared])
    client(first).get(session)
    answered(client(first), session, RIGHT)
    first.close()
    of = training(tmp_path, [prepared])
    assert of.needed == frozenset()
    tidy(tmp_path, of.needed, most_bytes=0)
    assert there(tmp_path) == set()
    alone = client(of)
    assert alone.get(session)["status"] == "released"
    assert alone.get(f"{session}/series", of=NAME)["series"][0]["values"][: len(seen)] == seen


def test_a_recording_counts_as_used_when_somebody_looks_at_it(acted: Any, prepared: Any, tmp_path: Path):
    for name in there(tmp_path):
        os.utime(tmp_path / ACTED / name, (1.0, 1.0))
    of = training(tmp_path, [prepared])
    client(of).get(acted[0])
    used = {path.name for path in (tmp_path / ACTED).iterdir() if path.stat().st_mtime > 1.0}
    assert used == of.needed
    shutil.rmtree(tmp_path / ACTED / next(iter(used)))
    assert client(of).get(acted[0])["status"] == "ready", "what somebody removed is made again"
