"""The journal's file: what is in it, the room behind it, and errors where it cannot be written, read or removed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.errors import UserError
from lab.injection.levers import Undo
from lab.testbeds.stack.journal import AHEAD_BYTES, Journal, JournalError, check_directory, is_gone, open_undos
from tests.disks import disk, fill, make_read_only

CUT = Undo("link.cut", "a->b", None)
DEPLOY = Undo("model.deploy", "m", {"version": 2})
HINT = "  hint:     name another directory: LAB_STATE_DIR"


@contextmanager
def nobody(directory: Path) -> Iterator[None]:
    """This process as a user who owns nothing, to whom `directory` is open; skipped where it cannot be another user."""
    if os.getuid() != 0:
        pytest.skip("only root can be another user")
    for place in (directory, *directory.parents):
        if place.stat().st_uid == 0 and place != Path("/"):
            place.chmod(place.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def line(event: str, undo: Undo = CUT, **changes: Any) -> str:
    entry = {"event": event, "lever": undo.lever, "element": undo.element, "previous": undo.previous}
    return json.dumps(entry | changes) + "\n"


def open_in(directory: Path, *lines: str) -> list[Undo]:
    """What is open in a journal of these lines."""
    (directory / "journal.jsonl").write_text("".join(lines), encoding="utf-8")
    return open_undos(directory)


# What is in it.


def test_a_prepared_journal_has_room_and_nothing_open(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "new" / "deep")
    journal.prepare()
    assert journal.path.read_bytes().strip() == b""
    assert journal.path.stat().st_size >= AHEAD_BYTES
    journal.write("intent", CUT, True, 1.0)
    journal.prepare()
    assert journal.open_undos() == [CUT]


def test_an_entry_is_a_line_of_what_was_and_what_is_to_be(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    written = journal.write("intent", DEPLOY, {"version": 3}, 2.5)
    assert written == {
        "event": "intent", "lever": "model.deploy", "element": "m", "previous": {"version": 2}, "value": {"version": 3},
        "time_s": 2.5,
    }  # fmt: skip
    journal.write("applied", DEPLOY, {"version": 3}, 2.6)
    first, second, *rest = journal.path.read_bytes().split(b"\n")
    assert json.loads(first) == written
    assert json.loads(second)["event"] == "applied"
    assert set(rest) == {b""}


def test_behind_every_intent_there_is_room_for_what_follows(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(1, 200):
        before_bytes = len(journal.path.read_bytes().rstrip()) if number > 1 else 0
        journal.write("intent", CUT, "x" * (37 * number), 1.0)
        content = journal.path.read_bytes()
        said_bytes = len(content.rstrip()) - before_bytes
        room_bytes = len(content) - len(content.rstrip())
        assert AHEAD_BYTES + 4 * said_bytes <= room_bytes <= 2 * (AHEAD_BYTES + 4 * said_bytes) + 10


def test_what_follows_an_intent_takes_no_more_of_the_disk(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("intent", CUT, True, 1.0)
    made_bytes = journal.path.stat().st_size
    for undo in (CUT, DEPLOY):
        journal.write("applied", undo, True, 1.0)
        journal.write("reverted", undo, True, 1.0)
    journal.write("intent", DEPLOY, True, 1.0)
    assert journal.path.stat().st_size == made_bytes, "room is made for more than one intent at once"


def test_the_room_behind_an_intent_is_used_to_its_end(tmp_path: Path) -> None:
    with disk(tmp_path / "state"):
        journal = Journal(tmp_path / "state")
        journal.write("intent", CUT, True, 1.0)
        fill(tmp_path / "state")
        for _ in range(AHEAD_BYTES // 150):
            journal.write("applied", CUT, "x" * 100, 2.0)
        journal.write("reverted", CUT, None, 3.0)
        content = journal.path.read_bytes()
        assert len(content) - len(content.rstrip()) < AHEAD_BYTES, "less than an intent wants, and enough for the rest"
        assert journal.open_undos() == []


def test_an_entry_without_room_behind_it_is_written_all_the_same(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert open_in(tmp_path, line("intent")) == [CUT]
    journal.write("reverted", CUT, None, 2.0)
    assert journal.open_undos() == []


def test_zeros_that_a_crash_left_behind_the_last_entry_are_written_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert open_in(tmp_path, line("intent"), "\0" * 100) == [CUT]
    journal.write("reverted", CUT, None, 2.0)
    assert b"\0" not in journal.path.read_bytes().rstrip(b"\0")
    assert journal.open_undos() == []


def test_a_journal_has_the_mode_that_this_process_gives_its_files(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        Journal(tmp_path).prepare()
    finally:
        os.umask(before)
    assert (tmp_path / "journal.jsonl").stat().st_mode & 0o777 == 0o644


def test_an_entry_is_on_the_disk_before_write_returns_and_so_is_the_name_of_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bytes]] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        real(handle)
        place = Path(os.readlink(f"/proc/self/fd/{handle}"))
        synced.append((place.name, place.read_bytes().rstrip() if place.is_file() else b""))

    monkeypatch.setattr(os, "fsync", fsync)
    journal = Journal(tmp_path / "state")
    journal.write("intent", CUT, True, 1.0)
    journal.write("reverted", CUT, True, 1.0)
    assert [name for name, _ in synced] == ["journal.jsonl", "state", "journal.jsonl"]
    assert json.loads(synced[0][1])["event"] == "intent"
    assert json.loads(synced[2][1].splitlines()[-1])["event"] == "reverted"


# What is read from it.


@pytest.mark.parametrize(
    "wrong",
    [
        line("intent").replace('"intent"', "null"),
        line("intent", lever=5),
        line("intent", element=["a->b"]),
        line("pulled"),
        "[" + line("intent").strip() + "]\n",
        "not JSON\n",
        json.dumps({"event": "intent", "lever": "link.cut", "element": "a->b"}) + "\n",
    ],
    ids=["no event", "no lever", "no element", "an unknown event", "a list", "no JSON", "no value to put back"],
)
def test_a_line_that_is_no_entry_opens_nothing_and_hides_nothing(tmp_path: Path, wrong: str) -> None:
    assert open_in(tmp_path, wrong) == []
    assert open_in(tmp_path, wrong, line("intent", DEPLOY), wrong) == [DEPLOY]


def test_a_revert_needs_no_value_to_put_back(tmp_path: Path) -> None:
    reverted = json.dumps({"event": "reverted", "lever": "link.cut", "element": "a->b"}) + "\n"
    assert open_in(tmp_path, line("intent"), reverted) == []


def test_a_whole_entry_without_its_line_break_was_not_synced_and_does_not_count(tmp_path: Path) -> None:
    assert open_in(tmp_path, line("intent"), line("reverted").rstrip()) == [CUT]
    assert open_in(tmp_path, line("intent"), line("reverted")) == []


def test_levers_are_told_apart_by_name_and_by_element(tmp_path: Path) -> None:
    slow, other = Undo("link.slow", "a->b", None), Undo("link.cut", "b->c", None)
    opened = [line("intent", undo) for undo in (CUT, slow, other)]
    for reverted in (CUT, slow, other):
        left = [undo for undo in (other, slow, CUT) if undo != reverted]
        assert open_in(tmp_path, *opened, line("reverted", reverted)) == left


def test_a_revert_of_what_was_never_pulled_changes_nothing(tmp_path: Path) -> None:
    assert open_in(tmp_path, line("reverted", DEPLOY), line("intent"), line("reverted", DEPLOY)) == [CUT]
    assert open_in(tmp_path, line("intent"), line("reverted"), line("reverted")) == []


def test_where_there_is_no_journal_nothing_is_open(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("nowhere", "file", "file/below"):
        assert open_undos(tmp_path / place) == []


def test_the_journal_of_another_user_is_an_error_that_says_whom_to_ask(tmp_path: Path) -> None:
    private = tmp_path / "theirs"
    Journal(private).write("intent", CUT, True, 1.0)
    with nobody(tmp_path):
        os.seteuid(0)
        private.chmod(0o700)
        os.seteuid(65534)
        with pytest.raises(UserError) as refused:
            open_undos(private)
    assert str(refused.value) == (
        f"{private}/journal.jsonl: the state of a lab of root may not be read: nobody else knows what it has changed\n"
        "  seen:     permission denied\n"
        "  expected: a state directory that this user may read\n"
        "  hint:     ask root to run lab recover or lab stack abort, do this as root, or make it readable"
    )


# Where it cannot be written.


def test_a_full_disk_is_told_with_its_room_and_what_to_do(tmp_path: Path) -> None:
    with disk(tmp_path / "state"):
        fill(tmp_path / "state")
        with pytest.raises(UserError) as refused:
            Journal(tmp_path / "state").prepare()
    assert str(refused.value) == (
        f"{tmp_path}/state/journal.jsonl: nothing is changed without a journal, and it cannot be written\n"
        "  seen:     no space left on device, 0 bytes free\n"
        "  hint:     free space there, or name another directory: LAB_STATE_DIR"
    )


def test_a_directory_of_another_user_is_told_with_their_name(tmp_path: Path) -> None:
    with nobody(tmp_path), pytest.raises(UserError) as refused:
        Journal(tmp_path / "state").prepare()
    assert str(refused.value) == (
        f"{tmp_path}/state/journal.jsonl: nothing is changed without a journal, and it cannot be written\n"
        f"  seen:     permission denied; it is root's\n{HINT}"
    )


def test_a_user_without_a_name_is_told_by_number(tmp_path: Path) -> None:
    with nobody(tmp_path):
        os.seteuid(0)
        os.chown(tmp_path, 54321, -1)
        os.seteuid(65534)
        with pytest.raises(UserError, match="permission denied; it is user 54321's"):
            Journal(tmp_path).prepare()


@pytest.mark.parametrize(
    ("event", "means"),
    [
        ("intent", "link.cut of a->b was not pulled: the journal cannot be written"),
        ("applied", "link.cut of a->b is put back: the journal cannot be written"),
        ("reverted", "link.cut of a->b was put back, but the journal cannot say so"),
    ],
)
def test_an_entry_that_cannot_be_written_is_an_error_that_says_what_it_means_for_the_lever(
    tmp_path: Path, event: str, means: str
) -> None:
    with disk(tmp_path / "state"):
        journal = Journal(tmp_path / "state")
        journal.write("intent", CUT, True, 1.0)
        make_read_only(tmp_path / "state")
        with pytest.raises(JournalError) as refused:
            journal.write(event, CUT, None, 2.0)
        assert str(refused.value) == f"{journal.path}: {means}\n  seen:     read-only file system\n{HINT}"
        assert journal.open_undos() == [CUT]
        assert journal.left() == ([] if event == "reverted" else [CUT])


def test_a_disk_with_room_for_a_part_of_an_entry_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda handle, data, at: real(handle, data[: len(data) // 3], at))
    with pytest.raises(JournalError, match=r"no space left on device, [0-9]+ bytes free"):
        Journal(tmp_path).write("intent", CUT, True, 1.0)


def test_an_entry_that_is_written_in_two_parts_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = os.pwrite, []

    def pwrite(handle: int, data: bytes, at: int) -> int:
        calls.append(at)
        return real(handle, data[: len(data) // 3] if len(calls) % 2 else data, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    journal = Journal(tmp_path)
    written = journal.write("intent", DEPLOY, {"version": 3}, 1.0)
    assert len(calls) == 4, "room, and the entry"
    assert json.loads(journal.path.read_bytes().splitlines()[0]) == written
    assert journal.path.stat().st_size >= AHEAD_BYTES


# Forgetting it.


@contextmanager
def journal_with_an_unwritten_revert(state: Path) -> Iterator[Journal]:
    """A journal on a disk of its own, which could not be written when the lever was put back, and can be again."""
    with disk(state):
        journal = Journal(state)
        journal.write("intent", CUT, True, 1.0)
        make_read_only(state)
        with pytest.raises(JournalError):
            journal.write("reverted", CUT, None, 2.0)
        subprocess.run(["mount", "-o", "remount,rw", str(state)], check=True)
        yield journal


def test_what_could_not_be_said_on_a_disk_is_forgotten_with_the_journal(tmp_path: Path) -> None:
    with journal_with_an_unwritten_revert(tmp_path / "state") as journal:
        journal.clear()
        assert not journal.path.exists()
        assert journal.left() == []
        journal.write("intent", CUT, True, 3.0)
        assert journal.left() == [CUT], "pulled again, and not put back"


def test_what_another_process_has_forgotten_meanwhile_is_not_left(tmp_path: Path) -> None:
    with journal_with_an_unwritten_revert(tmp_path / "state") as journal:
        Journal(tmp_path / "state").discard()
        assert journal.left() == []


def test_a_journal_is_discarded_whatever_is_open_in_it_and_twice(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("intent", CUT, True, 1.0)
    journal.discard()
    journal.discard()
    assert journal.open_undos() == []


def test_a_journal_that_cannot_be_removed_is_an_error_only_where_something_is_open_in_it(tmp_path: Path) -> None:
    with disk(tmp_path / "state"):
        journal = Journal(tmp_path / "state")
        journal.write("intent", CUT, True, 1.0)
        make_read_only(tmp_path / "state")
        with pytest.raises(JournalError) as refused:
            journal.discard()
        assert str(refused.value) == (
            f"{journal.path}: nothing is left to do of what this journal says; remove it\n"
            f"  seen:     read-only file system\n{HINT}"
        )
        subprocess.run(["mount", "-o", "remount,rw", str(tmp_path / "state")], check=True)
        journal.write("reverted", CUT, None, 2.0)
        make_read_only(tmp_path / "state")
        journal.discard()


# State directories.


def test_a_file_in_the_place_of_a_state_directory_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(UserError) as refused:
            check_directory(tmp_path / name / "deep" / "below")
        assert str(refused.value) == (
            f"{tmp_path}/{name}: this is no directory, and a lab keeps there what it has changed\n"
            f"  expected: a directory, or nothing yet\n{HINT}"
        )


def test_a_state_directory_is_gone_where_it_is_not_there_or_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not is_gone(tmp_path)
    assert is_gone(tmp_path / "nowhere")
    assert is_gone(tmp_path / "file")
    assert is_gone(tmp_path / "file" / "below")


def test_whether_a_directory_of_another_user_is_gone_only_they_know(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    with nobody(tmp_path):
        os.seteuid(0)
        (tmp_path / "theirs").chmod(0o700)
        os.seteuid(65534)
        with pytest.raises(UserError, match="the state of a lab of root may not be read") as refused:
            is_gone(tmp_path / "theirs" / "state")
    assert str(refused.value).startswith(f"{tmp_path}/theirs/state: ")
