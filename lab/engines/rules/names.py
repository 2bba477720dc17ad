"""Names in braces: which ones a cause binds, where they may stand, and what is wrong with those of a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from string import Formatter
from typing import Any, get_args

from lab.errors import Problem, nearest, with_article
from lab.files.yamlsource import Document, KeyPath
from lab.signals.catalogue import known_signals
from lab.systems.topology import ComponentKind

SUBJECTS: Mapping[str, str] = {
    "link": "link", "entry_link": "link", "column": "column",
    "dataset": "dataset", "input": "dataset", "output": "dataset", "job": "component", "source": "component",
    "component": "component", "caller": "component", "callee": "component", "entry": "component", "store": "component",
    "need": "component",
}  # fmt: skip
"""What each bound name stands for."""

TESTS = ("rises", "falls", "steady", "level")
"""What a condition may ask of a signal."""

COMMON = ("entry", "entry_link", "store")
OF_DATASETS = ("dataset", "job", "source", "input", "output")
"""Names of a cause over datasets. `input` and `output` stand for several."""
NO_ELEMENTS = ("dataset", "input", "output", "need")
"""Of these nobody can be blamed: no elements, or several."""
SAID = ("since",)
"""Names in any sentence: when the window begins."""
LEVELS = ("baseline", "observed", "subject", "detail", "direction")
"""Names in a sentence about a signal that moved."""


class Several(str):
    """A name that stands for several: `each` of them in patterns, all of them in sentences."""

    each: tuple[str, ...]

    def __new__(cls, each: Iterable[str]) -> Several:
        known = tuple(each)
        found = super().__new__(cls, ", ".join(known))
        found.each = known
        return found


def filled(pattern: str, names: Mapping[str, str]) -> tuple[str, ...]:
    """A pattern with its names filled in: one for each that a name stands for; none where one stands for nothing."""
    used = {name for name in named_in(pattern) if isinstance(names[name], Several)}
    ways = product(*([(name, one) for one in names[name].each] for name in sorted(used)))  # type: ignore[attr-defined]
    return tuple(dict.fromkeys(pattern.format(**{**names, **dict(way)}) for way in ways))


def named_in(pattern: str) -> list[str]:
    """The names in braces of a text."""
    return [name for _, name, _, _ in Formatter().parse(pattern) if name]


def bound_by(each: Any) -> tuple[str, ...]:
    """The names that a cause over `each` binds."""
    if each in ("link", "connections"):
        return ("link", "caller", "callee", *COMMON)
    if each in ("dataset", "dataset_column"):
        return (*OF_DATASETS, *(("column",) if each == "dataset_column" else ()), *COMMON)
    if each == "job":
        return ("component", "need", *COMMON)
    return ("column", *COMMON) if each == "column" else ("component", *COMMON)


def name_problems(document: Document) -> Iterator[Problem]:
    """Unknown names in braces, and subjects that a signal cannot have. Reads what is there, well formed or not."""
    yield from _sentences(document, ("symptoms",), COMMON)
    effects = document.get(("effects",))
    for kind in effects if isinstance(effects, dict) else ():
        yield from _sentences(document, ("effects", kind), COMMON)
    for i, cause in enumerate(_items(document.get(("causes",)))):
        if not isinstance(cause, dict):
            continue
        at, names = ("causes", i), bound_by(cause.get("each"))
        if not _is_known(cause.get("each")):
            continue  # reported already; what it binds is not known
        blamed = tuple(name for name in names if name not in NO_ELEMENTS)
        yield from _names(document, (*at, "culprit"), blamed)
        for part in ("when", "unless"):
            yield from _conditions(document, (*at, part), names)
        yield from _sentences(document, (*at, "because"), names)


def _is_known(each: Any) -> bool:
    kinds = {"link", "column", "connections", "threads", "dataset", "dataset_column", *get_args(ComponentKind)}
    return all(isinstance(one, str) and one in kinds for one in (each if isinstance(each, list) else [each]))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _conditions(document: Document, at: KeyPath, names: tuple[str, ...]) -> Iterator[Problem]:
    for i, condition in enumerate(_items(document.get(at))):
        if not isinstance(condition, dict):
            continue
        for key in ("of", "but"):
            yield from _names(document, (*at, i, key), names)
        signal = next((condition[key] for key in TESTS if condition.get(key)), None)
        yield from _subject(document, (*at, i, "of"), signal)
        yield from _conditions(document, (*at, i, "any"), names)


def _sentences(document: Document, at: KeyPath, names: tuple[str, ...]) -> Iterator[Problem]:
    for i, because in enumerate(_items(document.get(at))):
        if isinstance(because, dict):
            yield from _names(document, (*at, i, "of"), names)
            yield from _subject(document, (*at, i, "of"), because.get("moved"))
            yield from _names(document, (*at, i, "says"), (*names, *SAID, *(LEVELS if because.get("moved") else ())))


def _names(document: Document, at: KeyPath, names: tuple[str, ...]) -> Iterator[Problem]:
    text = document.get(at)
    if not isinstance(text, str):
        return
    try:
        fields = [field for field in Formatter().parse(text) if field[1] is not None]
    except ValueError as error:
        yield document.problem(at, f"braces do not match: {error}", expected="names in braces, such as {link}")
        return
    for _, name, form, conversion in fields:
        written = f"{name}{'!' + conversion if conversion else ''}{':' + form if form else ''}"
        if written not in names:
            hint = nearest(written, names) or "names here: " + ", ".join(names)
            yield document.problem(at, f"unknown name {{{written}}}", expected=f"one of {', '.join(names)}", hint=hint)


def _subject(document: Document, at: KeyPath, signal: Any) -> Iterator[Problem]:
    """A subject that is one bound name must be of the kind that the signal is about."""
    pattern = document.get(at)
    if not isinstance(pattern, str) or not isinstance(signal, str) or signal not in (known := known_signals()):
        return
    subject = known[signal].subject
    kind = SUBJECTS.get(pattern[1:-1]) if pattern.startswith("{") and pattern.endswith("}") else None
    about = {"entry link": "link", "job": "component"}.get(subject, subject)
    if kind is not None and kind != about:
        what = f"{signal} is a signal of {with_article(subject)}, {pattern} is {with_article(kind)}"
        expected = f"{with_article(subject)}, or a pattern such as *"
        yield document.problem(at, what, seen=pattern, expected=expected)
