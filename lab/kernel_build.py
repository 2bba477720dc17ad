"""The process that compiles one kernel into an object file. It alone imports numba."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from lab.kernels import KNOWN_NUMBA, NOTE, Entry, Form, Function, Kinds, say


def main(name: str, kinds: str, form: Form, out: str) -> None:
    """Compiles the entry of this name into an object file and prints its symbol. Runs with LAB_KERNEL_BUILD=1."""
    import numba

    _take_indices_as_they_are()
    module, _, function = name.partition(":")
    entry = getattr(import_module(module), function)
    of: dict[str, str] = json.loads(kinds)
    jitted = numba.njit(forceinline=True, error_model="numpy", _nrt=False)(entry)
    names: dict[str, Any] = {"carray": numba.carray, "entry": jitted, "Tables": _tables_of(entry)}
    if form == "kernel":
        source, signature = _kernel_source(of), _kernel_signature(of)
    else:
        source, signature = _function_source(of), numba.int64(numba.int64)
        names |= {"ints": _pointer(numba.int64), "floats": _pointer(numba.float64)}
    exec(source, names)
    function = numba.cfunc(signature)(names["call"])
    library = function._library
    _, _, (code, _) = library.serialize_using_object_code()
    Path(out).write_bytes(code)
    print(function._wrapper_name)


def _kernel_source(of: Kinds) -> str:
    """Calls an entry with tables at given addresses. Rows of a known width make for shorter code than any array's."""
    source = [f"def call(rows, until, {', '.join(f'p_{n}' for n in of)}):", f"    n = carray(rows, ({len(of)},))"]
    for i, (table, kind) in enumerate(of.items()):
        source.append(f"    {table} = carray(p_{table}, (n[{i}], {kind[1:]}))")
    source.append(f"    return entry(Tables({', '.join(of)}), until)")
    return "\n".join(source)


def _kernel_signature(of: Kinds) -> Any:
    from numba import float64, int64, types

    pointers = [types.CPointer(float64 if kind[0] == "f" else int64) for kind in of.values()]
    return int64(types.CPointer(int64), int64, *pointers)


def _function_source(of: Kinds) -> str:
    """Calls a function with the row that it is asked, and the tables, of which `words` has addresses and lengths."""
    source = [
        "def call(words):",
        f"    w = carray(ints(words), ({2 * len(of) + 2},))",
        "    asked = carray(ints(w[0]), (w[1],))",
    ]
    for i, (table, kind) in enumerate(of.items(), start=1):
        pointer = "floats" if kind[0] == "f" else "ints"
        source.append(f"    {table} = carray({pointer}(w[{2 * i}]), (w[{2 * i + 1}], {kind[1:]}))")
    source.append(f"    return entry(Tables({', '.join(of)}), asked)")
    return "\n".join(source)


def _pointer(kind: Any) -> Any:
    """What makes of an address a pointer to numbers of a kind, within compiled code."""
    from numba import extending, types

    @extending.intrinsic  # type: ignore[untyped-decorator]
    def pointer(typing: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, words: Any) -> Any:
            return builder.inttoptr(words[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), generate

    return pointer


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
        say(f"{NOTE}slower by half, for this numba cannot be told to take indices as they are; known: {KNOWN_NUMBA}")


def _tables_of(entry: Entry | Function) -> type:
    """The named tuple that an entry takes: the annotation of its first parameter."""
    function: Any = entry
    annotation = function.__annotations__[function.__code__.co_varnames[0]]
    found: type = function.__globals__[annotation] if isinstance(annotation, str) else annotation
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
