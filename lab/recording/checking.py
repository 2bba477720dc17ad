"""Checks the content of a recording. Checksums show changes; this finds wrong content.

A recording may come from another lab, from a script, or from a person who sealed it again after a change. Whoever
opens one relies on every file having its documented form, so that nothing after it meets a missing key or column.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lab.errors import Problem, UserError
from lab.files.fileio import read_file, reason
from lab.recording.schema import DATASET_VERSIONS, WITHOUT_WORLD, Schema, schema_of
from lab.registration.recorded import Column
from lab.registration.world import loaded

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MAX_ROWS = 100_000_000
MAX_COLUMNS = 2_000
MAX_TIME_S = 1e9
MAX_SHOWN = 200
SYSTEM_FILE = "observed/system.json"
_WRITTEN = "a file as the lab writes it"


def read_json(path: Path) -> Any:
    """The content of a JSON file; ValueError where it is none, or holds a number that is not finite."""
    return _parsed(read_file(path))


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _parsed_lines(text: bytes) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), 1):
        try:
            yield _parsed(line)
        except ValueError as error:
            seen = f"{error.msg.lower()} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else error
            raise ValueError(f"line {number}: {seen}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def content_problems(path: Path, names: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the listed files of a recording (names relative to its directory), the first of each file.

    Only that its world is not installed, where that is so: nothing says then what its files may hold.
    """
    from lab.recording.shapes import SHAPES, consequence

    try:
        schema = _schema(path / SYSTEM_FILE)
    except UserError as error:
        yield from error.problems
        return
    shapes = dict(SHAPES)
    shapes |= {f"observed/{file.name}": loaded(file.shape) for file in schema.files.values() if file.shape}
    contents: dict[str, Any] = {}
    for name in sorted({*names, "run.json"} & {*shapes}):
        try:
            contents[name] = _shaped(path / name, shapes[name])
        except OSError as error:
            yield Problem("cannot be read", str(path / name), seen=reason(error))
        except ValueError as error:
            yield _malformed(path / name, str(error))
    checks = {f"observed/{file.name}": file.check for file in schema.files.values() if file.check}
    for name, content in contents.items():
        wrong = loaded(checks[name])(content, contents) if name in checks else consequence(name, content)
        if wrong:
            yield _malformed(path / name, wrong)
    for name in names:
        if name.startswith("observed/") and name.endswith(".parquet"):
            table = schema.tables.get(name.removeprefix("observed/").removesuffix(".parquet"))
            wrong = _table_problem(path / name, table.columns if table else None)
            if not wrong and table and table.name == DATASET_VERSIONS and SYSTEM_FILE in contents:
                wrong = _writer_problem(path / name, contents[SYSTEM_FILE])
            if wrong:
                yield _malformed(path / name, wrong)
        elif name.endswith(".json") and name not in shapes:
            try:
                read_json(path / name)
            except (ValueError, OSError) as error:
                yield _malformed(path / name, str(error))


def _schema(system: Path) -> Schema:
    """The form of a recording by its `system.json`; UserError where its world is not installed."""
    try:
        found = read_json(system)
    except (OSError, ValueError):
        return WITHOUT_WORLD  # which is reported with the others
    world = found.get("world") if isinstance(found, dict) else None
    return schema_of(world) if isinstance(world, str) else WITHOUT_WORLD


def _malformed(file: Path, seen: str) -> Problem:
    return Problem("malformed recording", str(file), seen=seen[:MAX_SHOWN], expected=_WRITTEN)


def _shaped(file: Path, shape: TypeAdapter[Any]) -> Any:
    """The content of a file of known shape; ValueError saying what is wrong, and where in it."""
    from pydantic import ValidationError

    name, text = file.name, read_file(file)
    lines = [*_parsed_lines(text)] if name.endswith(".jsonl") else [_parsed(text)]
    for number, content in enumerate(lines, 1):
        try:
            shape.validate_python(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            at = ".".join(map(str, first["loc"]))
            where = f"line {number}: " if name.endswith(".jsonl") else ""
            raise ValueError(f"{where}{at + ': ' if at else ''}{first['msg'].lower()}") from None
    return lines if name.endswith(".jsonl") else lines[0]


def _table_problem(file: Path, columns: tuple[Column, ...] | None) -> str:
    """What is wrong with a table; a reference table (no `columns`) has numbers in every column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from lab.recording.arrow import read_table

    try:
        about = pq.read_metadata(file)
        if about.num_rows > MAX_ROWS or about.num_columns > MAX_COLUMNS:
            return f"{about.num_rows} rows, {about.num_columns} columns; at most {MAX_ROWS} and {MAX_COLUMNS} are read"
        table = read_table(file)
        names = table.column_names
        if len(set(names)) < len(names):
            return "two columns have one name"
        for name in names:
            spec = next((c for c in columns or () if fnmatchcase(name, c.name)), None)
            wrong = _column_problem(table[name], spec) if columns is None or spec else ""
            # A span ends in the recording and may have begun before it; whatever else is in it happened in it.
            if spec and name == "time_s" and not wrong and len(table):
                wrong = _time_problem(table[name], -MAX_TIME_S if file.stem == "spans" else 0.0)
            if wrong:
                return f"column {name!r} {wrong}"
    except (pa.ArrowException, OSError, ValueError, OverflowError, NotImplementedError) as error:
        return f"not a readable table: {' '.join(str(error).split())}"
    # What only some levels of observability have may be missing from a table that is there.
    required = [c.name for c in columns or () if "*" not in c.name and c.level != "rich" and c.otherwise is None]
    missing = [name for name in required if name not in names]
    return f"column {missing[0]!r} is missing" if missing else ""


def _writer_problem(file: Path, system: Mapping[str, Any]) -> str:
    """What is wrong with who wrote versions of datasets: jobs do."""
    from lab.recording.arrow import read_table, texts_of

    named = texts_of(read_table(file), "service.name").texts
    jobs = {name for name, component in system["components"].items() if component["kind"] == "job"}
    others = [name for name in named if name not in jobs]
    return f"column 'service.name' has {others[0]!r}, which is no job of the system" if others else ""


def _column_problem(values: Any, spec: Column | None) -> str:
    """What is wrong with a column; without a `spec` it has to hold numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    expected = {"category": "string"}.get(spec.type, spec.type) if spec else "float"
    fits = {
        "string": pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "int": pa.types.is_integer(kind),
        "float": pa.types.is_floating(kind) or (spec is None and pa.types.is_integer(kind)),
    }
    if not fits[expected] or (expected != "string" and kind != values.type):
        # A column without any value has no type worth speaking of.
        return "" if spec and spec.null and values.null_count == len(values) else f"is {values.type}, not {expected}"
    if spec and not spec.null and values.null_count:
        return f"has {values.null_count} empty values"
    if pa.types.is_string(kind):
        values.validate(full=True)
    if not pa.types.is_floating(kind) or not len(values):
        return ""
    if pc.any(pc.is_inf(values)).as_py() or (spec and not spec.null and pc.any(pc.is_nan(values)).as_py()):
        return "holds numbers that are not finite"
    return ""


def _time_problem(values: Any, earliest_s: float) -> str:
    import pyarrow.compute as pc

    low, high = pc.min_max(values).as_py().values()
    return f"reaches from {low:g} to {high:g} s" if low < earliest_s or high > MAX_TIME_S else ""
