"""The core without a world of its own: what it generates names none, and most of its tests need none."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.of_worlds import OUT_OF_REACH, TESTS, is_of_a_world

HIDING = TESTS / "without_worlds"
WORDS = re.compile(
    r"shop|click|recommend|impression|item_id|loyalty|catalogue of items|fraud|chargeback|merchant|analyst|"
    r"\bnights?\b|segment|campaign_return",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every generated page and schema, of a process that finds none of the lab's worlds."""
    folder = tmp_path_factory.mktemp("docs")
    path = os.pathsep.join(filter(None, [str(HIDING), os.environ.get("PYTHONPATH", "")]))
    code = (
        "import sys\nfrom pathlib import Path\nfrom lab.docs.pages import write_docs\n"
        "from lab.docs.schemas import write_schemas\nfrom lab.registration.world import installed_worlds\n"
        "assert not installed_worlds()\n"
        "write_docs(Path(sys.argv[1]))\nwrite_schemas(Path(sys.argv[1]) / 'schema')\n"
        "assert not [name for name in sys.modules if name.startswith('lab.worlds')]\n"
    )
    command = [sys.executable, "-c", code, str(folder)]
    subprocess.run(command, cwd=TESTS.parent, env={**os.environ, "PYTHONPATH": path}, check=True)
    return {file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8") for file in folder.rglob("*.*")}


def test_pages_and_schemas_of_the_core_name_no_world(generated: dict[str, str]) -> None:
    assert {"recording.md", "signals.md", "faults.md", "levers.md", "schema/system.v1.json"} <= generated.keys()
    assert [name for name in generated if name.startswith("worlds/")] == []
    found = [f"{name}: {line.strip()[:160]}" for name, text in generated.items() for line in text.splitlines()
             if WORDS.search(line)]  # fmt: skip
    assert found == []


@pytest.mark.parametrize("name", ["recording.md", "signals.md"])
def test_these_pages_are_of_the_core_whatever_is_installed(generated: dict[str, str], name: str) -> None:
    assert generated[name] == (TESTS.parent / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("world", ["shop", "decisions"])
def test_the_words_are_those_that_pages_of_worlds_have(world: str) -> None:
    """So the search above would find them."""
    page = (TESTS.parent / "docs" / "worlds" / f"{world}.md").read_text(encoding="utf-8")
    assert len({word.lower() for word in WORDS.findall(page)}) >= 4


def test_help_and_what_init_writes_name_no_world(tmp_path: Path) -> None:
    """But for `lab stack`, which is about the systems that have containers."""
    code = (
        "import json, click, lab.cli\nfrom lab.cli import COMMANDS\n"
        "main = lab.cli.cli\ncontext = click.Context(main, info_name='lab')\n"
        "texts = {'lab': main.get_help(context)}\n"
        "for name in set(COMMANDS) - {'stack'}:\n"
        "    found = main.get_command(context, name)\n"
        "    texts[name] = found.get_help(click.Context(found, info_name=name, parent=context))\n"
        "print(json.dumps(texts))\n"
    )
    path = os.pathsep.join(filter(None, [str(HIDING), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=TESTS.parent, env={**os.environ, "PYTHONPATH": path},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    texts = json.loads(done.stdout)
    templates = (file for file in (TESTS.parent / "lab" / "templates").rglob("*") if file.is_file())
    texts |= {file.name: file.read_text(encoding="utf-8") for file in templates}
    assert {"lab", "run", "init", "rules", "rules.yaml"} <= texts.keys()
    found = [f"{name}: {line}" for name, text in texts.items() for line in text.splitlines() if WORDS.search(line)]
    assert found == []


def test_the_core_imports_no_world() -> None:
    """By no name: `tests/unit/test_architecture.py` follows imports, this finds what is loaded by reference too."""
    lab = TESTS.parent / "lab"
    sources = [file for file in lab.rglob("*.py") if not file.is_relative_to(lab / "worlds")]
    naming = re.compile(r"lab\.worlds\.\w")
    assert [str(file) for file in sources if naming.search(file.read_text(encoding="utf-8"))] == []


def test_most_test_files_need_no_world_of_the_labs_own() -> None:
    """`make test-core` runs these. That there are many keeps it from passing by running nothing."""
    files = [*(TESTS / "unit").glob("test_*.py"), *(TESTS / "contract").glob("test_*.py")]
    core = {file.name for file in files if not is_of_a_world(file)}
    assert len(core) >= 0.6 * len(files)
    assert {"test_plane_operations.py", "test_world_view.py", "test_report.py"} <= core


def test_what_uses_a_helper_of_a_world_is_of_that_world(tmp_path: Path) -> None:
    used = tmp_path / "test_used.py"
    used.write_text("from tests.shop_plane import x\n", encoding="utf-8")
    assert is_of_a_world(used)
    free = tmp_path / "test_free.py"
    free.write_text("from tests.waiting import PATIENCE_S\n", encoding="utf-8")
    assert not is_of_a_world(free)


def test_what_no_world_reaches_is_of_the_core() -> None:
    assert {name for name in OUT_OF_REACH if is_of_a_world(TESTS / "unit" / name)} == set()


@pytest.mark.parametrize(
    "reading",
    [
        "from lab.registration.world import registrations as read",
        "from lab.injection.faults import fault_types as read",
    ],
)
def test_a_test_out_of_reach_that_reads_a_world_fails(tmp_path: Path, reading: str) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import _out_of_reach_no_world_is_read\n")
    for name in (min(OUT_OF_REACH), "test_other.py"):
        (tmp_path / name).write_text(f"{reading}\ndef test_it():\n    read()\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--import-mode=importlib", str(tmp_path)]
    path = os.pathsep.join([str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, check=False, capture_output=True, text=True
    )
    assert re.search(r"1 failed, 1 passed", done.stdout), done.stdout
    assert f"worlds matter to {min(OUT_OF_REACH)}" in done.stdout
