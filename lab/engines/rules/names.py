"""Names in braces: which ones a cause binds, where they may stand, and what is wrong with those of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any, get_args

from lab.errors import Problem, nearest, with_article
from lab.files.yamlsource import Document, KeyPath
from lab.signals.catalogue import known_signals
from lab.systems.topology import ComponentKind

SUBJECTS: Mapping[str, str] = {
    "link": "link", "entry_link": "link", "column": "column",
    "component": "component", "caller": "component", "callee": "component", "entry": "component", "store": "component",
}  # fmt: skip
"""What each bound name stands for."""

TESTS = ("rises", "falls", "steady", "level")
"""What a condition may ask of a signal."""

COMMON = ("entry", "entry_link", "store")
LEVELS = ("baseline", "observed", "subject", "detail", "direction")
"""Names in a sentence about a signal that moved."""


def bound_by(each: Any) -> tuple[str, ...]:
    """The names that a cause over `each` binds."""
    if each in ("link", "connections"):
        return ("link", "caller", "callee", *COMMON)
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
        yield from _names(document, (*at, "culprit"), names)
        for part in ("when", "unless"):
            yield from _conditions(document, (*at, part), names)
        yield from _sentences(document, (*at, "because"), names)


def _is_known(each: Any) -> bool:
    kinds = {"link", "column", "connections", "threads", *get_args(ComponentKind)}
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
            yield from _names(document, (*at, i, "says"), (*names, *(LEVELS if because.get("moved") else ())))


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
