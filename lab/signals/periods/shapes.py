"""What a calendar is made of: plain values, with which a report draws and an API answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["ok", "retried", "late", "failed", "skipped", "missing"]
"""Of a job in a period. `retried`: it succeeded after another attempt had failed; `late`: it succeeded, much later than
usual; `skipped`: it did not start; `missing`: it was due, and nothing is known of it."""
State = Literal["new", "repeated", "kept", "failed"]
"""Of a dataset in a period. `repeated`: what was written is what had been there before, byte for byte; `kept`: nothing
was written, the version of an earlier period is still the last; `failed`: the same, because the write failed."""
What = Literal[
    "runs", "content", "rows", "duplicates", "kept", "schema", "freshness", "distribution", "nulls", "shares",
    "level"
]  # fmt: skip
"""What of a subject differed."""
Sign = Literal["", "new", "gone", "type", "null"]
"""Of a column in a period, against the version before: it came, it is gone, it has another type; or unusually many rows
have no value."""


@dataclass(frozen=True, slots=True)
class Period:
    """One column: from `starts_s` until before `ends_s` in scenario seconds; the last one may not be over yet.

    `name` is what people call it (`period 12`), `day` the date on which it begins (`Fri 16 Oct`).
    """

    number: int
    name: str
    day: str
    starts_s: float
    ends_s: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a job as its log tells it. `text` is the line; `trace_id` None where it is about no request.

    `ended` is its end as people read it.
    """

    ended_s: float
    ended: str
    duration_s: float | None
    trace_id: str | None
    is_failed: bool
    text: str


@dataclass(frozen=True, slots=True)
class JobCell:
    """A job in a period: its attempts in time order, none where only metrics tell of them.

    `delay_s`: how much later than usual it ended; None where that is not known.
    """

    outcome: Outcome
    attempts: tuple[Attempt, ...]
    delay_s: float | None


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job; a cell for each period, None where none is due or none can be known yet.

    `signals`: names of those of this job that its cells tell of, as far as they were recorded.
    """

    job: str
    period_s: float
    needs: tuple[str, ...]
    cells: tuple[JobCell | None, ...]
    signals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a dataset as it was written; `written` is the time as people read it.

    `age_s`: how long before it was written the data ends of which it is; None for data of no time.
    """

    version: str
    written_s: float
    written: str
    job: str
    trace_id: str
    rows: int
    schema: str
    age_s: float | None


@dataclass(frozen=True, slots=True)
class DatasetCell:
    """A dataset in a period. `version` is the last one, in `kept` periods that of an earlier one; `writes` how many.

    `content` and `shape` number the contents and the schemas of this dataset in the order in which they came, from 0.
    `behind`: how many periods earlier than usual its data ends.
    """

    state: State
    version: Version
    writes: int
    content: int
    shape: int
    behind: int = 0


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A dataset, the job that writes it, and the datasets that it is made from.

    A cell for each period, None before its first version, or while that of the period may still come. `duplicates`:
    shares of rows whose key another row has as well; `kept`: shares of the keys of its largest input that it has. None
    where no version was written, or where that is not known. `is_steady`: its first versions were mostly the same, as
    of a list that is seldom changed; others are made anew each time. `schemas`: of each schema in which columns it
    differs from the one before, in words. `signals`: as of a job.
    """

    dataset: str
    job: str
    inputs: tuple[str, ...]
    cells: tuple[DatasetCell | None, ...]
    duplicates: tuple[float | None, ...]
    kept: tuple[float | None, ...]
    is_steady: bool
    schemas: tuple[str, ...]
    signals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DriftRow:
    """A column of a dataset: how far what was written in a period lies from the first (PSI), and how many are null.

    None where no version was written, or where it is not recorded. `medians` are in the column's unit. `signs` is what
    befell it besides. `has_moved`: it lay farther off than what is usual in any period, or has a sign. `signals`: as of
    a job.
    """

    dataset: str
    column: str
    unit: str
    psi: tuple[float | None, ...]
    nulls: tuple[float | None, ...]
    medians: tuple[float | None, ...]
    signs: tuple[Sign, ...]
    has_moved: bool
    signals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IndicatorRow:
    """An indicator of the system's world: its value in each period, and the limit that an alert waits for, if any.

    A value is of the last `window` periods. Between `usual_low` and `usual_high` it is as in its first ones; None where
    too few of those are known.
    """

    signal: str
    subject: str
    unit: str
    doc: str
    values: tuple[float | None, ...]
    above: float | None
    below: float | None
    window: int = 1
    usual_low: float | None = None
    usual_high: float | None = None


@dataclass(frozen=True, slots=True)
class InUseRow:
    """Which of several was in use at the end of each period, by its number, such as a model's version."""

    signal: str
    subject: str
    doc: str
    numbers: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """Shares that make up a whole: values by subject, one for each period."""

    signal: str
    doc: str
    subjects: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something at a time, or over one: a change that was announced, an alert that fired, clocks that were changed, an
    action of whoever looks into it.
    """

    kind: Literal["change", "alert", "clock", "action"]
    at_s: float
    until_s: float | None
    at: str
    text: str


@dataclass(frozen=True, slots=True)
class Copy:
    """The same difference in a dataset further down, which is made from the one that has it; since place `first`."""

    subject: str
    first: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """From the period at one place to that at another."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What of a subject was not as before, from the period at place `first` to that at `last`, both of which have it.

    `often`: in how many of them. `again`: when it was so besides, earlier or later; `first` and `last` are of the
    longest time. `before` is the usual level, `at_first` that in the period in which it began (`since`), `after` the
    one farthest from the usual in the longest time, in `unit` as the catalogue of signals names units; None of what has
    no level. `detail`: a word for how it differed, of a schema which columns. `signal`: what it is the level of, as
    `SIGNAL:SUBJECT`; empty where that is no signal. `also`: what has it because it is made from this one, in the order
    of lineage.
    """

    subject: str
    what: What
    detail: str
    first: int
    last: int
    often: int
    before: float | None = None
    at_first: float | None = None
    after: float | None = None
    unit: str = "1"
    signal: str = ""
    again: tuple[Stretch, ...] = ()
    also: tuple[Copy, ...] = ()

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """All the times when it was so, by time: the longest, which the rest is about, and those besides."""
        return tuple(sorted((Stretch(self.first, self.last), *self.again), key=lambda one: one.first))

    @property
    def since(self) -> int:
        """The place of the period in which it began: the first of its first stretch."""
        return self.stretches[0].first


@dataclass(frozen=True, slots=True)
class Check:
    """A job that fails where datasets are not as they should be, and what it looks at, in words."""

    job: str
    datasets: tuple[str, ...]
    doc: str


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """What a calendar cannot tell.

    `signals`: registered ones without a value so far; `datasets`: those of whose columns nothing is recorded;
    `columns`: those of which it is not known how their values are distributed; `unchecked`: datasets that none of the
    `checks` is of.
    """

    signals: tuple[str, ...]
    datasets: tuple[str, ...]
    columns: tuple[str, ...]
    checks: tuple[Check, ...]
    unchecked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """All of it. `word`: what people call a period. Jobs and datasets come in the order in which they depend on others.
    `moved`: other signals of the system's world that left their level for longer.

    `differences` come in the order in which they began (`since`).
    """

    word: str
    period_s: float
    end_s: float
    periods: tuple[Period, ...]
    indicators: tuple[IndicatorRow, ...]
    jobs: tuple[JobRow, ...]
    datasets: tuple[DatasetRow, ...]
    drift: tuple[DriftRow, ...]
    in_use: tuple[InUseRow, ...]
    stacks: tuple[Stack, ...]
    moved: tuple[IndicatorRow, ...]
    moments: tuple[Moment, ...]
    differences: tuple[Difference, ...]
    unmeasured: Unmeasured
