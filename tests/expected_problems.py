"""Broken files that say in their first lines, as `# expect: …`, which problems they get."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lab.errors import Problem


def check_expected(path: Path, problems: Sequence[Problem]) -> None:
    """Exactly the expected problems, in this order, all of this file."""
    expected = re.findall(r"^# expect: (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert expected
    assert [_as_one_line(problem, path.parent) for problem in problems] == expected
    assert {problem.file for problem in problems} == {str(path)}


def _as_one_line(problem: Problem, directory: Path) -> str:
    extras = (("seen", problem.seen), ("expected", problem.expected), ("hint", problem.hint))
    text = " | ".join([problem.what, *(f"{label}: {value}" for label, value in extras if value)])
    for place, written in ((directory, "."), (directory.parents[1], "../..")):
        text = text.replace(str(place), written)
    return f"{problem.line}:{problem.column}: {text}"
