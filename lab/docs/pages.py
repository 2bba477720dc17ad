"""The reference pages that are generated from what they describe: `python -m lab.docs docs`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.docs.levers import levers_page
from lab.docs.markdown import NOTE, default, table, values
from lab.docs.schemas import schemas
from lab.files.fileio import write_file
from lab.injection.faults import FaultType, fault_types
from lab.recording.blocks import BLOCK_S, BLOCK_SIDES
from lab.recording.schema import (
    FILES,
    LABEL_WINDOW_S,
    LOG_EVENTS,
    METRIC_LIST,
    ROWS_VISIBLE,
    SCHEMA_VERSION,
    TABLES,
    TRACES_KEPT,
    Column,
    LogEvent,
)
from lab.recording.sides import GRID_PER_S
from lab.recording.writing import GROUP_ROWS
from lab.signals.catalogue import CATALOGUE
from lab.systems.observability import LEVELS


def write_docs(directory: Path) -> tuple[Path, ...]:
    """Writes the generated pages into a directory and returns the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, lines in pages().items():
        paths.append(directory / name)
        write_file(paths[-1], "\n".join(lines) + "\n")
    return tuple(paths)


def pages() -> dict[str, list[str]]:
    """Each generated page by file name, as lines."""
    return {
        "recording.md": list(_recording()),
        "signals.md": list(_signals()),
        "faults.md": list(_faults()),
        "levers.md": list(levers_page()),
    }


def _recording() -> Iterator[str]:
    yield from (NOTE, "# Recording: tables and metrics", "")
    yield f"Version {SCHEMA_VERSION}. Tables lie in `observed/` as Parquet. Times are scenario seconds since load"
    yield "start, durations seconds, ratios 0 to 1. `category` is a string with few values. A name that ends in `.*`"
    yield "stands for several columns."
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
    for name, columns in TABLES.items():
        yield from (f"## {name}.parquet", "", f"A row is visible {ROWS_VISIBLE[name].doc}.", "")
        cells = ((f"`{c.name}`", c.type, _missing(c), c.level, _column(c)) for c in columns)
        yield from table(("column", "type", "may be null", "from", "meaning"), cells)
    yield from (
        "## Metrics",
        "",
        "Values of `metric` above. Counts are of the scrape interval, not running totals.",
        "",
    )
    metrics = ((f"`{m.name}`", m.unit, m.level, m.doc) for m in METRIC_LIST)
    yield from table(("metric", "unit", "from", "meaning"), metrics)
    yield from ("## Log events", "", "Values of `event.name` above.", "")
    events = ((f"`{e.name}`", e.doc, _less(e)) for e in LOG_EVENTS)
    yield from table(("event", "meaning", "with less observability"), events)
    yield from _cutting()


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
* **Features and predictions** are kept for the share `records` of all requests, whatever became of them.
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
{GROUP_ROWS:,} rows; one of features or predictions has as many, but for the last one.

"""

_CUTTING = f"""\
## Cutting a recording

`cut(observed, at_s)` of `lab.recording.cut` gives what could be seen at a time: the rows, entries and values that
were visible at that time or before, with `duration_s` of `system.json` set to it. Nothing in it depends on what
came after. `lab diagnose --at` and `--every` give engines such a cut. If a recording has a column, table or file
that is not listed here, it cannot be cut, because it is not known when that becomes visible.

* **Outcomes.** A prediction is visible when it was logged. Its `outcome` and `label_delay_s` are null until the
  label window has closed, even if the click came earlier. The window is {LABEL_WINDOW_S:g} s, or
  `label_window_s` of `contract.json` if that is given.
* **Model versions.** The registry has no times. A version counts as published when it, or a later one, was first
  seen: loaded (`version_loaded`), measured (`model.version`) or answering (`model_version`). If a version is first
  seen answering or measured, it was published before that; if it is first seen being loaded, it was not. If no
  version is ever seen, all were published from the start.
* **Ends.** A recording cut at its end is the whole recording. Cutting twice is the same as cutting at the earlier time.
* **Compressed time.** If the time of a run was compressed, durations are real seconds and times are scenario
  seconds. So a span can become visible too early, by its duration times the compression.
"""


def _cutting() -> Iterator[str]:
    yield from ("## Other files", "")
    rows = ((f"`{file.name}`", file.doc, file.visible.doc) for file in FILES)
    yield from table(("file", "content", "visible"), rows)
    yield from _CUTTING.splitlines()


def _less(event: LogEvent) -> str:
    """What is left of a log event below its level."""
    if event.slow_s is not None:
        return f"below `{event.level}` only those of {event.slow_s:g} s and more"
    return f"below `{event.level}` no subject, and `{event.plain}` as the line" if event.plain else ""


def _signals() -> Iterator[str]:
    yield from (NOTE, "# Signals", "")
    yield "Time series computed from `observed/` alone, one value per scrape interval. Engines cite them by name and"
    yield "subject; graders compute them again. A signal exists `from` the level of observability that has what it is"
    yield "computed from (see [recording](recording.md)); below that it is absent."
    yield ""
    yield "`lab.signals.load_signals(directory)` gives those of an `observed/` directory. A recording keeps its own in"
    yield "`signals.npz` beside `observed/`, and an engine finds a copy beside its copy of `observed/`. They are used"
    yield "only where checksums show that they were computed from these very files by this very code; the tables count."
    yield "Where a recording is sampled, each row counts by its `sample_weight`."
    yield ""
    rows = ((f"`{name}`", spec.subject, spec.unit, spec.level, spec.doc) for name, spec in CATALOGUE.items())
    yield from table(("signal", "subject", "unit", "from", "meaning"), rows)


def _faults() -> Iterator[str]:
    yield from (NOTE, "# Faults and decoys", "")
    kinds = fault_types()
    parameters = _parameters_by_kind()
    yield from ("## Faults", "")
    for kind in kinds.values():
        if not kind.is_decoy:
            yield from _fault(kind, parameters[kind.name])
    yield from ("## Decoys", "", "Benign events. Blaming one is an error.", "")
    for kind in kinds.values():
        if kind.is_decoy:
            yield from _fault(kind, parameters[kind.name])


def _fault(kind: FaultType, parameters: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"### {kind.name}", "", *kind.doc.splitlines(), "")
    yield f"* Target: {', '.join(sorted(kind.target_kinds))}"
    if not kind.is_decoy:
        yield f"* Boundary: {kind.boundary}; the culprit is the target"
        for witness in kind.witnesses:
            unit = CATALOGUE[witness.signal].unit
            least = f"{witness.at_least:g}" + (f" {unit}" if unit not in ("1", "ratio") else "")
            level = CATALOGUE[witness.signal].level
            since = "" if level == "poor" else f" (observability `{level}`)"
            yield f"* Shows by `{witness.signal}` of `{witness.subject}` moving by at least {least}{since}"
        yield f"* What is announced and published (registry, change log): {kind.announcement}"
        yield f"* Recovers within {kind.recovery_s:g} s of the revert"
    yield ""
    required = parameters.get("required", [])
    rows = [
        (f"`{name}`", values(field), "required" if name in required else default(field.get("default")))
        for name, field in parameters.get("properties", {}).items()
    ]
    if rows:
        yield from table(("parameter", "values", "default"), rows)


def _parameters_by_kind() -> dict[str, Mapping[str, Any]]:
    """JSON Schema of `with:` by fault and decoy name, with defaults as people write them."""
    definitions = schemas()["scenario"]["$defs"]
    return {
        rule["if"]["properties"]["type"]["const"]: rule["then"]["properties"]["with"]
        for use in ("FaultUse", "DecoyUse")
        for rule in definitions[use]["allOf"]
    }
