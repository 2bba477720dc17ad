"""Bodies of answers about systems of jobs: the calendar, datasets with their versions, lineage."""

from __future__ import annotations

from lab.api.models import Answer
from lab.report.calendar_told import Story
from lab.signals.periods.shapes import Calendar


class CalendarAnswer(Answer):
    """The calendar so far; places of periods count from 0. `story`: the same in words, as reports tell it."""

    as_of_s: float
    calendar: Calendar
    story: Story | None


class Levels(Answer):
    """What a column's values were like in a version; what is of numbers only is null for others."""

    null_ratio: float | None
    distinct: int | None
    mean: float | None
    q05: float | None
    q50: float | None
    q95: float | None
    top_ratio: float | None


class Moved(Answer):
    """A column whose values are not like those of the version before."""

    column: str
    before: Levels
    after: Levels


class Before(Answer):
    """The version before, and what differs from it; `is_profiled`: the columns of both are recorded.

    `moved`: columns whose median went farther than half the spread between the quartiles, or of which 2 % more or fewer
    rows are null, or have the most frequent value, or whose values lie elsewhere as a whole (PSI from 0.1 on).
    """

    version: str
    written_s: float
    rows: int | None
    is_same: bool
    is_profiled: bool
    is_other_schema: bool
    added: list[str]
    removed: list[str]
    retyped: list[str]
    moved: list[Moved]


class DatasetVersion(Answer):
    """A version of a dataset, and the run that wrote it.

    `written` is the time as people read it. `partition_s`: up to when its data is of. `is_repeated`: its content had
    been there before, byte for byte.
    """

    version: str
    written_s: float
    written: str
    trace_id: str | None
    job: str
    rows: int | None
    bytes: int | None
    schema_version: str | None
    partition_s: float | None
    is_repeated: bool
    before: Before | None


class DatasetAnswer(Answer):
    """A dataset with its versions, latest first, and the job that writes it."""

    dataset: str
    job: str
    versions: list[DatasetVersion]


class Datasets(Answer):
    """Datasets that were written so far."""

    as_of_s: float
    datasets: list[DatasetAnswer]


class Named(Answer):
    """A version of a dataset; null where nobody wrote one, or the write failed."""

    dataset: str
    version: str | None


class LineageEvent(Answer):
    """What a run of a job read and wrote at a time; `at` is that time as people read it."""

    time_s: float
    at: str
    event: str
    job: str
    trace_id: str
    inputs: list[Named]
    outputs: list[Named]


class Lineage(Answer):
    """Lineage so far, latest first; `more`: others fit too."""

    as_of_s: float
    events: list[LineageEvent]
    more: bool
