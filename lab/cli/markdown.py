"""Tables in Markdown for GitHub, with escaped cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lab.cli.console import escaped


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, and an empty one after it."""
    yield "| " + " | ".join(map(cell, header)) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(map(cell, row)) + " |"
    yield ""


def cell(text: str) -> str:
    """Text for a cell of a table: in one line, nothing in it is markup."""
    plain = " ".join(escaped(text).split())
    for character in "\\`*_[]|~":
        plain = plain.replace(character, "\\" + character)
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
