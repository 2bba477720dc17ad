"""What must not be in `observed/`: ids, kinds, traces of an injector, the name of the scenario."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lab.injection.faults import fault_types
from lab.recording.observed import Observed
from tests.simulated import NAME

FAULT_ID, DECOY_ID = "needle-f", "needle-d"
WORDS = ("fault", "inject", "chaos", "decoy", "twin", "sabotage", "lever", "witness", "ground truth", "counterfactual")
# Words of the trade that hold one of these: a default is a fallback, what else they are is said where they are.
LEGITIMATE = re.compile(r"default(s|_features|_value)?")


def strings_of(table: pa.Table) -> Iterator[str]:
    """Column names, schema metadata, and every text in the columns."""
    yield from table.column_names
    for key, value in (table.schema.metadata or {}).items():
        yield f"{key!r}={value!r}"
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            # The whole dictionary: a value that no row uses would leak all the same.
            for chunk in column.chunks:
                yield from filter(None, chunk.dictionary.to_pylist())
        elif pa.types.is_string(column.type):
            yield from filter(None, column.unique().to_pylist())


def texts_of(directory: Path) -> Iterator[tuple[str, str]]:
    """(where, text) of everything readable under a directory."""
    for path in sorted(directory.rglob("*")):
        where = path.relative_to(directory).as_posix()
        yield where, where
        if path.suffix == ".parquet":
            # As written, so that nothing a reader would pass over is passed over here.
            yield where, str(pq.read_metadata(path).metadata)
            for text in strings_of(pq.read_table(path)):
                yield where, text
        elif path.is_file():
            yield where, path.read_text(encoding="utf-8")


def leaks(directory: Path, needles: list[str]) -> set[tuple[str, str]]:
    """(file, needle) wherever one is found, in any case, words of the trade left out."""
    found = set()
    for where, text in texts_of(directory):
        cleaned = LEGITIMATE.sub(" ", text.lower())
        found |= {(where, needle) for needle in needles if needle.lower() in cleaned}
    return found


def needles(folder: Path) -> list[str]:
    kinds = [kind.name for kind in fault_types().values() if not kind.is_decoy]
    spellings = [spelling for kind in kinds for spelling in (kind, kind.replace("-", "_"), kind.replace("-", " "))]
    return [*spellings, *WORDS, FAULT_ID, DECOY_ID, NAME, str(folder)]


def wordings(seen: Observed, window_s: tuple[float, float]) -> set[tuple[str, ...]]:
    """What was announced and logged of changes in a window, with numbers left out."""
    lines = [(c["service.name"], c["kind"], c["summary"]) for c in seen.changes if within(c["time_s"], window_s)]
    logs = seen.frame("logs")
    for line in logs[logs["event.name"] == "version_loaded"].to_dict("records"):
        if within(line["time_s"], window_s):
            lines.append((line["service.name"], line["severity_text"], line["body"]))
    return {tuple(re.sub(r"[0-9]+", "N", str(part)) for part in line) for line in lines}


def within(time_s: float, window_s: tuple[float, float]) -> bool:
    return window_s[0] <= time_s < window_s[1]
