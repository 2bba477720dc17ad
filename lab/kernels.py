"""Compiled kernels: built once in a process of their own, kept (`lab.kept_kernels`), and loaded.

The process that builds imports numba; the one that runs a kernel needs only llvmlite, which comes with it. What is kept
is machine code for this processor, named by everything that it depends on.
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
from importlib import import_module, metadata
from pathlib import Path
from signal import SIGKILL
from types import CodeType, FunctionType
from typing import Any, TypeAlias

from lab.kept_kernels import Built, alone, kernels_directory, prune, read, write

Entry: TypeAlias = Callable[[Any, int], int]
Kinds: TypeAlias = Mapping[str, str]
"""Of each table whether it holds whole numbers or floats, and how many a row: i, i16, f, f2."""

BUILD_S = 300.0
"""Seconds after which a build is given up."""
KNOWN_NUMBA = "0.61 to 0.68"
"""Versions of numba that were tried, as in pyproject.toml: what is used of it is in part not public."""
_NOTE = "kernels: "
"""How a line begins that the building process has for people."""


class NotCompiledError(Exception):
    """Why a kernel cannot be compiled or loaded here."""


def compiled(entry: Entry, kinds: Kinds, announce: Callable[[], None]) -> Callable[[Any, int], int]:
    """The compiled form of an entry: from the cache, else built, which is announced. NotCompiledError."""
    if why := _missing():
        raise NotCompiledError(why)
    import llvmlite.binding as llvm

    key = _key(entry, kinds, llvm)
    built = _from_cache(entry, kinds, key, announce)
    try:
        return _callable(_address(built, llvm), kinds)
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


def _key(entry: Entry, kinds: Kinds, llvm: Any) -> str:
    what = {
        "sources": _sources(entry),
        "kinds": dict(kinds),
        "python": [sys.implementation.name, *sys.version_info[:3]],
        "numba": metadata.version("numba"),
        "llvmlite": metadata.version("llvmlite"),
        "cpu": [llvm.get_default_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()],
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _sources(entry: Entry) -> list[str]:
    """The source of every function that an entry calls, and the value of every constant that they use, by name."""
    found: dict[str, str] = {}
    waiting: list[Any] = [entry]
    seen: set[int] = set()
    texts: dict[str, bytes] = {__file__: Path(__file__).read_bytes()}
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


def _from_cache(entry: Entry, kinds: Kinds, key: str, announce: Callable[[], None]) -> Built:
    path = kernels_directory() / f"{entry.__module__}.{getattr(entry, '__name__', 'kernel')}-{key[:32]}.o"
    if (built := read(path, key)) is not None:
        return built
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with alone(path.with_suffix(".lock")):
            if (built := read(path, key)) is None:  # else another process was first
                announce()
                built = _build(entry, kinds)
                write(path, key, built)
                prune(path.parent)
    except OSError as error:
        _say(f"compiled kernels cannot be kept in {path.parent}, so every process compiles them ({error}); "
             "let LAB_CACHE_DIR name a directory that can be written")  # fmt: skip
        if built is None:
            announce()
            built = _build(entry, kinds)
    return built


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _build(entry: Entry, kinds: Kinds) -> Built:
    """Compiles an entry in a process of its own. The entry is a function that a module has by its own name."""
    name = f"{entry.__module__}:{getattr(entry, '__name__', '')}"
    env = {**os.environ, "LAB_KERNEL_BUILD": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        with tempfile.TemporaryDirectory(prefix="lab-kernel-") as directory:
            out = Path(directory) / "kernel.o"
            command = [sys.executable, "-P", "-m", "lab.kernels", name, json.dumps(dict(kinds)), str(out)]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=BUILD_S)
            notes = [line for line in done.stderr.splitlines() if line.startswith(_NOTE)]
            if done.returncode != 0:
                ended = f"exit code {done.returncode}" + (", is memory short?" if done.returncode == -SIGKILL else "")
                lines = done.stderr.strip().splitlines() or [ended]
                raise NotCompiledError(
                    f"compiling failed: {lines[-1]} (numba {metadata.version('numba')}; known to work: {KNOWN_NUMBA})"
                )
            for note in notes:
                _say(note)
            return Built(done.stdout.strip().splitlines()[-1], out.read_bytes())
    except subprocess.TimeoutExpired as error:
        raise NotCompiledError(f"compiling took longer than {BUILD_S:.0f} s") from error
    except OSError as error:
        raise NotCompiledError(f"compiling failed: {error}") from error


def _main(name: str, kinds: str, out: str) -> None:
    """Compiles the entry of this name into an object file and prints its symbol. Runs with LAB_KERNEL_BUILD=1."""
    import numba

    _take_indices_as_they_are()
    module, _, function = name.partition(":")
    entry = getattr(import_module(module), function)
    of: dict[str, str] = json.loads(kinds)
    # Rows of a known width make for shorter code than any array's.
    source = [f"def call(rows, until, {', '.join(f'p_{n}' for n in of)}):", f"    n = carray(rows, ({len(of)},))"]
    for i, (table, kind) in enumerate(of.items()):
        source.append(f"    {table} = carray(p_{table}, (n[{i}], {kind[1:]}))")
    source.append(f"    return entry(Tables({', '.join(of)}), until)")
    jitted = numba.njit(forceinline=True, error_model="numpy", _nrt=False)(entry)
    names: dict[str, Any] = {"carray": numba.carray, "entry": jitted, "Tables": _tables_of(entry)}
    exec("\n".join(source), names)
    pointers = [numba.types.CPointer(numba.float64 if kind[0] == "f" else numba.int64) for kind in of.values()]
    signature = numba.int64(numba.types.CPointer(numba.int64), numba.int64, *pointers)
    function = numba.cfunc(signature)(names["call"])
    library = function._library
    _, _, (code, _) = library.serialize_using_object_code()
    Path(out).write_bytes(code)
    print(function._wrapper_name)


def _take_indices_as_they_are() -> None:
    """Spares every index the test whether it counts from the end: in kernels none is negative (a third of their time).

    numba has no option for it. Where it does not keep this function any more, kernels are slower, which is said.
    """
    from numba import types
    from numba.np import arrayobj

    def fix_integer_index(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
        return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)

    if hasattr(arrayobj, "fix_integer_index"):
        arrayobj.fix_integer_index = fix_integer_index
    else:
        _say(f"{_NOTE}slower by half, for this numba cannot be told to take indices as they are; known: {KNOWN_NUMBA}")


def _tables_of(entry: Entry) -> type:
    """The named tuple that an entry takes: the annotation of its first parameter."""
    function: Any = entry
    annotation = function.__annotations__[function.__code__.co_varnames[0]]
    found: type = function.__globals__[annotation] if isinstance(annotation, str) else annotation
    return found


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
    expected = [
        ("float64" if kind[0] == "f" else "int64", tuple(map(int, kind[1:].split()))) for kind in kinds.values()
    ]
    known: tuple[Any, Any, int, list[int]] | None = None

    def call(tables: Any, until: int) -> int:
        nonlocal known
        now = known
        if now is None or now[0] is not tables:
            for name, array, (numbers, width) in zip(kinds, tables, expected, strict=True):
                if array.dtype != numbers or array.shape[1:] != width or not array.flags.c_contiguous:
                    raise TypeError(f"table {name}: {array.dtype} with rows {array.shape[1:]}; expected {numbers} with "
                                    f"{width}, contiguous")  # fmt: skip
            rows = (ctypes.c_int64 * len(expected))(*map(len, tables))
            now = known = (tables, rows, ctypes.addressof(rows), [a.__array_interface__["data"][0] for a in tables])
        result: int = function(now[2], until, *now[3])
        return result

    return call


if __name__ == "__main__":
    _main(*sys.argv[1:])
