"""Where a world's jobs hand over what they write: datasets by version, with what they were made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

import numpy as np
import pyarrow as pa

from lab.errors import Problem, UserError, nearest
from lab.recording.arrow import Coded, coded
from lab.recording.datasets import COMPLETE, FAIL, RunEvent, Written
from lab.recording.profiles import Contents
from lab.registration.datasets import Dataset
from lab.registration.world import registration_of
from lab.systems.topology import System

_MOST = 2**63 - 1
"""The largest whole number that a recording can hold."""


def _is_text(kind: pa.DataType) -> bool:
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(values) or pa.types.is_large_string(values))


class DatasetLog:
    """All writes of one run. What it tells of them follows from the columns handed over; no row of them is kept."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._world = system.world.name if system.world else ""
        world = registration_of(self._world) if self._world else None
        self.registered: Mapping[str, Dataset] = world.datasets if world else {}
        """The datasets of its world, by name; none where jobs write none."""
        self._contents = Contents()
        self._writes: list[Written] = []
        self._runs: list[RunEvent] = []
        self._versions: set[tuple[str, str]] = set()

    def note_run(self, time_ns: int, request: int, job: str, event: str) -> None:
        """Notes that a run of a job began or ended; nothing where the system writes no datasets."""
        if self.registered:
            self._runs.append(RunEvent(time_ns, request, job, event))

    @property
    def runs(self) -> Sequence[RunEvent]:
        """Where runs of jobs began and ended so far, in any order."""
        return self._runs

    @property
    def writes(self) -> Sequence[Written]:
        """All writes so far, in their order."""
        return self._writes

    def branch(self) -> DatasetLog:
        """A log that goes on from here by itself. What was told of contents is shared: it is the same for both."""
        other = DatasetLog(self._system)
        other._contents, other._versions = self._contents, self._versions.copy()
        other._writes, other._runs = self._writes.copy(), self._runs.copy()
        return other

    def write(
        self, time_ns: int, request: int, job: str, dataset: str, columns: Mapping[str, Any],
        inputs: Sequence[tuple[str, str]] = (), partition_s: float | None = None,
        status: Literal["COMPLETE", "FAIL"] = COMPLETE,
    ) -> str:  # fmt: skip
        """Notes that a run of a job wrote a dataset; the version: 12 hex digits of a hash of the content.

        `request`: the number of the run, as `Content.operate` gets it. `columns`: all rows that are there now; numbers
        and truth values as arrays (NaN for null), texts as `lab.recording.arrow.Coded` or as an Arrow array. They may
        differ from what is registered, as real ones do. `inputs`: dataset and version of each that was
        read; an empty version where nobody wrote one.
        `partition_s`: up to when the data is of, in scenario seconds; None where it is of no time. `status` FAIL: the
        write failed and left nothing, `columns` are not looked at, and the version is empty.

        UserError for a dataset or a job that there is not, for columns that are none, and for versions never written.
        """
        self._check(job, dataset, inputs, partition_s, status)
        content = None if status == FAIL else self._contents.described(self._plain(dataset, columns))
        at_s = float("nan") if partition_s is None else float(partition_s)
        pairs = tuple((str(name), str(version)) for name, version in inputs)
        self._writes.append(Written(int(time_ns), int(request), job, dataset, pairs, at_s, content))
        if content is None:
            return ""
        self._versions.add((dataset, content.version))
        return content.version

    def _check(
        self, job: str, dataset: str, inputs: Sequence[tuple[str, str]], partition_s: float | None, status: str
    ) -> None:  # fmt: skip
        if dataset not in self.registered:
            hint = nearest(str(dataset), self.registered)
            self._refuse("a dataset that is not registered", repr(dataset), "a name of its `datasets`", hint)
        jobs = [name for name, one in self._system.components.items() if one.kind == "job"]
        if job not in jobs:
            self._refuse(f"{dataset!r} for a job that the system has not", repr(job), nearest(str(job), jobs))
        if status not in (COMPLETE, FAIL):
            self._refuse(f"{dataset!r} with a status that there is not", repr(status), f"{COMPLETE} or {FAIL}")
        if partition_s is not None and not np.isfinite(partition_s):
            self._refuse(f"{dataset!r} of a time that is none", f"{partition_s}", "scenario seconds, or None")
        for pair in inputs:
            if not isinstance(pair, tuple) or not self._is_known(*pair):
                expected = "(dataset, version) as `write` gave it before; an empty version where it has none"
                self._refuse(f"{dataset!r} made from what was never written", repr(pair)[:80], expected)

    def _is_known(self, *pair: str) -> bool:
        return pair in self._versions or (pair[-1:] == ("",) and pair[0] in self.registered)

    def _plain(self, dataset: str, columns: Any) -> dict[str, Any]:
        """Columns as arrays and coded texts, all of one length."""
        if not isinstance(columns, Mapping) or not columns:
            self._refuse(f"{dataset!r} without columns", type(columns).__name__, "arrays by name, one at least")
        for name in columns:
            if not isinstance(name, str) or not name:
                self._refuse(f"a column of {dataset!r} without a name", repr(name)[:80], "texts that are not empty")
        found = {name: self._column(f"{name!r} of {dataset!r}", values) for name, values in columns.items()}
        lengths = {name: len(one.codes if isinstance(one, Coded) else one) for name, one in found.items()}
        if len({*lengths.values()}) > 1:
            seen = ", ".join(f"{rows} of {name!r}" for name, rows in lengths.items())
            self._refuse(f"columns of several lengths in {dataset!r}", seen[:200], "one length")
        return found

    def _column(self, of: str, values: Any) -> Any:
        given: Any = values
        if isinstance(values, pa.Array | pa.ChunkedArray):
            if not _is_text(values.type):
                self._refuse(f"a wrong column {of}", f"an Arrow array of {values.type}", "texts, or numpy's numbers")
            given = coded(values)
        if isinstance(given, Coded):
            self._check_texts(of, given)
            return given
        if isinstance(given, np.ma.MaskedArray):
            self._refuse(f"masked numbers in {of}", f"{np.ma.getmaskarray(given).sum()} masked", "NaN for null")
        numbers = np.asarray(given)
        if numbers.ndim != 1 or numbers.dtype.kind not in "iufb":
            expected = "one row of numbers or truth values, or texts as lab.recording.arrow.Coded"
            self._refuse(f"a wrong column {of}", f"{numbers.dtype} of shape {numbers.shape}", expected)
        if numbers.dtype.kind == "f" and np.isinf(numbers).any():
            self._refuse(f"infinite numbers in {of}", "inf", "finite numbers, NaN for null")
        if numbers.dtype.kind == "u" and len(numbers) and int(numbers.max()) > _MOST:
            self._refuse(f"a number too large in {of}", str(int(numbers.max())), f"whole numbers up to {_MOST}")
        return numbers

    def _check_texts(self, of: str, given: Coded) -> None:
        rows = np.asarray(given.codes)
        if rows.ndim != 1 or (rows.dtype.kind not in "iu" and len(rows)):
            self._refuse(f"wrong codes in {of}", f"{rows.dtype} of shape {rows.shape}", "one row of whole numbers")
        if len(rows) and not -1 <= np.min(rows) <= np.max(rows) < len(given.texts):
            seen = f"{np.min(rows)} to {np.max(rows)} for {len(given.texts)} texts"
            self._refuse(f"codes without a text in {of}", seen, "places of texts, -1 for null")
        strange = next((text for text in given.texts if not isinstance(text, str)), "")
        if strange != "":
            self._refuse(f"a text that is none in {of}", repr(strange)[:80], "str, and the code -1 for null")
        if len({*given.texts}) < len(given.texts):
            twice = next(text for text, often in Counter(given.texts).items() if often > 1)
            self._refuse(f"a text twice in {of}", repr(twice)[:80], "each text once")

    def _refuse(self, wrong: str, seen: str, expected: str, hint: str = "") -> NoReturn:
        what = f"world {self._world!r}: `datasets.write` of its content got {wrong}"
        hint = hint or "its docstring in lab/content/datasets.py says what is wanted"
        raise UserError(Problem(what, seen=seen, expected=expected, hint=hint))
