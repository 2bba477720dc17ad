"""Whether a registration is well formed: types, names, units and references, before anybody relies on them.

What is wrong is a mistake of the world, found where its name is used, and named by its place in the record, such as
`recording.tables[0].columns[3].type`. Nothing that it refers to is loaded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from lab.errors import Problem, UserError
from lab.registration.costs import CORE_COSTS
from lab.registration.datasets import DATASET_TYPES
from lab.registration.slis import CORE_SLIS

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
"""Of a world and of what a system's file calls by name: operations, own code, fallbacks."""
_WORD = re.compile(r"[a-z][a-z0-9_]{0,59}")
"""Of SLIs, signals and settings."""
_TABLE = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""Of a recording's table: it names a file."""
_FILE = re.compile(r"reference/[A-Za-z0-9][A-Za-z0-9_.-]{0,59}\.(json|parquet)")
_METRIC = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,59}(\.\*)?")
_REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_RESOURCE = re.compile(r"[A-Za-z_][\w.]*:[\w./-]+")
CALLED_KINDS = ("service", "database", "cache", "model")
"""Kinds of components that take calls."""
COLUMN_TYPES = ("float", "int", "string", "category")
CONTRACT = "reference/contract.json"
"""The file that may say of each recording how long labels are open."""
NEEDED_COLUMNS = ("time_s", "trace_id", "sample_weight")

Found = Iterator[tuple[str, object, str]]
"""(place in the record, what is there, what was expected)"""


def check_registration(world: Any, entry: str) -> None:
    """UserError with all that is wrong with a world's record; `entry`: where it is, for the message."""
    hint = "correct it, or uninstall the world"
    wrong = [
        Problem(f"{entry}: bad value for {place!r} of this world", seen=_shown(seen), expected=expected, hint=hint)
        for place, seen, expected in list(_mistyped(world, type(world), "")) or _ill_formed(world)
    ]
    if wrong:
        raise UserError(wrong)


def _shown(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "…"


# Types: those that the records are annotated with.


@cache
def _hints(record: type) -> Mapping[str, Any]:
    return get_type_hints(record)


def _mistyped(value: Any, kind: Any, place: str) -> Found:
    """Values that are not of their annotated type, down to the innermost record."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        if not (isinstance(value, str) and value in inner):
            yield place, value, "one of: " + ", ".join(map(repr, inner))
    elif origin in (Union, UnionType):
        if not any(_fits(value, one) for one in inner):
            yield from _mistyped(value, next(one for one in inner if one is not NoneType), place)
    elif origin is not None or _is_record(kind):
        yield from (_mistyped_within if _is_holder(value, kind, place) else _mistaken)(value, kind, place)
    elif not _is_plain(value, kind):
        yield place, value, _word(kind)


def _is_holder(value: Any, kind: Any, place: str) -> bool:
    """Whether a value is the tuple, mapping or record that it should be, whatever is in it."""
    origin = get_origin(kind)
    if origin is tuple:
        # What recordings are made by is a key of caches, so no list will do there.
        return type(value) is tuple or (type(value) is list and not place.startswith("recording"))
    return isinstance(value, Mapping if origin is not None else kind)


def _mistyped_within(value: Any, kind: Any, place: str) -> Found:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        for i, one in enumerate(value):
            yield from _mistyped(one, inner[0], f"{place}[{i}]")
    elif origin is not None:
        for key, one in value.items():
            yield from _mistyped(key, inner[0], f"a key of {place}")
            yield from _mistyped(one, inner[1], f"{place}[{key!r}]")
    else:
        for name in _names_of(kind):
            yield from _mistyped(getattr(value, name), _hints(kind)[name], f"{place}.{name}".lstrip("."))


def _mistaken(value: Any, kind: Any, place: str) -> Found:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        yield place, value, f"a tuple, of {_word(inner[0])}"
    else:
        yield place, value, _word(kind) if origin is None else f"a mapping of names to {_word(inner[1])}"


def _fits(value: Any, kind: Any) -> bool:
    return next(_mistyped(value, kind, ""), None) is None


def _is_plain(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _is_record(kind: Any) -> bool:
    return is_dataclass(kind) or hasattr(kind, "_fields")


def _names_of(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else tuple(kind._fields)


def _word(kind: Any) -> str:
    words = {str: "a text", int: "a whole number", float: "a finite number", bool: "True or False", NoneType: "None"}
    return words.get(kind) or f"a {getattr(kind, '__module__', '')}.{getattr(kind, '__name__', kind)}"


# What names, units, limits and references must be, in a record whose types are right.


def _ill_formed(world: Any) -> Found:
    yield from _texts("name", [world.name], _NAME, "a name in small letters: letters, digits, - and _")
    if not world.title.strip():
        yield "title", world.title, "what the world is, in one line"
    yield from _referring(world)
    for key in ("operations", "own_code", "fallbacks"):
        yield from _texts(key, getattr(world, key), _NAME, "names in small letters")
    for name, operation in world.operations.items():
        if operation.kind not in CALLED_KINDS:
            yield f"operations[{name!r}].kind", operation.kind, "one of: " + ", ".join(CALLED_KINDS)
        yield from _settings(f"operations[{name!r}].settings", operation.settings)
        yield from _settings(f"operations[{name!r}].caller_settings", operation.caller_settings)
        for other in operation.after:
            if other not in world.operations:
                yield f"operations[{name!r}].after", other, "names of the world's operations"
    yield from _settings("settings", world.settings)
    if world.model_versions < 1:
        yield "model_versions", world.model_versions, "at least 1"
    yield from _datasets(world)
    yield from _slis(world)
    yield from _costs(world)
    for i, some in enumerate(world.signals):
        yield from _texts(f"signals[{i}].catalogue", some.catalogue, _WORD, "names in small letters, such as hit_ratio")
        for name, spec in some.catalogue.items():
            if not spec.unit:
                yield f"signals[{i}].catalogue[{name!r}].unit", spec.unit, "a unit: ratio, s, 1/s, EUR; 1 for a count"
    yield from _recorded(world.recording)


def _texts(place: str, texts: Any, form: re.Pattern[str], expected: str) -> Found:
    for text in texts:
        if not form.fullmatch(text):
            yield place, text, expected


def _referring(world: Any) -> Found:
    """References have the form of one; optional ones may be empty."""
    of: list[tuple[str, str]] = [("open", world.open)]
    of += [(key, getattr(world, key)) for key in ("levers", "people", "stack") if getattr(world, key)]
    of += [(f"{key}[{name!r}]", one) for key in ("tables", "models") for name, one in getattr(world, key).items()]
    of += [(f"slis[{i}].of", sli.of) for i, sli in enumerate(world.slis)]
    of += [(f"costs[{i}].of", cost.of) for i, cost in enumerate(world.costs)]
    of += [(f"signals[{i}].of", some.of) for i, some in enumerate(world.signals)]
    for i, file in enumerate(world.recording.files):
        of += [(f"recording.files[{i}].{key}", getattr(file, key)) for key in ("shape", "check") if getattr(file, key)]
    for place, text in of:
        yield from _texts(place, [text], _REFERENCE, "a reference `module:attribute`")
    for i, text in enumerate(world.rules):
        yield from _texts(f"rules[{i}]", [text], _RESOURCE, "a reference `package:file`")


def _settings(place: str, settings: Mapping[str, Any]) -> Found:
    yield from _texts(place, settings, _WORD, "names in small letters, such as ttl_s")
    for name, setting in settings.items():
        if setting.default is not None and not setting.fits(setting.default):
            yield f"{place}[{name!r}].default", setting.default, setting.expected


def _datasets(world: Any) -> Found:
    yield from _texts("datasets", world.datasets, _TABLE, "names in small letters, such as orders_daily")
    for name, dataset in world.datasets.items():
        place = f"datasets[{name!r}]"
        yield from _texts(f"{place}.columns", dataset.columns, _WORD, "names in small letters, such as amount_eur")
        for column, one in dataset.columns.items():
            if one.type not in DATASET_TYPES:
                yield f"{place}.columns[{column!r}].type", one.type, "one of: " + ", ".join(DATASET_TYPES)
        if dataset.key and dataset.key not in dataset.columns:
            yield f"{place}.key", dataset.key, "one of its columns, or nothing"
        for key in ("of", "source"):
            if getattr(dataset, key) not in ("", *world.operations):
                yield f"{place}.{key}", getattr(dataset, key), "one of the world's operations, or nothing"
        for one in dataset.inputs:
            if one not in world.datasets:
                yield f"{place}.inputs", one, "names of the world's datasets"


def _slis(world: Any) -> Found:
    core = {sli.name for sli in CORE_SLIS}
    for i, sli in enumerate(world.slis):
        place = f"slis[{i}]"
        yield from _texts(f"{place}.name", [sli.name], _WORD, "a name in small letters, such as click_ratio")
        if sli.name in core:
            yield f"{place}.name", sli.name, "another name: every system has an SLI that is called so"
        if sli.name in {one.name for one in world.slis[:i]}:
            yield f"{place}.name", sli.name, "a name that no other SLI of the world has"
        if not sli.unit:
            yield f"{place}.unit", sli.unit, "a unit: ratio, s, EUR; 1 for a count"
        if sli.window_intervals < 1:
            yield f"{place}.window_intervals", sli.window_intervals, "at least 1"


def _costs(world: Any) -> Found:
    core = [cost.name for cost in CORE_COSTS]
    for i, cost in enumerate(world.costs):
        yield from _texts(f"costs[{i}].name", [cost.name], _WORD, "a name in small letters, such as lost_orders")
        if cost.name in [*core, *(one.name for one in world.costs[:i])]:
            yield f"costs[{i}].name", cost.name, "a name that no other cost has"
        if not cost.unit:
            yield f"costs[{i}].unit", cost.unit, "a unit: s, EUR; 1 for a count"


def _recorded(recorded: Any) -> Found:
    for i, table in enumerate(recorded.tables):
        yield from _table(f"recording.tables[{i}]", table)
    for i, metric in enumerate(recorded.metrics):
        place = f"recording.metrics[{i}]"
        yield from _texts(f"{place}.name", [metric.name], _METRIC, "words in small letters, such as order.count")
        if not metric.unit:
            yield f"{place}.unit", metric.unit, "a unit: ratio, s, EUR; 1 for a count"
    for i, file in enumerate(recorded.files):
        place = f"recording.files[{i}].name"
        yield from _texts(place, [file.name], _FILE, "reference/NAME.json or reference/NAME.parquet")
    window_s = recorded.label_window_s
    if window_s is not None and window_s < 0:
        yield "recording.label_window_s", window_s, "seconds, 0 or more"
    ripe = [
        column.name for table in recorded.tables for column in table.columns if column.visible and column.visible.ripens
    ]
    if ripe and window_s is None and CONTRACT not in {file.name for file in recorded.files}:
        yield "recording.label_window_s", None, f"seconds, for {ripe[0]!r} ripens; or a file {CONTRACT} that has them"


def _table(place: str, table: Any) -> Found:
    yield from _texts(f"{place}.name", [table.name], _TABLE, "a name in small letters: it names a file")
    names = [column.name for column in table.columns]
    for i, column in enumerate(table.columns):
        yield from _texts(
            f"{place}.columns[{i}].name", [column.name], _COLUMN, "a name, such as amount_eur or `input.*`"
        )
        if column.type not in COLUMN_TYPES:
            yield f"{place}.columns[{i}].type", column.type, "one of: " + ", ".join(COLUMN_TYPES)
        if column.name in names[:i]:
            yield f"{place}.columns[{i}].name", column.name, "a name that no other column of the table has"
    missing = [name for name in NEEDED_COLUMNS if name not in names]
    if missing:
        yield f"{place}.columns", tuple(names), "also " + " and ".join(missing)
