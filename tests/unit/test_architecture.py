"""Who may import whom, read from the source: engines nothing that makes faults, plug-ins only what is public."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PUBLIC = {
    "lab.contracts",
    "lab.errors",
    "lab.faults",
    "lab.levers",
    "lab.ranking",
    "lab.signals",
    "lab.topology",
    "lab.units",
    "lab.windows",
}
MAKING_FAULTS = ("lab.worlds", "lab.testbeds", "lab.levers", "lab.faults", "injectors")
# The floor of guessing draws from the published names of faults; it learns nothing of how they work.
MAY_KNOW_FAULT_NAMES = {"chance.py": {"lab.faults"}}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(source: Path) -> set[str]:
    """Every module a file imports, inside functions and TYPE_CHECKING blocks too."""
    package = ".".join(source.relative_to(ROOT).parts[:-1])
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            names |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return names


def within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def test_the_reader_of_imports_sees_every_form(tmp_path, monkeypatch):
    source = tmp_path / "lab" / "engines" / "sly.py"
    source.parent.mkdir(parents=True)
    source.write_text(
        "import lab.worlds.shop\nfrom lab import testbeds\n"
        "def f():\n    from .. import levers\n    from . import host\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert {"lab.worlds.shop", "lab.testbeds", "lab.levers", "lab.engines.host"} <= imported(source)


@pytest.mark.parametrize("source", sources("lab/engines"), ids=lambda s: s.name)
def test_engines_import_nothing_that_makes_faults(source):
    allowed = MAY_KNOW_FAULT_NAMES.get(source.name, set())
    bad = {n for n in imported(source) if any(within(n, m) for m in MAKING_FAULTS)}
    assert {n for n in bad if not any(within(n, m) for m in allowed)} == set()


@pytest.mark.parametrize("source", [*sources("graders"), *sources("injectors")], ids=lambda s: "/".join(s.parts[-2:]))
def test_plug_ins_import_from_the_lab_only_what_is_public(source):
    of_the_lab = {name for name in imported(source) if name.startswith("lab.")}
    assert {name for name in of_the_lab if not any(within(name, public) for public in PUBLIC)} == set()


@pytest.mark.parametrize("module", ["lab.engines", "lab.engines.host", "lab.grading", "lab.ranking", "lab.statistics"])
def test_what_the_command_line_lists_imports_nothing_heavy(module):
    code = f"import sys, {module}; print(*({{'numpy', 'pandas', 'sklearn', 'pyarrow', 'scipy'}} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == ""
