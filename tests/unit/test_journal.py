"""The write-ahead journal: what is on disk suffices to put everything back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import UserError
from lab.injection.levers import Undo
from lab.testbeds.stack.journal import Journal, JournalError, check_directory
from tests.disks import disk, fill, make_read_only

CUT = Undo("link.cut", "a->b", None)
DEPLOY = Undo("model.deploy", "m", {"version": 2})


def test_an_intent_is_open_until_it_is_reverted(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("intent", CUT, {"fraction": 1.0}, 3.0)
    assert Journal(tmp_path).open_undos() == [CUT]
    journal.write("applied", CUT, {"fraction": 1.0}, 3.1)
    assert Journal(tmp_path).open_undos() == [CUT]
    journal.write("reverted", CUT, None, 9.0)
    assert Journal(tmp_path).open_undos() == []


def test_open_levers_come_back_last_first(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("intent", CUT, True, 1.0)
    journal.write("intent", DEPLOY, {"version": 3}, 2.0)
    assert journal.open_undos() == [DEPLOY, CUT]


def test_the_same_lever_pulled_twice_goes_back_to_where_it_was_first(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("intent", CUT, "x", 1.0)
    journal.write("intent", Undo("link.cut", "a->b", "x"), "y", 2.0)
    assert [undo.previous for undo in journal.open_undos()] == ["x", None]


def test_a_line_cut_off_by_a_crash_is_no_entry(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("intent", CUT, True, 1.0)
    with journal.path.open("a") as file:
        file.write('{"event": "reverted", "lever": "link.cut", "el')
    assert Journal(tmp_path).open_undos() == [CUT]


def test_what_follows_a_line_cut_off_by_a_crash_is_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("intent", CUT, True, 1.0)
    with journal.path.open("a") as file:
        file.write('{"event": "applied", "lever": "link.cut", "el')
    Journal(tmp_path).write("reverted", CUT, None, 9.0)
    assert Journal(tmp_path).open_undos() == []


def test_a_journal_cleared_by_another_process_is_started_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("intent", CUT, True, 1.0)
    journal.write("reverted", CUT, None, 2.0)
    Journal(tmp_path).clear()
    journal.write("intent", DEPLOY, True, 3.0)
    assert Journal(tmp_path).open_undos() == [DEPLOY]


def test_only_a_closed_journal_is_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("intent", CUT, True, 1.0)
    journal.clear()
    assert Journal(tmp_path).open_undos() == [CUT]
    journal.write("reverted", CUT, None, 2.0)
    journal.clear()
    assert not journal.path.exists()


def test_an_entry_survives_a_process_that_is_killed_right_after_writing_it(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from lab.injection.levers import Undo\n"
        "from lab.testbeds.stack.journal import Journal\n"
        "Journal(Path(sys.argv[1])).write('intent', Undo('link.cut', 'a->b', None), True, 0.0)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert ended.returncode == -9
    assert Journal(tmp_path).open_undos() == [CUT]


def test_each_entry_is_synced_before_write_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), real(handle))[1])
    journal = Journal(tmp_path)
    for event in ("intent", "applied", "reverted"):
        before = len(synced)
        journal.write(event, CUT, None, 0.0)
        assert len(synced) > before


def test_a_nested_revert_closes_the_inner_intent_so_that_recovery_restores_what_was_before_both(tmp_path: Path) -> None:
    outer, inner = Undo("config.set", "a", {"timeout_s": 1.0}), Undo("config.set", "a", {"timeout_s": 0.5})
    journal = Journal(tmp_path)
    journal.write("intent", outer, {"timeout_s": 0.5}, 1.0)
    journal.write("intent", inner, {"timeout_s": 0.1}, 2.0)
    journal.write("reverted", inner, {"timeout_s": 0.5}, 3.0)
    assert Journal(tmp_path).open_undos() == [outer], "restoring the inner one's 0.5 would leave the outer fault in"
    journal.write("reverted", outer, {"timeout_s": 1.0}, 4.0)
    assert Journal(tmp_path).open_undos() == []


def test_a_journal_that_cannot_be_written_is_found_before_anything_is_changed(tmp_path: Path) -> None:
    with disk(tmp_path / "state"):
        fill(tmp_path / "state")
        with pytest.raises(UserError, match="no space left on device, 0 bytes free") as refused:
            Journal(tmp_path / "state").prepare()
        for word in ("nothing is changed", "journal.jsonl", "LAB_STATE_DIR"):
            assert word in str(refused.value)


def test_where_an_intent_was_written_there_is_room_for_all_that_follows(tmp_path: Path) -> None:
    with disk(tmp_path / "state"):
        journal = Journal(tmp_path / "state")
        for undo in (CUT, DEPLOY):
            journal.write("intent", undo, {"fraction": 1.0}, 1.0)
        fill(tmp_path / "state")
        for event in ("applied", "reverted"):
            for undo in (CUT, DEPLOY):
                journal.write(event, undo, None, 2.0)
        assert Journal(tmp_path / "state").open_undos() == []


def test_an_intent_for_whose_end_there_is_no_room_is_not_written(tmp_path: Path) -> None:
    with disk(tmp_path / "state"):
        journal = Journal(tmp_path / "state")
        journal.write("intent", CUT, True, 1.0)
        fill(tmp_path / "state")
        pulled = iter(lambda: journal.write("intent", DEPLOY, "x" * 500, 2.0), None)
        with pytest.raises(JournalError, match="m was not pulled: the journal cannot be written"):
            list(pulled)
        for _ in range(10):
            journal.write("applied", CUT, "x" * 200, 3.0)


def test_a_journal_on_a_disk_that_is_only_read_now_says_what_is_left_to_do(tmp_path: Path) -> None:
    with disk(tmp_path / "state"):
        journal = Journal(tmp_path / "state")
        journal.write("intent", CUT, True, 1.0)
        make_read_only(tmp_path / "state")
        with pytest.raises(JournalError, match="a->b was put back, but the journal cannot say so"):
            journal.write("reverted", CUT, None, 2.0)
        assert (journal.left(), journal.open_undos()) == ([], [CUT])
        with pytest.raises(JournalError, match="nothing is left to do of what this journal says"):
            journal.clear()


def test_lines_that_are_no_entries_are_passed_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with journal.path.open("w") as file:
        file.write('[]\n5\nnull\n{"event": "intent"}\n{"event": [], "lever": "a", "element": "b"}\n')
    journal.write("intent", CUT, True, 1.0)
    assert Journal(tmp_path).open_undos() == [CUT]


@pytest.mark.parametrize("below", ["", "some/where"])
def test_a_file_is_no_state_directory(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UserError, match="this is no directory") as refused:
        check_directory(file / below)
    assert "LAB_STATE_DIR" in str(refused.value)
    assert "free" not in str(refused.value)
    check_directory(tmp_path)
    check_directory(tmp_path / "new" / "deep")
