"""The page of recordings: tables, metrics and files that every recording has, sampling, and how one is cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.docs.markdown import NOTE, table
from lab.recording.blocks import BLOCK_S, BLOCK_SIDES
from lab.recording.schema import CORE, DATASET_FILES, DATASET_TABLES, SCHEMA_VERSION, TRACES_KEPT
from lab.recording.sides import GRID_PER_S
from lab.recording.writing import GROUP_ROWS
from lab.registration.observability import LEVELS
from lab.registration.recorded import Column, File, LogEvent, Metric, Table


def recording_page() -> Iterator[str]:
    yield from (NOTE, "# Recording: tables and metrics", "")
    yield f"Version {SCHEMA_VERSION}. Tables lie in `observed/` as Parquet. Times are scenario seconds since load"
    yield "start, durations seconds, ratios 0 to 1. `category` is a string with few values. A name that ends in `.*`"
    yield "stands for several columns. This is what every recording has. What the content behind requests adds is on"
    yield "the page of its [world](worlds/), which `system.json` names."
    yield ""
    yield from ("## Observability", "")
    yield "How much a system lets its operators see is a property of its file (`observability: usual`), repeated in"
    yield "`system.json`. What exists from a higher level on is left out of a recording: columns, metrics, log lines or"
    yield "what they name. A table without columns is left out whole. Below, `from` is the least level at which"
    yield "something exists."
    yield ""
    rows = ((f"`{level}`", f"{TRACES_KEPT[level]:.0%}", doc) for level, doc in LEVELS.items())
    yield from table(("observability", "traces kept", "what operators have"), rows)
    yield from _FORM.splitlines()
    yield from tables(CORE.tables)
    yield from (
        "## Metrics",
        "",
        "Values of `metric` above. Counts are of the scrape interval, not running totals.",
        "",
    )
    yield from metrics(CORE.metrics)
    yield from ("## Log events", "", "Values of `event.name` above.", "")
    yield from log_events(CORE.log_events)
    yield from ("## Other files", "")
    yield from files(CORE.files)
    yield from _datasets()
    yield from _CUTTING.splitlines()


def _datasets() -> Iterator[str]:
    """What recordings have of worlds whose jobs write datasets."""
    yield from ("## Datasets", "")
    yield from _OF_DATASETS.splitlines()
    yield from files(DATASET_FILES)
    yield from tables(DATASET_TABLES)


def tables(some: Iterable[Table]) -> Iterator[str]:
    """Tables of a recording, each with its columns."""
    for one in some:
        yield from (f"## {one.name}.parquet", "", f"A row is visible {one.visible.doc}.", "")
        cells = ((f"`{c.name}`", c.type, _missing(c), c.level, _column(c)) for c in one.columns)
        yield from table(("column", "type", "may be null", "from", "meaning"), cells)


def metrics(some: Iterable[Metric]) -> Iterator[str]:
    """Metrics, as a table."""
    yield from table(("metric", "unit", "from", "meaning"), ((f"`{m.name}`", m.unit, m.level, m.doc) for m in some))


def log_events(some: Iterable[LogEvent]) -> Iterator[str]:
    """Kinds of log lines, as a table."""
    yield from table(("event", "meaning", "with less observability"), ((f"`{e.name}`", e.doc, _less(e)) for e in some))


def files(some: Iterable[File]) -> Iterator[str]:
    """Files of `observed/` that are no tables, as a table."""
    rows = ((f"`{f.name}`", f.level, f.doc, f.visible.doc) for f in some)
    yield from table(("file", "from", "content", "visible"), rows)


def _missing(column: Column) -> str:
    """Whether a column may be null, or not be there."""
    return "yes" if column.null else "" if column.otherwise is None else "or missing"


def _column(column: Column) -> str:
    """A column's meaning, with when it becomes visible where that is not with its row."""
    return column.doc if column.visible is None else f"{column.doc}; visible {column.visible.doc}"


_FORM = f"""\
## Sampling

A system file, or a scenario, says in `observe` how often metrics are sampled and which requests are recorded:

```yaml
observe:
  scrape_interval: 60s
  sampling: {{traces: 2%, slow: 300ms, records: 10%}}
```

* **Metrics are exact**, whatever is sampled: counts of all requests, percentiles by the nearest rank from above
  (numpy's `inverted_cdf`). Single samples are missing, as in real systems: `missing_sample_ratio` of them, 1 % where a
  system file does not set it. Sums over a recording are that much too low.
* **Traces.** The share `traces` of all is kept, chosen by the last 56 bits of the trace id, as OpenTelemetry's ratio
  sampler does it. Beside these, each trace is kept whose request (or job run) failed or took `slow` or longer.
* **Log lines** follow their trace. Warnings, errors and lines about no request are all kept.
* **Tables of a world** are kept for the share `records` of all requests, whatever became of them.
* **Weights.** Where a table is sampled it has a column `sample_weight`: one over the chance that the row was kept. So
  the sum of weights estimates, without bias, how many rows there were; a row that was kept for what it is has 1.
* `system.json` has the settings as `sampling` where less than all is kept. `traces` there takes the place of the share
  of the observability level.

A trace is decided when its request ends. A recording that is cut before that shows its first spans all the same, and
their weight already tells whether the request is going to fail or be slow. An engine should not look at that.

## Span times

On `sim`, times of spans lie on a grid of 2^-{GRID_PER_S.bit_length() - 1} s (0.12 µs): starts are rounded down, ends
up. Sums of them are exact in 64-bit floats. Spans lie in order of their end, which is when they are known. Where traces
are sampled, they lie in blocks, and by end in each. A block is {BLOCK_S:g} s of scenario time (or the next whole number
of scrape intervals), and ends earlier, at a scrape or each {BLOCK_S:g} s where scrapes are farther apart, if
{BLOCK_SIDES:,} sides of calls are there by then. A row group of spans or log lines ends with a block, once it has
{GROUP_ROWS:,} rows; one of a table of a world has as many, but for the
last one.

"""

_OF_DATASETS = """\
A world may have jobs that write datasets anew in every run (the page of the [world](worlds/) lists them). Its
recordings tell each version that was written, and no row of it: a hash of the content, how much it holds, and a profile
of each column. Equal content has one version whenever it was written, so a version that comes again is a file that was
used again. Datasets are never sampled.

Lineage are events of [OpenLineage](https://openlineage.io): `START` and `COMPLETE` or `FAIL` of each run of a job, and
in between a `RUNNING` for what it wrote at a time. Inputs and outputs have the facets `version` and `schema`, outputs
`outputStatistics`. An output without a version is a write that failed. `eventTime` counts from 1970 where the
system has no calendar.

"""

_CUTTING = """\
## Cutting a recording

`cut(observed, at_s)` of `lab.recording.cut` gives what could be seen at a time: the rows, entries and values that
were visible at that time or before, with `duration_s` of `system.json` set to it. Nothing in it depends on what
came after. `lab diagnose --at` and `--every` give engines such a cut. If a recording has a column, table or file that
neither this page nor that of its world lists, it cannot be cut, because it is not known when that becomes visible.

* **What ripens.** A column of a world may hold what is known only later: it is null until it is visible. Where that is
  after the label window, the window is that of the world, or `label_window_s` of `reference/contract.json` if that is
  given.
* **Ends.** A recording cut at its end is the whole recording. Cutting twice is the same as cutting at the earlier time.
* **Compressed time.** If the time of a run was compressed, durations are real seconds and times are scenario
  seconds. So a span can become visible too early, by its duration times the compression.
"""


def _less(event: LogEvent) -> str:
    """What is left of a log event below its level."""
    if event.slow_s is not None:
        return f"below `{event.level}` only those of {event.slow_s:g} s and more"
    return f"below `{event.level}` no subject, and `{event.plain}` as the line" if event.plain else ""
