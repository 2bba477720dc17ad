"""Bodies of answers about raw metrics, tables, jobs, versions and files of reference."""

from __future__ import annotations

from typing import Any, Literal

from lab.api.models import Answer, ChangeRow
from lab.api.seen import LogRow


class MetricOf(Answer):
    """Whose metric it is; `of` names the series."""

    component: str | None
    peer: str | None
    attribute: str | None
    of: str


class MetricAnswer(Answer):
    """A metric with its series."""

    metric: str
    unit: str
    doc: str
    series: list[MetricOf]


class Metrics(Answer):
    """The metrics that were measured by now."""

    as_of_s: float
    metrics: list[MetricAnswer]


class MetricSeries(Answer):
    """A metric over time: values are over the scrape interval that ends at the time."""

    metric: str
    component: str
    peer: str | None
    attribute: str | None
    unit: str
    times_s: list[float]
    values: list[float | None]


class MetricSeriesList(Answer):
    """Series, in the order in which they were asked for."""

    as_of_s: float
    series: list[MetricSeries]


class ColumnAnswer(Answer):
    """A column of a table."""

    name: str
    type: Literal["number", "text"]
    doc: str


class TableAnswer(Answer):
    """A table, and how many of its rows could be seen."""

    name: str
    doc: str
    columns: list[ColumnAnswer]
    rows: int


class Rows(Answer):
    """Rows by column; `more`: others fit too."""

    as_of_s: float
    rows: list[dict[str, Any]]
    more: bool


class Counts(Answer):
    """How many values lie in each bar, of so many rows of which `nulls` have none."""

    rows: int
    nulls: int
    counts: list[int]
    mean: float | None
    p5: float | None
    p50: float | None
    p95: float | None


class Distribution(Answer):
    """Bars between `edges` (those outside are in the outermost) or for `categories`.

    `psi` and `ks` are distances of now from what it is `compared_with`, as the signals of drift define them.
    """

    as_of_s: float
    table: str
    column: str
    now_s: tuple[float, float]
    before_s: tuple[float, float]
    edges: list[float] | None
    categories: list[str] | None
    now: Counts
    before: Counts
    sample: Counts | None
    compared_with: Literal["sample", "before"]
    psi: float | None
    ks: float | None
    by: dict[str, Counts] | None


class JobAnswer(Answer):
    """A job with its last runs, newest first.

    `notices`: runs that were skipped, took too long or are tried again, as its scheduler logged it.
    """

    name: str
    period_s: float
    starts_s: float
    needs: list[str]
    calls: list[str]
    last_success_age_s: float | None
    runs: list[LogRow]
    notices: list[LogRow]


class Registered(Answer):
    """A version that was published, as its registry has it."""

    file: str
    version: int | str
    entry: dict[str, Any]


class Versions(Answer):
    """Versions: published, served over time, logged, announced."""

    as_of_s: float
    registered: list[Registered]
    served: list[MetricSeries]
    logged: list[LogRow]
    changes: list[ChangeRow]


class ReferenceName(Answer):
    """A file of reference, and what it is."""

    name: str
    doc: str


class Reference(Answer):
    """A file of reference: JSON content, or the columns and first rows of a table."""

    as_of_s: float
    name: str
    content: Any
    columns: list[str] | None
    rows: list[dict[str, Any]] | None
    rows_count: int | None
