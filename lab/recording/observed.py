"""`observed/`: everything an engine may see, in memory or on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from lab.errors import Problem, UserError
from lab.recording.entries import AlertEntry, ChangeEntry
from lab.recording.schema import LINEAGE, WITHOUT_WORLD, Schema, schema_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from lab.recording.blocks import KeptSpans
    from lab.recording.lineage import LineageEntry


Check: TypeAlias = "Callable[[str, pa.Table], None]"
"""Raises where the table of a name is not as it should be"""


@dataclass
class Observed:
    """What could be observed of one run. `reference` maps file names to JSON content or to a table.

    `lineage`: events of OpenLineage; None where the system tells none.
    """

    system: Mapping[str, Any]
    tables: MutableMapping[str, pa.Table]
    changes: list[ChangeEntry]
    alerts: list[AlertEntry]
    reference: Mapping[str, Any] = field(default_factory=dict)
    lineage: list[LineageEntry] | None = None
    _frames: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)

    def frame(self, name: str) -> pd.DataFrame:
        """A table as a data frame with every documented column: empty where the system has no such table.

        Columns that were not recorded are null throughout; without sampling every row has the weight 1.
        """
        import pandas as pd

        if name not in self._frames:
            table = self.tables.get(name)
            frame = pd.DataFrame() if table is None else table.to_pandas()
            for column in self.schema.columns(name):
                if "*" not in column.name and column.name not in frame:
                    dtype = float if column.type in ("float", "int") else object
                    missing = np.nan if column.otherwise is None else column.otherwise
                    frame[column.name] = pd.Series(missing, frame.index, dtype)
            self._frames[name] = frame
        return self._frames[name]

    @property
    def schema(self) -> Schema:
        """The form of this recording, by the world of its system; UserError where that is not installed."""
        return schema_of(self.system["world"])

    @property
    def spans(self) -> KeptSpans | None:
        """The spans as the testbed measured them, where it still holds them; they need no texts."""
        return self.tables.spans if isinstance(self.tables, Deferred) else None

    @property
    def metrics(self) -> pa.Table:
        """The metrics table; one without rows where nothing was measured."""
        return self.tables["metrics"] if "metrics" in self.tables else no_metrics()

    def reference_frame(self, name: str) -> pd.DataFrame | None:
        """A reference table as a data frame, None where there is none."""
        table = self.reference.get(f"{name}.parquet")
        return None if table is None else table.to_pandas()

    @property
    def end_s(self) -> float:
        """Length of the recording in scenario seconds."""
        return float(self.system["duration_s"])

    def write(self, directory: Path) -> None:
        """Writes all files; the bytes depend on the content alone."""
        from lab.recording.writing import write_table

        directory.mkdir(parents=True)
        _write_json(directory / "system.json", self.system)
        for name in self.tables:
            write_table(directory / f"{name}.parquet", name, _groups(self.tables, name))
        for name, entries in (("changes", self.changes), ("alerts", self.alerts), ("lineage", self.lineage)):
            if entries is None:
                continue
            lines = [json.dumps(entry, sort_keys=True, ensure_ascii=False) + "\n" for entry in entries]
            (directory / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        (directory / "reference").mkdir()
        for name, content in self.reference.items():
            path = directory / "reference" / name
            if name.endswith(".json"):
                _write_json(path, content)
            else:
                write_table(path, name, [content])


class Deferred(MutableMapping[str, Any]):
    """Tables by name, each made when it is first asked for: an engine needs few of them.

    `groups`: tables that come by their row groups, so that one that is only written need not be in memory whole.
    `spans`: what the table of spans is made of, until another table takes its place.
    """

    def __init__(
        self,
        makers: Mapping[str, Callable[[], Any]],
        groups: Mapping[str, Callable[[], Iterator[pa.Table]]] | None = None,
        spans: KeptSpans | None = None,
    ) -> None:
        self.spans = spans
        self._makers = dict(makers)
        self._groups = dict(groups or {})
        self._names = dict.fromkeys([*self._groups, *makers])
        self._made: dict[str, Any] = {}
        self._held: dict[str, list[pa.Table]] = {}  # row groups of tables that are made
        self._checks: list[Check] = []

    def check(self, check: Check) -> None:
        """Has each table checked, and each row group: those that are made now, others when they are."""
        for name, table in self._made.items():
            check(name, table)
        self._checks.append(check)

    def groups(self, name: str) -> Iterator[pa.Table]:
        """The row groups of a table."""
        if name in self._groups and name not in self._held:
            for group in self._groups[name]():
                yield self._checked(name, group)
        else:
            yield from self._held.get(name) or [self[name]]

    def __getitem__(self, name: str) -> Any:
        if name in self._makers:
            self._made[name] = self._checked(name, self._makers[name]())
            del self._makers[name]
        elif name in self._groups and name not in self._made:
            import pyarrow as pa

            held = [*self.groups(name)]
            self._held[name], self._made[name] = held, pa.concat_tables(held)
        return self._made[name]

    def _checked(self, name: str, table: Any) -> Any:
        for check in self._checks:
            check(name, table)
        return table

    def __setitem__(self, name: str, table: Any) -> None:
        self._forget(name)
        self._names[name] = None
        self._made[name] = table

    def __delitem__(self, name: str) -> None:
        del self._names[name]
        self._forget(name)

    def _forget(self, name: str) -> None:
        self.spans = None if name == "spans" else self.spans
        for kept in (self._makers, self._groups, self._made, self._held):
            kept.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _groups(tables: Mapping[str, pa.Table], name: str) -> Iterator[pa.Table]:
    return tables.groups(name) if isinstance(tables, Deferred) else iter([tables[name]])


def load_observed(directory: Path) -> Observed:
    """Reads `observed/`, its tables when they are first asked for; UserError where it is not one."""
    if not (directory / "system.json").is_file():
        raise UserError(Problem("not a recording", str(directory), expected="a directory with system.json in it"))
    system = json.loads((directory / "system.json").read_text(encoding="utf-8"))
    files = {name: directory / f"{name}.parquet" for name in schema_of(system["world"]).tables}
    tables = Deferred({name: partial(_read_table, file) for name, file in files.items() if file.is_file()})
    beside = sorted((directory / "reference").glob("*"))
    reference = Deferred({file.name: partial(_read_table, file) for file in beside if file.suffix != ".json"})
    for file in beside:
        if file.suffix == ".json":
            reference[file.name] = json.loads(file.read_text(encoding="utf-8"))
    changes, alerts = _read_lines(directory / "changes.jsonl"), _read_lines(directory / "alerts.jsonl")
    lineage = _read_lines(directory / LINEAGE) if (directory / LINEAGE).is_file() else None
    return Observed(system, tables, changes, alerts, reference, lineage)


def _read_table(file: Path) -> pa.Table:
    from lab.recording.arrow import read_table

    return read_table(file)


def requests_seen(directory: Path) -> int | None:
    """How many requests the entry point of an `observed/` directory handled; None where none come or were recorded."""
    file = directory / "metrics.parquet"
    if not file.is_file():
        return None
    entry = json.loads((directory / "system.json").read_text(encoding="utf-8"))["entry"]
    return None if entry is None else _counted(file, "server.request.count", entry)


def runs_seen(directory: Path) -> int | None:
    """How many runs of jobs ended in an `observed/` directory whose system takes no requests; None for any other."""
    file = directory / "metrics.parquet"
    if not file.is_file() or json.loads((directory / "system.json").read_text(encoding="utf-8"))["entry"] is not None:
        return None
    return _counted(file, "job.run.count")


def _counted(file: Path, metric: str, component: str | None = None) -> int:
    from lab.recording.arrow import coded, numbers, read_table

    table = read_table(file, ["metric", "service.name", "value"])
    mine = coded(table["metric"]).is_any([metric])
    if component is not None:
        mine &= coded(table["service.name"]).is_any([component])
    return round(float(np.nansum(numbers(table["value"])[mine])))


def alerts_fired(directory: Path) -> tuple[str, ...]:
    """The SLOs whose alert fired according to an `observed/` directory, in the order in which they first did."""
    file = directory / "alerts.jsonl"
    lines = file.read_bytes().splitlines() if file.is_file() else []
    alerts = [json.loads(line) for line in lines if line.strip()]
    return tuple(dict.fromkeys(str(alert["slo"]) for alert in alerts if alert.get("state") == "firing"))


def symptom_link(directory: Path) -> str:
    """The link from the users to the entry point of an `observed/` directory: where people feel a fault; or nothing."""
    system = json.loads((directory / "system.json").read_text(encoding="utf-8"))
    return f"{system['users']}->{system['entry']}" if system["users"] is not None else ""


def column_holders(directory: Path) -> frozenset[str]:
    """The components of an `observed/` directory that hand out feature columns: the contract's store, and caches."""
    system = json.loads((directory / "system.json").read_text(encoding="utf-8"))
    contract = directory / "reference" / "contract.json"
    store = json.loads(contract.read_text(encoding="utf-8")).get("component") if contract.is_file() else None
    caches = {name for name, component in system["components"].items() if component["kind"] == "cache"}
    return frozenset(caches | ({str(store)} if store else set()))


def arrow_table(name: str, columns: Mapping[str, Any], schema: Schema = WITHOUT_WORLD) -> pa.Table:
    """An Arrow table of a documented form: types and order as in the schema, NaN and None as null where allowed.

    KeyError for a table or a column that the schema does not have.
    """
    import pyarrow as pa

    given = list(columns)
    arrays, names = [], []
    for spec in schema.tables[name].columns:
        for column in [c for c in given if fnmatchcase(c, spec.name)]:
            given.remove(column)
            arrays.append(_array(columns[column], spec.type))
            names.append(column)
    if given:
        raise KeyError(f"table {name!r} documents no column {given[0]!r}")
    return pa.table(arrays, names=names)


def no_metrics() -> pa.Table:
    """The metrics table of a run in which nothing was measured."""
    return arrow_table("metrics", {column.name: [] for column in WITHOUT_WORLD.columns("metrics")})


def _array(values: Any, kind: str) -> pa.Array | pa.ChunkedArray:
    import pyarrow as pa

    from lab.recording import arrow

    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if kind == "category":
        return arrow.encoded_array(values)
    if kind == "string":
        return arrow.texts_array(values)
    if kind == "float":
        narrow = getattr(values, "dtype", None) == "float32"
        return arrow.known_array(np.asarray(values, np.float32 if narrow else np.float64))
    whole = np.asarray(values)
    if whole.dtype.kind not in "iu" and not np.array_equal(whole, whole.astype(np.int64)):
        raise ValueError(f"column of whole numbers holds {whole.dtype} values with a fraction")
    return arrow.numbers_array(whole.astype(np.int64, copy=False))


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.is_file() else []
