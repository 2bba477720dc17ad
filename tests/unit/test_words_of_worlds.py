"""What a world is about is named in its package and its systems' files: the core serves all worlds alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ("lab", "injectors", "graders", "services")
SUFFIXES = {".py", ".js", ".css", ".j2", ".html", ".yaml", ".java", ".txt"}
WORDS = re.compile(r"\bnight(?:s|ly)?\b|\bsegments?\b|\bsegment(?:ation|er|_\w+)\b|\bcampaign_return", re.IGNORECASE)
"""Of the world of nightly segments. Campaigns alone are the lab's own word too: many runs of many cases."""
OTHERS = ("lab/cli/console.py",)
"""Where a terminal library has a class of that name."""


def _told(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if WORDS.search(line):
            yield f"{path.relative_to(ROOT)}:{number}: {line.strip()}"


def _is_a_worlds(path: Path) -> bool:
    inside = path.relative_to(ROOT).as_posix()
    return inside.startswith(("lab/worlds/", "lab/shipped/")) or inside.endswith(".system.yaml") or inside in OTHERS


@pytest.mark.parametrize("room", CORE)
def test_the_core_names_nothing_of_the_batch_world(room):
    files = [path for path in (ROOT / room).rglob("*") if path.suffix in SUFFIXES and not _is_a_worlds(path)]
    assert files
    assert [line for path in files for line in _told(path)] == []


@pytest.mark.parametrize("line", ["each night", "a nightly job", "segment_share", "the segmenter", "night = 3"])
def test_such_words_are_seen(line):
    assert WORDS.search(line)
