"""Who may import whom, read from the source: engines nothing that makes faults, plug-ins only what is public."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from functools import lru_cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PUBLIC = {
    "lab.contracts",
    "lab.errors",
    "lab.injection.faults",
    "lab.injection.levers",
    "lab.judging.ranking",
    "lab.signals",
    "lab.systems.pools",
    "lab.systems.topology",
    "lab.files.units",
    "lab.signals.windows",
}
MAKING_FAULTS = (
    "lab.worlds", "lab.content", "lab.testbeds", "lab.injection.levers", "lab.injection.faults", "injectors",
)  # fmt: skip
# The floor of guessing draws from the published names of faults; it learns nothing of how they work.
MAY_KNOW_FAULT_NAMES = {"chance.py": {"lab.injection.faults"}}


SHARED = (
    "errors",
    "plugins",
    "clock",
    "streams",
    "contracts",
    "compiled",
    "called",
    "kernels",
    "kernel_build",
    "kept_kernels",
    "draws",
)
"""Modules beside the rooms that every room may import."""
ROOMS = (
    "files", "registration", "systems", "agreed", "injection", "recording", "signals", "scenario", "content", "worlds",
    "engines", "judging", "testbeds", "report", "runs", "investigation", "api",
    "quiz", "mcp", "docs", "cli",
)  # fmt: skip
"""Rooms of the lab, each of which may import from those before it and from none after it."""
FRONT_DOORS = ("__init__", "__main__", "library", "pytest_plugin", "driver_suite", "world_suite")
"""Modules for people and other programs; no room imports them, but for the lab's version."""


@lru_cache(maxsize=2048)
def parsed(text: str) -> ast.Module:
    """Read once: many tests look at the same files."""
    return ast.parse(text)


def tree_of(source: Path) -> ast.Module:
    return parsed(source.read_text(encoding="utf-8"))


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(source: Path) -> set[str]:
    """Every module a file imports, inside functions and TYPE_CHECKING blocks too.

    Whoever has the package `lab` itself has everything in it: that is `lab.*`.
    """
    package = ".".join(source.relative_to(ROOT).parts[:-1])
    names: set[str] = set()
    for node in ast.walk(tree_of(source)):
        if isinstance(node, ast.Import):
            names |= {"lab.*" if alias.name == "lab" else alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute) and _is_of_the_lab(node):
            names.add(ast.unparse(node))
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            names |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return names


def _is_of_the_lab(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "lab"


def imports_by_name(source: Path) -> bool:
    """Whether a file imports modules whose names it computes, which no reader of imports can follow."""
    importing = {"import_module", "__import__", "exec", "eval", "exec_module", "runpy"}
    tree = tree_of(source)
    called = [
        node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    named = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for a in node.names]
    used = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return bool(importing & {*called, *named, *used})


def within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def test_the_reader_of_imports_sees_every_form(tmp_path, monkeypatch):
    source = tmp_path / "lab" / "engines" / "sly.py"
    source.parent.mkdir(parents=True)
    source.write_text(
        "import lab.worlds.shop\nfrom lab import testbeds\n"
        "def f():\n    from ..injection import levers\n    from . import host\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert {"lab.worlds.shop", "lab.testbeds", "lab.injection.levers", "lab.engines.host"} <= imported(source)


@pytest.mark.parametrize("source", sources("lab/engines"), ids=lambda s: s.name)
def test_engines_import_nothing_that_makes_faults(source):
    allowed = MAY_KNOW_FAULT_NAMES.get(source.name, set())
    bad = {n for n in imported(source) if any(within(n, m) for m in MAKING_FAULTS)}
    assert {n for n in bad if not any(within(n, m) for m in allowed)} == set()


@pytest.mark.parametrize("source", [*sources("graders"), *sources("injectors")], ids=lambda s: "/".join(s.parts[-2:]))
def test_plug_ins_import_from_the_lab_only_what_is_public(source):
    of_the_lab = {name for name in imported(source) if name.startswith("lab.")}
    assert {name for name in of_the_lab if not any(within(name, public) for public in PUBLIC)} == set()


@pytest.mark.parametrize(
    "module",
    ["lab.engines", "lab.engines.host", "lab.judging.grading", "lab.judging.ranking", "lab.judging.statistics"],
)
def test_what_the_command_line_lists_imports_nothing_heavy(module):
    code = f"import sys, {module}; print(*({{'numpy', 'pandas', 'sklearn', 'pyarrow', 'scipy'}} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == ""


def rooms_imported(source: Path) -> set[str]:
    """The rooms, and the modules beside them, that a file imports from; `*` for the package, which has them all."""
    return {name.split(".")[1] for name in imported(source) if name.startswith("lab.")} - {"__version__"}


def test_every_room_has_its_place_in_the_order():
    found = {path.parent.name for path in (ROOT / "lab").glob("*/__init__.py")}
    assert found == set(ROOMS)
    assert {path.stem for path in (ROOT / "lab").glob("*.py")} == {*SHARED, *FRONT_DOORS}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_before_it(room):
    allowed = {*SHARED, *ROOMS[: ROOMS.index(room) + 1]}
    bad = {f"{source.name}: {other}" for source in sources(f"lab/{room}") for other in rooms_imported(source) - allowed}
    assert bad == set()


NAMING_ONE = {
    "lab/testbeds/driver.py": {"sim"},  # the one that runs where none is named
    "lab/cli/__init__.py": {"stack"},  # the command `lab stack`
    "lab/registration/checking.py": {"stack"},  # a part of a world's registration
    "lab/worlds/batch/levers.py": {"sim"},  # whose table the content levers are entered in
    "lab/worlds/decisions/levers.py": {"sim"},  # whose table the content levers are entered in
    "lab/worlds/shop/levers.py": {"sim"},  # whose table the content levers are entered in
}


def test_nothing_above_the_drivers_knows_one_by_name():
    names = {path.parent.name for path in (ROOT / "lab" / "testbeds").glob("*/driver.py")}
    assert {"sim", "stack"} <= names
    found = {}
    for source in sources("lab"):
        place = source.relative_to(ROOT).as_posix()
        if place.startswith(tuple(f"lab/testbeds/{name}/" for name in names)):
            continue
        tree = tree_of(source)
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        if known := (names & texts) - NAMING_ONE.get(place, set()):
            found[place] = known
    assert found == {}


def test_the_lab_imports_nothing_of_its_services():
    """The wheel holds no services; what both sides agree on is in the lab."""
    bad = {f"{source}: {name}" for source in sources("lab") for name in imported(source) if within(name, "services")}
    assert bad == set()


def test_services_know_no_testbed():
    """Nor what steers or judges one: a container is the same whoever runs it."""
    rooms = {"testbeds", "judging", "engines", "runs", "report", "docs", "cli", "*", *FRONT_DOORS}
    bad = {f"{source}: {room}" for source in sources("services") for room in rooms_imported(source) & rooms}
    assert bad == set()


def test_no_testbed_knows_another_one():
    names = {path.parent.name for path in (ROOT / "lab" / "testbeds").glob("*/__init__.py")}
    assert {"sim", "stack"} <= names
    bad = {
        f"{source}: {name}"
        for own in names
        for source in sources(f"lab/testbeds/{own}")
        for name in imported(source)
        if any(within(name, f"lab.testbeds.{other}") for other in names - {own})
    }
    assert bad == set()


def test_containers_hold_every_module_that_their_services_import():
    """What an image copies: the lab and the services; what it leaves out, no service may import."""
    copied = {line.split()[1] for line in (ROOT / "services" / "Dockerfile").read_text().splitlines()
              if line.startswith("COPY") and not line.endswith("\\")}  # fmt: skip
    assert {"lab", "services"} <= copied
    ours = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    bad = {
        f"{source}: {name}"
        for source in sources("services")
        for name in imported(source)
        if name.split(".")[0] in ours - copied
    }
    assert bad == set()


IMPORTING_BY_NAME = {
    "lab/__init__.py": "the names of the Python API, from a table beside it",
    "lab/cli/__init__.py": "the module of a command",
    "lab/injection/faults.py": "modules of installed plug-ins",
    "lab/kernel_build.py": "the module of a kernel, in the process that compiles it",
    "lab/registration/world.py": "what an installed world registers",
}


def test_only_these_import_what_no_reader_of_imports_can_follow():
    folders = ("lab", "graders", "injectors", "services")
    found = {s.relative_to(ROOT).as_posix() for folder in folders for s in sources(folder) if imports_by_name(s)}
    assert found == IMPORTING_BY_NAME.keys()


def test_only_its_own_command_knows_the_inside_of_a_testbed():
    """Whoever else wants something of a testbed asks its driver; content is made for the simulator alone."""
    names = {path.parent.name for path in (ROOT / "lab" / "testbeds").glob("*/driver.py")}
    found = {
        source.relative_to(ROOT).as_posix()
        for folder in ("lab", "graders", "injectors")
        for source in sources(folder)
        if any(within(name, f"lab.testbeds.{inside}") for name in imported(source) for inside in names)
        and not source.is_relative_to(ROOT / "lab" / "testbeds")
    }
    assert found == {"lab/cli/stack.py", "lab/world_suite.py"}


@pytest.mark.parametrize("name", SHARED)
def test_what_every_room_may_import_imports_no_room(name):
    assert rooms_imported(ROOT / "lab" / f"{name}.py") <= set(SHARED)


def module_of(source: Path) -> str:
    return ".".join(source.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_at_once(source: Path) -> set[str]:
    """What importing a file imports with it: not what functions import when called, nor what only mypy reads."""
    package = source.relative_to(ROOT).parts[:-1]
    found: set[str] = set()
    waiting: list[ast.AST] = list(tree_of(source).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *filter(None, [node.module])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)
    return found


def test_the_reader_of_what_is_imported_at_once_sees_every_form(tmp_path, monkeypatch):
    source = tmp_path / "lab" / "engines" / "sly.py"
    source.parent.mkdir(parents=True)
    source.write_text(
        "import typing\nfrom typing import TYPE_CHECKING\n"
        "from . import host\nfrom .rules import tree\nfrom ..signals import windows\n"
        "if TYPE_CHECKING:\n    import lab.a\nelse:\n    import lab.b\n"
        "if typing.TYPE_CHECKING:\n    import lab.c\n"
        "try:\n    import lab.d\nexcept ImportError:\n    import lab.e\n"
        "class Sly:\n    import lab.f\n"
        "with open(__file__):\n    import lab.g\n"
        "match 1:\n    case _:\n        import lab.h\n"
        "def later():\n    import lab.i\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    found = imported_at_once(source)
    assert {"lab.engines.host", "lab.engines.rules.tree", "lab.signals.windows"} <= found
    assert {name for name in found if len(name) == len("lab.a")} == {f"lab.{letter}" for letter in "bdefgh"}


def test_the_readers_see_what_is_meant_to_be_hidden(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    source = tmp_path / "lab" / "signals" / "sly.py"
    source.parent.mkdir(parents=True)
    for text in (
        "import importlib\nimportlib.import_module('lab.testbeds')\n",
        "from importlib import import_module as load\nload('lab.' + 'testbeds')\n",
        "def f():\n    return __import__('lab.testbeds')\n",
        "exec('import lab.testbeds')\n",
        "load = __import__\n",
    ):
        source.write_text(text, encoding="utf-8")
        assert imports_by_name(source), text
    for text, room in (
        ("import lab\n", "*"),
        ("import lab as front\n", "*"),
        ("from lab import *\n", "*"),
        ("import lab.errors\nlab.testbeds.sim.session\n", "testbeds"),
        ("from lab import testbeds as t\n", "testbeds"),
        ("from lab import run\n", "run"),
        ("def f():\n    from ..testbeds import driver\n", "testbeds"),
        ("from lab.testbeds.sim import (\n    session,\n)\n", "testbeds"),
    ):
        source.write_text(text, encoding="utf-8")
        assert room in rooms_imported(source), text


def test_no_module_imports_itself_by_way_of_others():
    """So each can be imported alone, whatever was imported before."""
    files = {module_of(source): source for source in sources("lab")}
    left = {name: (imported_at_once(source) & files.keys()) - {name} for name, source in files.items()}
    while ready := {name for name, needed in left.items() if not needed & left.keys()}:
        left = {name: needed for name, needed in left.items() if name not in ready}
    assert left == {}


IMPORT_ALONE = """
import importlib, json, sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

names, may_be_missing = json.load(sys.stdin)
made, came_with = {}, {}

class Made(MetaPathFinder, Loader):
    def find_spec(self, name, path, target=None):
        return ModuleSpec(name, self) if name in made and name != alone else None

    def create_module(self, spec):
        return made[spec.name]

    def exec_module(self, module):
        for name in came_with[module.__name__]:
            sys.modules.setdefault(name, made[name])
            package, _, last = name.rpartition(".")
            if package and not hasattr(made[package], last):
                setattr(made[package], last, made[name])

packages = {name.split(".")[0] for name in names}
sys.meta_path.insert(0, Made())
for alone in names:
    for name in [name for name in sys.modules if name.split(".")[0] in packages]:
        package, _, last = name.rpartition(".")
        module = sys.modules.pop(name)
        if package in made and vars(made[package]).get(last) is module:
            delattr(made[package], last)
    try:
        importlib.import_module(alone)
    except ModuleNotFoundError as error:
        if error.name not in may_be_missing:
            raise
        continue
    imported = {name: module for name, module in sys.modules.items() if name.split(".")[0] in packages}
    came_with |= dict.fromkeys({*imported} - made.keys() | {alone}, list(imported))
    made = imported | made
"""
"""Imports modules one by one, each in sight of nothing else; what it needs is executed only if it was not before."""


@pytest.mark.slow
def test_every_module_can_be_imported_alone():
    files = {module_of(source): source for folder in ("lab", "graders", "injectors") for source in sources(folder)}
    needs = {name: imported_at_once(source) & files.keys() - {name} for name, source in files.items()}
    names = [name for name in TopologicalSorter(needs).static_order() if not name.endswith("__main__")]
    told = json.dumps([names, _of_the_stack()])
    subprocess.run([sys.executable, "-c", IMPORT_ALONE], input=told, cwd=ROOT, text=True, check=True)


def _of_the_stack() -> list[str]:
    """The packages of the extra `stack-client`, which may be missing."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    return [re.split(r"[\[>=<]", requirement)[0] for requirement in extras["stack-client"]]


def defined(source: Path) -> set[str]:
    """The names that a module has once it is imported; `*` where it takes in those of another."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(tree_of(source).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        else:
            found |= {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else set()
            waiting += ast.iter_child_nodes(node)
    return found


def test_every_name_that_is_imported_from_the_lab_is_there():
    """In tests, scripts and services too: mypy does not read them, and some are skipped where an extra is missing."""
    files = {module_of(source): source for folder in ("lab", "graders", "injectors") for source in sources(folder)}
    names = {module: defined(source) for module, source in files.items()}
    names["lab"] |= set(ast.literal_eval(_all_of(files["lab"])))
    missing = set()
    for source in (s for f in ("lab", "graders", "injectors", "services", "scripts", "benchmarks", "examples", "tests")
                   for s in sources(f)):  # fmt: skip
        for node in ast.walk(tree_of(source)):
            if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "lab":
                if node.module not in files:
                    missing.add(f"{source.relative_to(ROOT)}: {node.module}")
                    continue
                there = names[node.module]
                for name in {alias.name for alias in node.names} - there - {"*"}:
                    if "*" not in there and f"{node.module}.{name}" not in files:
                        missing.add(f"{source.relative_to(ROOT)}: {node.module}.{name}")
    assert missing == set()


def _all_of(source: Path) -> ast.expr:
    tree = tree_of(source)
    return next(
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
