"""Checks that the result of a driver is a valid recording, before anything is judged or written."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lab.errors import LabError, UserError
from lab.recording.cut import check_declared, columns_declared
from lab.recording.observed import Observed
from lab.recording.schema import Schema
from lab.recording.shapes import SHAPES, consequence
from lab.testbeds.driver import Progress, Recorded, Session, Twin, silent
from lab.testbeds.installed import Chosen

if TYPE_CHECKING:
    import pyarrow as pa

SYSTEM = "observed/system.json"


def finished(session: Session, chosen: Chosen) -> Recorded:
    """Finishes a session. LabError naming the testbed where what it hands over is no recording of the run."""
    came_to_s = session.now_s
    with chosen.named("finishing a run"):
        recorded: object = session.finish()
    if not isinstance(recorded, Recorded):
        raise _broken(chosen, f"`finish` gave {_kind(recorded)}", "a Recorded")
    if not isinstance(recorded.observed, Observed):
        raise _broken(chosen, f"`Recorded.observed` is {_kind(recorded.observed)}", "an Observed")
    observed = recorded.observed
    is_whole = came_to_s >= session.duration_s and not recorded.flaw and not session.ended
    wrong = (
        _system(observed)
        or _tables(observed, chosen)
        or _windows(recorded, session)
        or (_length(observed.end_s, session.duration_s) if is_whole else None)
        or _plain(recorded)
    )
    if wrong is not None:
        raise _broken(chosen, *wrong)
    return replace(recorded, twin=_named(recorded.twin, chosen)) if recorded.twin else recorded


def _named(twin: Twin, chosen: Chosen) -> Twin:
    def made(without: Collection[str], progress: Progress = silent, /) -> Observed:
        with chosen.named("making a run again without some of its faults"):
            return twin(without, progress)

    return made


Wrong = tuple[str, str] | None
"""What was seen and what was expected; None where nothing is wrong."""


def _system(observed: Observed) -> Wrong:
    try:
        SHAPES[SYSTEM].validate_python(dict(observed.system))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        at = ".".join(map(str, first["loc"]))
        return f"`Observed.system`: {at}: {first['msg'].lower()}", "what lab.recording.describing.describe gives"
    wrong = consequence(SYSTEM, observed.system)
    return (f"`Observed.system`: {wrong}", "what lab.recording.describing.describe gives") if wrong else None


def _tables(observed: Observed, chosen: Chosen) -> Wrong:
    schema = observed.schema

    def check(name: str, table: pa.Table) -> None:
        """Checks a table that is made later, while signals are computed or files written."""
        try:
            columns_declared(schema, name, table)
        except UserError as error:
            raise _broken(chosen, error.problems[0].what, error.problems[0].expected) from error

    always = _always(schema)
    if missing := [name for name in always if name not in observed.tables]:
        return f"no table {missing[0]!r}", f"the tables {', '.join(always)}, as lab.recording.assembly.assemble gives"
    try:
        check_declared(observed, check)
    except UserError as error:
        return error.problems[0].what, error.problems[0].expected
    return None


def _always(schema: Schema) -> list[str]:
    """Tables that every recording of the system has, however little it lets people see."""
    tables = schema.tables.values()
    return [table.name for table in tables if any(column.level == "poor" for column in table.columns)]


def _windows(recorded: Recorded, session: Session) -> Wrong:
    for use in session.windows:
        if use not in recorded.windows:
            return f"no window of {use!r}", "when each fault and decoy was in: `Session.windows`"
        at_s, until_s = recorded.windows[use]
        if not 0 <= at_s <= until_s <= session.duration_s:
            return f"{use!r} was in from {at_s:.10g} s to {until_s:.10g} s", "times of the scenario, the earlier first"
    return None


def _length(end_s: float, duration_s: float) -> Wrong:
    if abs(end_s - duration_s) < 1e-6:
        return None
    return f"the recording ends at {end_s:.10g} s", f"{duration_s:.10g} s, to which the run came"


def _plain(recorded: Recorded) -> Wrong:
    try:
        json.dumps([list(recorded.events), dict(recorded.meta)], allow_nan=False)
    except (TypeError, ValueError) as error:
        return f"`Recorded.events` or `Recorded.meta` cannot be written: {error}", "values that JSON has"
    return None


def _kind(value: Any) -> str:
    return type(value).__name__ if value is not None else "None"


def _broken(chosen: Chosen, seen: str, expected: str) -> LabError:
    return LabError(f"{chosen.place} handed over what is no recording\n  seen:     {seen}\n  expected: {expected}")
