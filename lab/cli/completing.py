"""Completion of words in a shell: names of scenarios, suites, engines, faults and tags, and files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_TAGS = re.compile(r"^tags: *\[([^\]]*)\]", re.MULTILINE)


def scenarios(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Shipped scenarios and suites, and files."""
    from lab.files.finding import shipped_names

    names = [*shipped_names(".suite.yaml"), *shipped_names(".scenario.yaml")]
    own = [*_files(incomplete, ".suite.yaml"), *_files(incomplete, ".scenario.yaml")]
    return [_any_file(incomplete), *_items([*names, *own], incomplete)]


def listed(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What `lab list` takes: shipped scenarios, suites and courses, and files."""
    from lab.investigation.exercises import course_names

    own = _files(incomplete, ".course.yaml")
    return [*scenarios(ctx, param, incomplete), *_items([*course_names(), *own], incomplete)]


def suites(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Shipped suites, and files."""
    from lab.files.finding import shipped_names

    names = [*shipped_names(".suite.yaml"), *_files(incomplete, ".suite.yaml")]
    return [_any_file(incomplete), *_items(names, incomplete)]


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Whatever can be checked: shipped scenarios, suites and systems, and files."""
    from lab.systems.files import system_names

    own = [*_files(incomplete, ".system.yaml"), *_files(incomplete, ".rules.yaml")]
    return [*scenarios(ctx, param, incomplete), *_items([*system_names(), *own], incomplete)]


def engines(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Installed engines, rules files here or in the directory begun, and the forms a spec may have."""
    from lab.engines import engines as installed

    begun = incomplete.removeprefix("rules:") if incomplete.startswith("rules:") else ""
    own = [f"rules:{path}" for path in _files(begun, ".rules.yaml")]
    return _items([*installed(), *own, "cmd:", "http://"], incomplete)


def campaigns(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Campaigns kept in the runs directory."""
    from lab.runs.dataset import campaigns as kept

    return _items(kept(Path(ctx.params.get("runs_dir") or "runs")), incomplete)


def testbeds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Installed testbeds."""
    from lab.testbeds.installed import entries

    return _items(entries(), incomplete)


def faults(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Faults and decoys, with what they are."""
    from click.shell_completion import CompletionItem

    from lab.cli.texts import first_sentence
    from lab.injection.faults import fault_types

    return [
        CompletionItem(name, help=first_sentence(kind.doc))
        for name, kind in fault_types().items()
        if name.startswith(incomplete)
    ]


def tags(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Tags of the shipped scenarios and of those in this directory."""
    from lab.files.finding import shipped_names

    found: set[str] = set()
    for path in [*shipped_names(".scenario.yaml").values(), *Path().glob("*.scenario.yaml")]:
        listed = _TAGS.search(path.read_text(encoding="utf-8", errors="replace"))
        found |= {tag.strip() for tag in listed[1].split(",")} if listed else set()
    return _items(sorted(found - {""}), incomplete)


def systems(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Systems that come with the lab."""
    from lab.systems.files import system_names

    return _items(system_names(), incomplete)


def commands(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Commands of the lab."""
    from lab.cli import COMMANDS

    return _items(COMMANDS, incomplete)


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _files(incomplete: str, suffix: str) -> list[str]:
    """Files of a kind in the directory that was begun."""
    folder = Path(incomplete if incomplete.endswith("/") else Path(incomplete).parent)
    return [str(path) for path in sorted(folder.glob(f"*{suffix}"))]


def _any_file(incomplete: str) -> CompletionItem:
    """The shell's own completion of files. It comes first: bash forgets what was offered before it."""
    from click.shell_completion import CompletionItem

    return CompletionItem(incomplete, type="file")
