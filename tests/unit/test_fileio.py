"""Writing and reading of files: whole or not at all, only what is a file, and never waiting for a pipe."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lab.files import fileio
from lab.files.fileio import place_problem, read_file, write_file

ROOT = Path(__file__).parents[2]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def device(path: Path, kind: int, major: int, minor: int) -> Path:
    """A device node of our own; the machine's are left alone."""
    try:
        os.mknod(path, kind | 0o666, os.makedev(major, minor))
        path.open("rb").close()
    except OSError:
        pytest.skip("device nodes cannot be made here")
    return path


def test_a_file_is_made_with_the_mode_that_the_process_gives_its_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "new.json", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "new.json").read_text() == "text"
    assert stat.S_IMODE((tmp_path / "new.json").stat().st_mode) == 0o640
    assert names(tmp_path) == ["new.json"]


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    file.write_text("old")
    file.chmod(0o604)
    write_file(file, b"new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o604)


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target = tmp_path / "far" / "target.json"
    target.write_text("old")
    second, first = tmp_path / "second.json", tmp_path / "first.json"
    second.symlink_to("far/target.json")
    first.symlink_to(second)
    write_file(first, "new")
    assert (first.is_symlink(), second.is_symlink(), target.read_text()) == (True, True, "new")
    assert names(tmp_path / "far") == ["target.json"]


def test_what_a_dangling_link_points_to_is_made(tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to("target.json")
    assert place_problem(link) == ""
    write_file(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "target.json").read_text() == "new"


def test_a_character_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    null = device(tmp_path / "null.json", stat.S_IFCHR, 1, 3)
    assert place_problem(null) == ""
    write_file(null, "anything")
    assert null.is_char_device()
    assert names(tmp_path) == ["null.json"]


def test_a_full_device_is_an_error_and_stays_a_device(tmp_path: Path) -> None:
    full = device(tmp_path / "full.json", stat.S_IFCHR, 1, 7)
    link = tmp_path / "link.json"
    link.symlink_to(full)
    for path in (full, link):
        with pytest.raises(OSError, match="No space left"):
            write_file(path, "anything")
    assert (full.is_char_device(), link.is_symlink()) == (True, True)


def test_a_fifo_is_written_to_as_it_stands(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.json"
    os.mkfifo(fifo)
    content, got = "x" * 300_000, []
    reader = threading.Thread(target=lambda: got.append(fifo.read_text()))
    reader.start()
    write_file(fifo, content)
    reader.join()
    assert got == [content]
    assert fifo.is_fifo()


def test_a_fifo_that_nobody_reads_is_an_error_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fileio, "READER_TIMEOUT_S", 0.1)
    os.mkfifo(tmp_path / "fifo.json")
    with pytest.raises(OSError, match="this FIFO has no reader"):
        write_file(tmp_path / "fifo.json", "anything")


@pytest.mark.parametrize("place", ["/dev/null", "fifo.json"])
def test_without_streams_only_regular_files_are_replaced_and_nothing_is_waited_for(tmp_path: Path, place: str) -> None:
    os.mkfifo(tmp_path / "fifo.json")
    with pytest.raises(OSError, match=r"this is a (FIFO|character device)"):
        write_file(tmp_path / place, "anything", streams=False)
    assert names(tmp_path) == ["fifo.json"]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket.json"))
        for name, problem in (("folder.json", "this is a directory"), ("socket.json", "this is a socket")):
            assert place_problem(tmp_path / name) == problem
            with pytest.raises(OSError, match=problem):
                write_file(tmp_path / name, "anything")
    assert names(tmp_path) == ["folder.json", "socket.json"]
    assert (tmp_path / "socket.json").is_socket()


def test_a_block_device_is_refused(tmp_path: Path) -> None:
    try:
        os.mknod(tmp_path / "disk.json", stat.S_IFBLK | 0o666, os.makedev(240, 77))
    except OSError:
        pytest.skip("device nodes cannot be made here")
    with pytest.raises(OSError, match="this is a block device"):
        write_file(tmp_path / "disk.json", "anything")
    assert place_problem(tmp_path / "disk.json") == "this is a block device"


@pytest.mark.parametrize("name", ["x" * 300 + ".json", "no/such/place.json", "nul\0.json"])
def test_an_impossible_name_is_reported_before_writing(tmp_path: Path, name: str) -> None:
    assert place_problem(tmp_path / name)
    with pytest.raises((OSError, ValueError)):
        write_file(tmp_path / name, "anything")


def test_a_loop_of_links_is_reported_before_writing(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to("b.json")
    (tmp_path / "b.json").symlink_to("a.json")
    assert place_problem(tmp_path / "a.json")
    with pytest.raises(OSError, match="link"):
        write_file(tmp_path / "a.json", "anything")
    assert (tmp_path / "a.json").is_symlink()


def test_the_longest_name_that_a_file_may_have_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 250 + ".json")
    assert place_problem(path) == ""
    write_file(path, "text")
    assert path.read_text() == "text"


def test_a_full_disk_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text("old")
    code = (
        "import resource, signal, sys; from pathlib import Path; from lab.files.fileio import write_file\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_file(Path(sys.argv[1]), 'x' * 100_000)\n"
        "except OSError as error: print(error.strerror)"
    )
    printed = subprocess.run([sys.executable, "-c", code, file], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout == "File too large\n"
    assert file.read_text() == "old"
    assert names(tmp_path) == ["results.json"]


@pytest.mark.parametrize("kind", ["a FIFO", "a directory", "a character device"])
def test_only_a_regular_file_is_read_and_nothing_is_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "input.json"
    if kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "a directory":
        path.mkdir()
    else:
        device(path, stat.S_IFCHR, 1, 5)
    with pytest.raises(OSError, match=f"this is {kind}, not a regular file"):
        read_file(path)


def test_no_more_is_read_than_asked_for(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abcdef")
    assert read_file(tmp_path / "x", 3) == b"abc"
    assert read_file(tmp_path / "x") == b"abcdef"
