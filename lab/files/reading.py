"""Reads what is valid in a file's plain data, even if other parts of it are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lab.errors import Problem
from lab.files.yamlsource import Document, KeyPath


@dataclass(slots=True)
class Reading:
    """Reads values by path, None where the file does not have what is asked for, and collects problems."""

    document: Document
    problems: list[Problem] = field(init=False, default_factory=list)

    def _mappings(self, *sections: str, limit: int) -> Iterator[KeyPath]:
        """The paths of the mappings in some lists at the top, of each list's first so many entries."""
        for section in sections:
            items = self.document.get((section,))
            for i, item in enumerate(items[:limit] if isinstance(items, list) else []):
                if isinstance(item, dict):
                    yield section, i

    def _text(self, path: KeyPath) -> str | None:
        value = self.document.get(path)
        return value if isinstance(value, str) else None

    def _quantity(self, path: KeyPath, parse: Callable[[object], float]) -> float | None:
        try:
            return parse(self.document.get(path))
        except ValueError:
            return None

    def _report(
        self, path: KeyPath, what: str, seen: str = "", expected: str = "", hint: str = "", *, at_key: bool = False
    ) -> None:
        problem = self.document.problem(path, what, at_key=at_key, seen=seen, expected=expected, hint=hint)
        self.problems.append(problem)

    def _first_given(self, path: KeyPath) -> str:
        """A hint to the place of what is given twice."""
        line, column = self.document.values[path]
        return f"it is first given at line {line}, column {column}"
