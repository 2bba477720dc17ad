"""Kernels: compiled and interpreted alike; what is kept on disk is checked, shared and never trusted blindly."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import tomllib
from importlib import metadata
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lab import compiled, kernel_build, kernels
from lab.compiled import Kernel
from lab.errors import UserError
from lab.kept_kernels import Built
from tests import small_kernel
from tests.small_kernel import KINDS, Small, entry

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built() -> Built:
    """The small kernel, compiled once for all tests."""
    return kernels._build(entry, KINDS, "kernel")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, and no kernel loaded yet."""
    monkeypatch.setenv("LAB_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("LAB_KERNEL", "auto")
    monkeypatch.setattr(compiled, "_loaded", {})
    return tmp_path / "kernels"


@pytest.fixture
def builds(built: Built, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The builds that were asked for, each of which takes no time."""
    asked: list[str] = []

    def build(entry: object, kinds: object, form: object) -> Built:
        asked.append("built")
        return built

    monkeypatch.setattr(kernels, "_build", build)
    return asked


def load() -> Kernel:
    compiled._loaded.clear()
    return compiled.load(entry, KINDS, "the small kernel")


def computed(kernel: Kernel) -> bytes:
    words = np.arange(-50, 50, dtype=np.int64).reshape(50, 2) * 10**15
    tables = Small(words, np.zeros(50))
    assert kernel.call(tables, 40) == 40
    return b"".join(table.tobytes() for table in tables)


def kept(cache: Path) -> Path:
    return next(cache.glob("*.o"))


def test_both_ways_give_the_same_bits_and_the_second_time_nothing_is_compiled(builds, capsys):
    assert load().mode == "compiled"
    assert computed(load()) == computed(compiled.interpreted(entry))
    assert builds == ["built"]
    assert capsys.readouterr().err == "compiling the small kernel (once, about 20 s)\n"


def test_a_process_that_loads_a_kernel_imports_no_numba(builds, cache):
    load()
    code = (
        "import sys; from lab import compiled; from tests.small_kernel import KINDS, entry\n"
        "print(compiled.load(entry, KINDS, 'it').mode, 'numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("compiled False\n", "")


def test_tables_may_change_between_calls(builds):
    kernel = load()
    for rows in (1, 7):
        tables = Small(np.ones((rows, 2), np.int64), np.zeros(rows))
        assert kernel.call(tables, 100) == rows
        assert len(set(tables.words[:, 1].tolist())) == 1
    wrong = Small(np.ones((2, 2), np.int32), np.zeros(2))
    with pytest.raises(TypeError, match="table words: int32"):
        kernel.call(wrong, 1)
    with pytest.raises(TypeError, match=r"table words: int64 with rows \(2,\)"):
        kernel.call(Small(np.ones((2, 4), np.int64)[:, ::2], np.zeros(2)), 1)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"),
        lambda path: path.write_bytes(b""),
        lambda path: path.chmod(0o666),
        lambda path: (path.rename(path.with_suffix(".other")), path.symlink_to(path.with_suffix(".other"))),
    ],
    ids=["torn", "changed", "empty", "others may write it", "a link"],
)
def test_what_cannot_be_trusted_is_built_again(builds, cache, spoil):
    good = computed(load())
    spoil(kept(cache))
    assert computed(load()) == good
    assert builds == ["built"] * 2
    load()
    assert builds == ["built"] * 2


@pytest.mark.parametrize("put", [Path.mkdir, os.mkfifo], ids=["a directory", "a pipe"])
def test_what_is_no_file_is_not_read(builds, cache, put):
    good = computed(load())
    path = kept(cache)
    path.unlink()
    put(path)
    assert computed(load()) == good
    assert builds == ["built"] * 2


def test_a_compiler_that_is_killed_is_told_with_a_guess(monkeypatch, capsys):
    def killed(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, -9, "", "")

    monkeypatch.setattr(kernels.subprocess, "run", killed)
    assert load().mode == "interpreted"
    assert "compiling failed: exit code -9, is memory short? (numba" in capsys.readouterr().err


def test_a_numba_that_takes_no_hint_about_indices_is_told(monkeypatch, capsys):
    for name in ("numba", "numba.np"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["numba"].types = None  # type: ignore[attr-defined]
    sys.modules["numba.np"].arrayobj = ModuleType("arrayobj")  # type: ignore[attr-defined]
    kernel_build._take_indices_as_they_are()
    assert capsys.readouterr().err.startswith(f"{kernels.NOTE}slower by half, ")


def test_what_the_compiler_says_to_people_is_passed_on_and_nothing_else(monkeypatch, capsys):
    def spoken(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        Path(command[-1]).write_bytes(b"code")
        return subprocess.CompletedProcess(command, 0, "symbol\n", f"a warning of numba\n{kernels.NOTE}slower\n")

    monkeypatch.setattr(kernels.subprocess, "run", spoken)
    assert kernels._build(entry, KINDS, "kernel") == Built("symbol", b"code")
    assert capsys.readouterr().err == f"{kernels.NOTE}slower\n"


def test_another_users_file_is_not_loaded(builds, cache, monkeypatch):
    load()
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    assert load().mode == "compiled"
    assert builds == ["built"] * 2


def test_a_file_of_another_kernel_under_this_name_is_not_loaded(builds, cache, monkeypatch):
    load()
    old = kept(cache)
    content = old.read_bytes()
    monkeypatch.setattr(small_kernel, "STEP", 4)
    load()
    (new,) = set(cache.glob("*.o")) - {old}
    new.write_bytes(content)
    load()
    assert builds == ["built"] * 3


def test_what_a_kernel_depends_on_changes_its_name(monkeypatch, tmp_path):
    import llvmlite.binding as llvm

    keys = {kernels._key(entry, KINDS, "kernel", llvm)}
    with monkeypatch.context() as patch:
        patch.setattr(small_kernel, "STEP", 5)
        keys.add(kernels._key(entry, KINDS, "kernel", llvm))
    with monkeypatch.context() as patch:
        patch.setattr(metadata, "version", lambda name: "9.9")
        keys.add(kernels._key(entry, KINDS, "kernel", llvm))
    with monkeypatch.context() as patch:
        patch.setattr(llvm, "get_host_cpu_name", lambda: "another")
        keys.add(kernels._key(entry, KINDS, "kernel", llvm))
    keys.add(kernels._key(entry, {**KINDS, "floats": "f2"}, "kernel", llvm))
    keys.add(kernels._key(entry, KINDS, "function", llvm))
    with monkeypatch.context() as patch:  # a function that is called by one that is called
        source = tmp_path / "draws.py"
        source.write_text("changed", encoding="utf-8")
        code = small_kernel.mix.__code__.replace(co_filename=str(source))
        patch.setattr(small_kernel.mix, "__code__", code)
        keys.add(kernels._key(entry, KINDS, "kernel", llvm))
    assert len(keys) == 7
    assert kernels._key(entry, KINDS, "kernel", llvm) in keys


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(builds, cache, capsys):
    cache.write_text("no directory", encoding="utf-8")
    assert computed(load()) == computed(compiled.interpreted(entry))
    load()
    assert builds == ["built"] * 2
    told = capsys.readouterr().err
    assert told.count("compiling") == 2
    assert f"compiled kernels cannot be kept in {cache}, so every process compiles them" in told


def test_what_was_built_and_cannot_be_written_is_not_built_again(builds, cache, monkeypatch, capsys):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kernels, "write", full)
    assert load().mode == "compiled"
    assert builds == ["built"]
    assert "No space left on device" in capsys.readouterr().err


def test_a_new_kernel_drops_what_nobody_used_for_long(builds, cache):
    load()
    old = kept(cache)
    old.write_bytes(b"")
    left = cache / "advance-of-an-older-version.o"
    left.touch()
    os.utime(left, (0, 0))
    load()
    assert [path.name for path in cache.glob("*.o")] == [old.name]


def test_where_there_is_no_room_to_compile_it_runs_interpreted(monkeypatch, capsys):
    def no_room(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(kernels.tempfile, "TemporaryDirectory", no_room)
    assert load().mode == "interpreted"
    assert "compiling failed: [Errno 30] Read-only file system" in capsys.readouterr().err


def test_a_numba_that_lacks_what_is_used_of_it_is_named(tmp_path, monkeypatch):
    (tmp_path / "numba.py").write_text("raise ImportError('no njit in this version')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(kernels.NotCompiledError, match=r"no njit in this version \(numba .*; known to work: 0"):
        kernels._build(entry, KINDS, "kernel")


def test_the_range_of_numba_that_is_named_is_the_one_that_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (wanted,) = (line for line in project["dependencies"] if line.startswith("numba"))
    low, high = (tuple(map(int, version.split("."))) for version in kernels.KNOWN_NUMBA.split(" to "))
    assert wanted.startswith(f"numba>={low[0]}.{low[1]},<{high[0]}.{high[1] + 1};")


def missing_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)


def missing_llvmlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)


def failing_build(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(entry: object, kinds: object, form: object) -> Built:
        raise kernels.NotCompiledError("compiling failed: no memory")

    monkeypatch.setattr(kernels, "_build", build)


@pytest.mark.parametrize("lack", [missing_numba, missing_llvmlite, failing_build])
def test_what_cannot_be_compiled_runs_interpreted_and_says_so_once(lack, monkeypatch, capsys):
    lack(monkeypatch)
    first = load()
    assert first.mode == "interpreted"
    assert load().mode == "interpreted"
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if "interpreted, with the same results" in line] == told[-1:]
    assert os.environ["LAB_KERNEL"] == "interpreted"  # so that child processes do the same, in silence
    assert len(computed(first)) == 50 * 3 * 8


@pytest.mark.parametrize("lack", [missing_numba, missing_llvmlite, failing_build])
def test_who_asks_for_compiled_kernels_is_told_why_there_are_none(lack, monkeypatch):
    monkeypatch.setenv("LAB_KERNEL", "compiled")
    lack(monkeypatch)
    with pytest.raises(UserError, match="the small kernel cannot be compiled: "):
        load()


def test_an_unknown_mode_is_refused(monkeypatch):
    monkeypatch.setenv("LAB_KERNEL", "fast")
    with pytest.raises(UserError, match="LAB_KERNEL: 'fast'; expected one of auto, compiled, interpreted"):
        load()


def test_a_kernel_that_does_not_compile_names_the_reason():
    with pytest.raises(kernels.NotCompiledError, match="compiling failed: "):
        kernels._build(entry, {"words": "i", "floats": "f"}, "kernel")


def test_of_two_builders_at_once_one_builds(built, monkeypatch):
    asked: list[str] = []

    def build(entry: object, kinds: object, form: object) -> Built:
        asked.append("built")
        time.sleep(0.3)
        return built

    monkeypatch.setattr(kernels, "_build", build)
    together = threading.Barrier(2)

    def start() -> None:
        together.wait()
        kernels.compiled(entry, KINDS, lambda: None)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == ["built"]
