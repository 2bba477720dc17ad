"""Every command line that README and docs show exists: the command, and each option in it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from lab.cli import COMMANDS, cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs").glob("decisions/*.md")])
INLINE = re.compile(r"`(lab [^`]+)`")
LINE = re.compile(r"^\s*(?:\$ )?(lab [^\n]+)$", re.MULTILINE)
BLOCK = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shown(document: Path) -> list[str]:
    text = document.read_text(encoding="utf-8")
    lines = [line for block in BLOCK.findall(text) for line in LINE.findall(block.replace("\\\n", " "))]
    return [*INLINE.findall(BLOCK.sub("", text)), *lines]


def unknown(line: str) -> list[str]:
    """What of a command line the lab does not know."""
    words = shlex.split(line.replace("'", '"') if line.count("'") % 2 else line, comments=True)[1:]
    command: click.Command = cli
    ctx = click.Context(cli)
    wrong = []
    for word in words:
        if word in ("&&", "|", ";", ">"):
            break
        names = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help", "-h"}
        if isinstance(command, click.Group) and not word.startswith("-"):
            named = {one: command.get_command(ctx, one) for one in word.split("|")}  # `up|down` means both
            wrong += [one for one, found in named.items() if found is None]
            command = next((found for found in named.values() if found is not None), command)
            if wrong:
                break
        elif re.match(r"--?[a-z]", word) and word.split("=")[0] not in names:
            wrong.append(word)
    return wrong


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_show_commands_that_exist(document: Path) -> None:
    assert {line: wrong for line in shown(document) if (wrong := unknown(line))} == {}


def test_the_reader_of_documents_notices_what_does_not_exist() -> None:
    assert unknown("lab rnu x") == ["rnu"]
    assert unknown("lab run x --sead 3 -k 'a and b'") == ["--sead"]
    assert unknown("lab stack up|dwon") == ["dwon"]
    assert len(shown(ROOT / "docs" / "tutorial.md")) > 20


def test_the_readme_names_the_commands_of_a_day() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {line.split()[1] for line in INLINE.findall(text) if len(line.split()) > 1}
    assert {"run", "list", "init", "plan", "validate", "evaluate", "compare", "report", "config"} <= named
    assert set(COMMANDS) - named <= {"parity", "recover", "doctor", "stack", "clean", "grade"}
