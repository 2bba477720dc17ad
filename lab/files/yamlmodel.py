"""Checks the data of a YAML file against a pydantic model; every problem has its place and a plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from lab.errors import Problem, UserError, nearest
from lab.files.units import format_duration
from lab.files.yamlsource import Document, KeyPath

Model = TypeVar("Model", bound=BaseModel)

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text (quote it if it looks like a number)",
    "list_type": "a list: [...]",
    "tuple_type": "a list: [...]",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "mapping_type": "a mapping (key: value)",
}
_LIMITS = {
    "greater_than_equal": ("ge", "at least {}"),
    "greater_than": ("gt", "more than {}"),
    "less_than_equal": ("le", "at most {}"),
    "less_than": ("lt", "less than {}"),
    "string_too_long": ("max_length", "{} or fewer characters"),
    "string_too_short": ("min_length", "{} or more characters"),
    "too_short": ("min_length", "{} or more entries"),
    "too_long": ("max_length", "{} or fewer entries"),
}
_FORMS = {
    r"^[a-z][a-z0-9_-]{0,39}$": "a name: small letters, digits, - and _, a letter first, at most 40 characters",
    r"^[a-z][a-z0-9_-]{0,39}->[a-z][a-z0-9_-]{0,39}$": "a link: the names of two components as caller->callee",
}
_MAX_SHOWN = 60


def validate(document: Document, model: type[Model]) -> Model:
    """The file as a model; UserError with every problem of the file, in file order."""
    value, problems = check(document, model)
    if value is None or problems:
        raise UserError(in_file_order(problems))
    return value


def check(document: Document, model: type[Model], at: KeyPath = ()) -> tuple[Model | None, list[Problem]]:
    """The value at a path as a model (None if it is not one) and the problems found.

    The problems of reading the file are included when the whole file is checked. A path that leads nowhere
    stands for an empty mapping.
    """
    problems = list(document.problems) if not at else []
    data = document.get(at)
    text = json.dumps({} if data is None and at not in document.values else data)
    try:
        # Strict: "3" is no number. JSON: lists become tuples all the same. Names in files are the aliases.
        return model.model_validate_json(text, strict=True, by_alias=True, by_name=False), problems
    except ValidationError as error:
        details = [dict(detail) for detail in error.errors(include_url=False)]
        problems += (_problem(document, model, at, detail) for detail in details if not _is_echo(detail))
        return None, problems


def in_file_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems sorted by file and place, each once."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line, problem.column))


def shown(value: Any) -> str:
    """A value of the file as an error message shows it."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else f"a list of {len(value)}"
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _is_echo(error: Mapping[str, Any]) -> bool:
    """A list is also called too short when enough entries are there but a bad one was not counted."""
    return bool(error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"])


def _problem(document: Document, model: type[BaseModel], at: KeyPath, error: Mapping[str, Any]) -> Problem:
    kind, loc = error["type"], tuple(error["loc"])
    if kind in ("missing", "extra_forbidden"):
        return _key_problem(document, model, at, kind, loc)
    path = document.existing((*at, *loc))
    value = document.get(path)
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    if loc and loc[-1] == "[key]":
        pattern = str(error.get("ctx", {}).get("pattern", ""))
        expected = _form(pattern) if pattern else _plain(error["msg"])
        return document.problem(path, f"bad name {name!r}", at_key=True, seen=shown(path[-1]), expected=expected)
    expected, what = _expected(kind, error, value), ""
    if kind == "value_error" and not expected.startswith("expected "):
        what, expected = expected, ""
    elif not path:
        what = "the file does not hold together"
    elif isinstance(path[-1], int):
        what = f"bad entry in {name!r}"
    else:
        what = f"bad value for {name!r}"
    seen = "" if isinstance(value, dict) and kind == "value_error" else shown(value)
    return document.problem(
        path, what, seen=seen, expected=expected.removeprefix("expected "), hint=_hint(kind, error, value)
    )


def _key_problem(document: Document, model: type[BaseModel], at: KeyPath, kind: str, loc: KeyPath) -> Problem:
    path, key = (*at, *loc[:-1]), str(loc[-1])
    if kind == "missing":
        return document.problem(path, f"missing key {key!r}")
    names = _field_names(_annotation_at(model, loc[:-1]))
    present = document.get(path)
    free = [name for name in names if name not in present] if isinstance(present, dict) else names
    hint = nearest(key, free) if names else "no key is expected here"
    return document.problem((*path, key), f"unknown key {key!r}", at_key=True, hint=hint)


def _expected(kind: str, error: Mapping[str, Any], value: Any) -> str:
    context = error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        return words.format(_like(value, context[key]))
    if kind == "string_pattern_mismatch":
        return _form(context["pattern"])
    return _EXPECTED.get(kind) or _plain(error["msg"])


def _like(value: Any, limit: Any) -> str:
    """A limit written the way the value is: with a unit where the value has one."""
    if isinstance(value, str) and isinstance(limit, int | float) and not isinstance(limit, bool):
        if re.search(r"/\s*[smh]\s*$", value):
            return f"{limit:g}/s"
        if re.search(r"[smh]\s*$", value):
            return format_duration(limit)
        if value.rstrip().endswith("%"):
            return f"{limit * 100:g}%"
    return str(limit)


def _form(pattern: str) -> str:
    return _FORMS.get(pattern, f"text of the form {pattern}")


def _plain(message: str) -> str:
    return message.removeprefix("Input should be ").removeprefix("Value error, ")


def _hint(kind: str, error: Mapping[str, Any], value: Any) -> str:
    """What to do about a value, where that can be told."""
    if kind in ("literal_error", "enum"):
        return _nearest_choice(value, error)
    if value is None and kind.endswith("_type"):
        return "leave it out, or give it a value"
    if kind == "string_type" and isinstance(value, dict) and len(value) == 1:
        [(key, rest)] = value.items()
        return f"a colon and a blank make a mapping: quote the text, {json.dumps(f'{key}: {rest}', ensure_ascii=False)}"
    why = error.get("ctx", {}).get("error", "")
    if _is_number(value) and value >= 0 and "a duration with its unit" in str(why):
        return f"{json.dumps(value)}s if seconds are meant"
    return str(getattr(why, "hint", ""))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _nearest_choice(value: Any, error: Mapping[str, Any]) -> str:
    choices = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
    if value is None and "null" in choices:
        return 'without quotes null is nothing in YAML: write "null"'
    return nearest(value, choices) if isinstance(value, str) and choices else ""


def _annotation_at(annotation: Any, loc: KeyPath) -> Any:
    """The annotation that a path of the data leads to, None where it is not known."""
    for step in loc:
        model = _model_in(annotation)
        if model is not None:
            fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
            annotation = fields.get(str(step))
        else:
            # tuple[X, ...] and list[X] lead to X, dict[K, X] to X, whatever the index or key.
            arguments = [a for a in get_args(annotation) if a is not Ellipsis]
            annotation = arguments[-1] if arguments else None
    return annotation


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if isinstance(annotation, type) or _is_container(annotation):
        return None
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)


def _is_container(annotation: Any) -> bool:
    return isinstance(getattr(annotation, "__origin__", None), type)


def _field_names(annotation: Any) -> list[str]:
    model = _model_in(annotation)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []
