"""Pages in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


def samples_of(text: str, *names: str) -> Iterator[Sample]:
    """The samples whose names begin with one of `names`, as the page has them; ValueError where one cannot be read.

    Other lines are not parsed: the official model server has hundreds of them. Nor are the lines that name the types,
    by which the library would change the names of counters.
    """
    lines = [line for line in text.splitlines() if line.startswith(names)]
    for metric in text_string_to_metric_families("\n".join(lines)):
        yield from metric.samples
