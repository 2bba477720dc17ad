"""What is kept of compiled kernels does not grow for ever, and what is in use stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lab import kept_kernels
from lab.kept_kernels import UNUSED_DAYS, Built, prune, read, write

OLD_S = (UNUSED_DAYS + 1) * 86_400
KERNEL = Built("advance", b"machine code")


def kept(directory: Path, name: str, *, days: float) -> Path:
    """A kernel with its lock, last loaded so many days ago."""
    path = directory / f"{name}.o"
    write(path, "key", KERNEL)
    path.with_suffix(".lock").touch()
    for file in (path, path.with_suffix(".lock")):
        aged(file, days)
    return path


def aged(path: Path, days: float) -> None:
    then = time.time() - days * 86_400
    os.utime(path, (then, then), follow_symlinks=False)


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_what_nobody_loaded_for_long_goes_with_its_lock(tmp_path: Path) -> None:
    kept(tmp_path, "old", days=UNUSED_DAYS + 1)
    kept(tmp_path, "recent", days=UNUSED_DAYS - 1)
    prune(tmp_path)
    assert names(tmp_path) == {"recent.o", "recent.lock"}


def test_what_was_loaded_stays_however_old_it_is(tmp_path: Path) -> None:
    path = kept(tmp_path, "old", days=UNUSED_DAYS + 1)
    assert read(path, "key") == KERNEL
    prune(tmp_path)
    assert names(tmp_path) == {"old.o", "old.lock"}


def test_a_file_that_is_not_trusted_counts_as_not_loaded(tmp_path: Path) -> None:
    path = kept(tmp_path, "old", days=UNUSED_DAYS + 1)
    assert read(path, "another key") is None
    prune(tmp_path)
    assert names(tmp_path) == set()


def test_what_killed_builds_left_goes_and_what_others_write_now_stays(tmp_path: Path) -> None:
    for name, days in ((".kernel-left", UNUSED_DAYS + 1), (".kernel-now", 0), ("left.lock", UNUSED_DAYS + 1)):
        (tmp_path / name).touch()
        aged(tmp_path / name, days)
    (tmp_path / "building.lock").touch()
    prune(tmp_path)
    assert names(tmp_path) == {".kernel-now", "building.lock"}


def test_nothing_but_kernels_is_deleted_and_no_link_is_followed(tmp_path: Path) -> None:
    directory = tmp_path / "kernels"
    directory.mkdir()
    elsewhere = tmp_path / "elsewhere.o"
    elsewhere.touch()
    aged(elsewhere, UNUSED_DAYS + 1)
    (directory / "link.o").symlink_to(elsewhere)
    aged(directory / "link.o", UNUSED_DAYS + 1)
    (directory / "notes.txt").touch()
    aged(directory / "notes.txt", UNUSED_DAYS + 1)
    prune(directory)
    assert names(directory) == {"notes.txt"}
    assert elsewhere.exists()


def test_a_kernel_that_is_deleted_while_it_is_read_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kept(tmp_path, "old", days=UNUSED_DAYS + 1)
    opened = os.open

    def open_and_lose(*words: object, **more: object) -> int:
        handle = opened(*words, **more)  # type: ignore[arg-type]
        prune(tmp_path)  # another process, at the worst moment
        return handle

    monkeypatch.setattr(kept_kernels.os, "open", open_and_lose)
    assert read(path, "key") == KERNEL
    assert not path.exists()
    assert read(path, "key") is None
