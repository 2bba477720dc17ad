"""What kernels may use, read from their source: whatever runs the same way compiled and interpreted, bit by bit."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES_MAX = 70
OF_MATH = {"cos", "exp", "log", "log1p", "sqrt"}
CALLED = {"abs", "int", "max", "min", "range", "round", *OF_MATH, *(f"math.{name}" for name in OF_MATH)}
"""What a kernel may call beside other kernels and the helpers of `lab.compiled`."""
HELPERS = {"signed", "unsigned", "high32", "low32", "call_function"}
FORBIDDEN = {
    ast.Pow: "a power: libm and LLVM differ in its last bits",
    ast.Raise: "an exception",
    ast.Try: "an exception",
    ast.Assert: "an exception",
    ast.List: "an allocation",
    ast.Dict: "an allocation",
    ast.Set: "an allocation",
    ast.ListComp: "an allocation",
    ast.GeneratorExp: "an allocation",
    ast.Lambda: "a closure",
    ast.FunctionDef: "a closure",
    ast.With: "a context",
    ast.JoinedStr: "text",
    ast.Slice: "an allocation",
    ast.Starred: "a call of unknown length",
    ast.Global: "a variable outside",
    ast.Yield: "a generator",
}


def kernels() -> Iterator[tuple[Path, ast.FunctionDef]]:
    """Every function of a kernel: decorated with `kernel` or `apart`, or given to `load` or `Function` by its name."""
    for path in sorted((ROOT / "lab").rglob("*.py")):
        if path.name in ("compiled.py", "kernels.py"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        entries = {
            ast.unparse(node.args[0])
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("load", "Function") and len(node.args) == 3
        }
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                is_kernel = any(ast.unparse(decorator) in ("kernel", "apart") for decorator in node.decorator_list)
                if is_kernel or node.name in entries:
                    yield path, node


ALL = list(kernels())
NAMES = {function.name for _, function in ALL}
each = pytest.mark.parametrize("function", [f for _, f in ALL], ids=[f"{p.stem}.{f.name}" for p, f in ALL])


def broken(function: ast.FunctionDef) -> list[str]:
    """What a kernel does that it must not."""
    found = []
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    for node in (inner for statement in body for inner in ast.walk(statement)):
        if type(node) in FORBIDDEN:
            found.append(f"{FORBIDDEN[type(node)]} in line {getattr(node, 'lineno', function.lineno)}")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv | ast.Mod):
            by = node.right.value if isinstance(node.right, ast.Constant) else 0
            found += (
                [] if isinstance(by, int) and by > 0 else [f"// or % by no positive constant in line {node.lineno}"]
            )
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes | None):
            found.append(f"{node.value!r} in line {node.lineno}")
        if isinstance(node, ast.Call) and ast.unparse(node.func) not in CALLED | HELPERS | NAMES:
            found.append(f"a call of {ast.unparse(node.func)} in line {node.lineno}")
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("np."):
            found.append(f"numpy in line {node.lineno}")
    return found


def test_there_are_kernels_to_read():
    assert {"advance", "mix", "settle", "perform", "sift_down"} <= NAMES


@each
def test_a_kernel_uses_nothing_that_could_differ_between_the_two_ways(function):
    assert broken(function) == []


@each
def test_a_kernel_is_short(function):
    assert (function.end_lineno or 0) - function.lineno < LINES_MAX


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("x = a ** 2", "a power"),
        ("x = a // b", "// or %"),
        ("x = a % -3", "// or %"),
        ("x = np.exp(a)", "a call of np.exp"),
        ("x = np.pi", "numpy"),
        ("raise ValueError", "an exception"),
        ("x = [a]", "an allocation"),
        ("x = a[1:]", "an allocation"),
        ("x = 'a'", "'a'"),
        ("x = None", "None"),
        ("x = len(a)", "a call of len"),
    ],
)
def test_the_reader_sees_what_is_not_allowed(line, why):
    (function,) = ast.parse(f"def f(a, b):\n    {line}").body
    assert isinstance(function, ast.FunctionDef)
    assert any(why in what for what in broken(function))
