"""What a registration says of recordings: tables with their columns, metrics, log events, files, and when each is seen.

Names follow OpenTelemetry. Each column, metric and log event declares the least level of observability at which a
system has it. Each table, column and file declares when it becomes visible, so that a recording can be cut at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from lab.registration.observability import Observability


class Visible(NamedTuple):
    """When a row, an entry or a value can be seen: at the sum of these fields of it, in scenario seconds.

    The world's label window is added where `ripens`. `entries` names a function (`module:function`) that tells which
    entries of a list can be seen, where other telemetry decides: it is called with the recording, the time in seconds
    and the list. Without any of them it is there from the start.
    """

    doc: str
    fields: tuple[str, ...] = ()
    ripens: bool = False
    entries: str = ""


AT_ITS_TIME = Visible("at its `time_s`", ("time_s",))
AT_ITS_END = Visible("at its end, `time_s` + `duration_s`", ("time_s", "duration_s"))
RIPE = Visible("when its label window has closed, `time_s` + the label window; null before", ("time_s",), ripens=True)
FROM_THE_START = Visible("from the start")


class Column(NamedTuple):
    """One column: `type` is float, int, string or `category` (a string with few values); null allowed where `null`.

    A name that ends in `.*` stands for several columns. `level` is the least level of observability at which it
    exists; a table without any column does not exist. `visible` is when its value can be seen, None where it can be
    seen with its row. `otherwise` is what all rows have where a recording has no such column; None where every
    recording has it, as far as its level goes.
    """

    name: str
    type: str
    doc: str
    null: bool = False
    level: Observability = "poor"
    visible: Visible | None = None
    otherwise: float | None = None


def sample_weight(level: Observability) -> Column:
    """The column that a table has where its rows are sampled."""
    doc = "how many rows this one stands for, where rows are sampled: one over the chance that it was kept"
    return Column("sample_weight", "float", doc, level=level, otherwise=1.0)


class Table(NamedTuple):
    """One table, `<name>.parquet`, and when a row of it can be seen.

    One of a world has the columns `time_s` and `trace_id`, and a `sample_weight`.
    """

    name: str
    columns: tuple[Column, ...]
    visible: Visible = AT_ITS_TIME


class File(NamedTuple):
    """One file of `observed/` that is no table, and when it, or each entry in it, can be seen.

    `shape` names a pydantic `TypeAdapter` (`module:attribute`) that its JSON fits. `check` names a function that says
    what is wrong with content of that shape, or nothing; it is called with it and with the contents of the recording's
    other JSON files by name. `level` is the least level of observability at which it exists.
    """

    name: str
    doc: str
    visible: Visible
    shape: str = ""
    check: str = ""
    level: Observability = "poor"


class Metric(NamedTuple):
    """One metric: values are over the scrape interval (counts are of that interval, not running totals)."""

    name: str
    unit: str
    doc: str
    level: Observability = "poor"


class LogEvent(NamedTuple):
    """One kind of log line, and what of it is left where observability is less than `level`.

    Below `level` only lines whose duration is at least `slow_s` are written, where that is given; the others say
    `plain` and name no subject, where that is given.
    """

    name: str
    doc: str
    level: Observability = "poor"
    slow_s: float | None = None
    plain: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recordings have of a world, beside what they have of every system.

    `label_window_s`: how long after an event its label is still open, where `reference/contract.json` has no
    `label_window_s`; columns that ripen need it.
    """

    tables: tuple[Table, ...] = ()
    metrics: tuple[Metric, ...] = ()
    log_events: tuple[LogEvent, ...] = ()
    files: tuple[File, ...] = ()
    label_window_s: float | None = None
