"""Compiled kernels: built once in a process of their own, kept (`lab.kept_kernels`), and loaded.

The process that builds (`lab.kernel_build`) imports numba; the one that runs a kernel needs only llvmlite, which comes
with it. What is kept is machine code for this processor, named by everything that it depends on.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from signal import SIGKILL
from types import CodeType, FunctionType
from typing import Any, Literal, TypeAlias

from lab.compiled import check_kinds
from lab.kept_kernels import Built, alone, kernels_directory, prune, read, write

Entry: TypeAlias = Callable[[Any, int], int]
Function: TypeAlias = Callable[[Any, Any], int]
Kinds: TypeAlias = Mapping[str, str]
"""Of each table whether it holds whole numbers or floats, and how many a row: i, i16, f, f2."""
Form: TypeAlias = Literal["kernel", "function"]
"""How it is called: by Python with the addresses of tables, or by a kernel with the address where those are kept."""

BUILD_S = 300.0
"""Seconds after which a build is given up."""
KNOWN_NUMBA = "0.61 to 0.68"
"""Versions of numba that were tried, as in pyproject.toml: what is used of it is in part not public."""
NOTE = "kernels: "
"""How a line begins that the building process has for people."""


class NotCompiledError(Exception):
    """Why a kernel cannot be compiled or loaded here."""


def compiled(entry: Entry, kinds: Kinds, announce: Callable[[], None]) -> Callable[[Any, int], int]:
    """The compiled form of an entry: from the cache, else built, which is announced. NotCompiledError."""
    return _callable(_loaded(entry, kinds, announce, "kernel"), kinds)


def compiled_function(entry: Function, kinds: Kinds, announce: Callable[[], None]) -> int:
    """The address of a function that compiled kernels call (see `lab.called`). NotCompiledError."""
    return _loaded(entry, kinds, announce, "function")


def _loaded(entry: Entry | Function, kinds: Kinds, announce: Callable[[], None], form: Form) -> int:
    """Where the compiled form of an entry lies in memory."""
    if why := _missing():
        raise NotCompiledError(why)
    import llvmlite.binding as llvm

    key = _key(entry, kinds, form, llvm)
    built = _from_cache(entry, kinds, form, key, announce)
    try:
        return _address(built, llvm)
    except (RuntimeError, OSError) as error:
        raise NotCompiledError(f"the compiled code cannot be loaded ({error})") from error


def obstacle() -> str:
    """Why no kernel can be compiled here, as far as can be known without trying; empty if that may succeed."""
    return "LAB_KERNEL=interpreted" if os.environ.get("LAB_KERNEL") == "interpreted" else _missing()


def _missing() -> str:
    """Which of the packages that compiled kernels need is not there; empty where none is missing."""
    try:
        metadata.version("numba")
        import llvmlite.binding  # noqa: F401
    except metadata.PackageNotFoundError:
        return "numba is not installed"
    except ImportError as error:
        return f"llvmlite cannot be loaded: {error}"
    return ""


# What a compiled kernel depends on.


def _key(entry: Entry | Function, kinds: Kinds, form: Form, llvm: Any) -> str:
    what = {
        "form": form,
        "sources": _sources(entry),
        "kinds": dict(kinds),
        "python": [sys.implementation.name, *sys.version_info[:3]],
        "numba": metadata.version("numba"),
        "llvmlite": metadata.version("llvmlite"),
        "cpu": [llvm.get_default_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()],
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _sources(entry: Entry | Function) -> list[str]:
    """The source of every function that an entry calls, and the value of every constant that they use, by name."""
    found: dict[str, str] = {}
    waiting: list[Any] = [entry]
    seen: set[int] = set()
    texts = {str(path): path.read_bytes() for path in (Path(__file__), Path(__file__).with_name("kernel_build.py"))}
    while waiting:
        function = waiting.pop()
        if id(function) in seen:
            continue
        seen.add(id(function))
        texts.setdefault(function.__code__.co_filename, Path(function.__code__.co_filename).read_bytes())
        for name in _names(function.__code__):
            value = function.__globals__.get(name)
            if isinstance(value, FunctionType):
                waiting.append(value)
            elif isinstance(value, int | float):
                found[f"{function.__module__}.{name}"] = repr(value)
    digests = sorted(hashlib.sha256(text).hexdigest() for text in texts.values())
    return [*digests, *(f"{name}={value}" for name, value in sorted(found.items()))]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


# Building.


def _from_cache(entry: Entry | Function, kinds: Kinds, form: Form, key: str, announce: Callable[[], None]) -> Built:
    path = kernels_directory() / f"{entry.__module__}.{getattr(entry, '__name__', 'kernel')}-{key[:32]}.o"
    if (built := read(path, key)) is not None:
        return built
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with alone(path.with_suffix(".lock")):
            if (built := read(path, key)) is None:  # else another process was first
                announce()
                built = _build(entry, kinds, form)
                write(path, key, built)
                prune(path.parent)
    except OSError as error:
        say(f"compiled kernels cannot be kept in {path.parent}, so every process compiles them ({error}); "
             "let LAB_CACHE_DIR name a directory that can be written")  # fmt: skip
        if built is None:
            announce()
            built = _build(entry, kinds, form)
    return built


def say(text: str) -> None:
    """Prints a line for people."""
    print(text, file=sys.stderr, flush=True)


def _build(entry: Entry | Function, kinds: Kinds, form: Form) -> Built:
    """Compiles an entry in a process of its own. The entry is a function that a module has by its own name."""
    name = f"{entry.__module__}:{getattr(entry, '__name__', '')}"
    env = {**os.environ, "LAB_KERNEL_BUILD": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        with tempfile.TemporaryDirectory(prefix="lab-kernel-") as directory:
            out = Path(directory) / "kernel.o"
            command = [sys.executable, "-P", "-m", "lab.kernel_build", name, json.dumps(dict(kinds)), form, str(out)]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=BUILD_S)
            notes = [line for line in done.stderr.splitlines() if line.startswith(NOTE)]
            if done.returncode != 0:
                ended = f"exit code {done.returncode}" + (", is memory short?" if done.returncode == -SIGKILL else "")
                lines = done.stderr.strip().splitlines() or [ended]
                raise NotCompiledError(
                    f"compiling failed: {lines[-1]} (numba {metadata.version('numba')}; known to work: {KNOWN_NUMBA})"
                )
            for note in notes:
                say(note)
            return Built(done.stdout.strip().splitlines()[-1], out.read_bytes())
    except subprocess.TimeoutExpired as error:
        raise NotCompiledError(f"compiling took longer than {BUILD_S:.0f} s") from error
    except OSError as error:
        raise NotCompiledError(f"compiling failed: {error}") from error


# Loading.

_engines: list[Any] = []
"""Keeps machine code alive that functions were made from."""


_UNREACHABLE = ctypes.CFUNCTYPE(None)(os.abort)
"""Stands for the functions that only numba's own error paths call, which kernels do not have."""
_STUBS = (
    "NRT_Free", "NRT_MemInfo_call_dtor", "NRT_decref", "NRT_incref", "numba_do_raise", "numba_gil_ensure",
    "numba_gil_release", "numba_runtime_build_excinfo_struct", "numba_unpickle",
)  # fmt: skip


def _address(built: Built, llvm: Any) -> int:
    """Where a compiled kernel's function lies in memory, after its code was loaded."""
    stub = ctypes.cast(_UNREACHABLE, ctypes.c_void_p).value
    for name in _STUBS:
        if llvm.address_of_symbol(name) is None:
            llvm.add_symbol(name, stub)
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(codemodel="jitdefault", jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(built.code))
    engine.finalize_object()
    address: int = engine.get_function_address(built.symbol)
    if not address:
        raise RuntimeError(f"it has no function {built.symbol}")
    _engines.append(engine)
    return address


def _callable(address: int, kinds: Kinds) -> Callable[[Any, int], int]:
    """Calls compiled code with the addresses of tables, which are looked up anew where the tables are others."""
    pointers = [ctypes.c_void_p] * len(kinds)
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, *pointers)(address)
    known: tuple[Any, Any, int, list[int]] | None = None

    def call(tables: Any, until: int) -> int:
        nonlocal known
        now = known
        if now is None or now[0] is not tables:
            check_kinds(kinds, tables)
            rows = (ctypes.c_int64 * len(kinds))(*map(len, tables))
            now = known = (tables, rows, ctypes.addressof(rows), [a.__array_interface__["data"][0] for a in tables])
        result: int = function(now[2], until, *now[3])
        return result

    return call
