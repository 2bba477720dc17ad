"""The log table: lines that components wrote, failed calls, statement logs and job runs; rendered only now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lab.clock import NS
from lab.recording import texts
from lab.recording.arrow import fitted_array, known_array, numbers_array, texts_array
from lab.recording.entries import LogRecord
from lab.recording.ids import Ids, hex_array
from lab.recording.schema import WITHOUT_WORLD
from lab.recording.sides import CLIENT_FINAL, SERVER, Sides, picked, tied
from lab.recording.status import MISS, NAMES
from lab.registration.observability import seen_at
from lab.systems.calls import CallGraph

Array = npt.NDArray[Any]
Lines: TypeAlias = npt.NDArray[np.void]
"""Rows of LINE"""

LINE = np.dtype(
    [
        ("time_ns", "<i8"), ("request", "<i8"), ("duration_ns", "<i8"), ("component", "<i4"), ("severity", "<i4"),
        ("event", "<i4"), ("subject", "<i4"), ("body", "<i4"), ("by_rate", "<i4"),
    ]
)  # fmt: skip
"""A log line as numbers: texts are codes of a `LogBook`, -1 for none. `request`: -1 for none. `duration_ns`: -1 for
none. `body`: for a statement, the operation only. `by_rate`: 1 where a sampler kept the line by its rate alone."""
TURNS = ("job_timeout", "job_run", "job_retry")
"""What follows for a run, at the very time at which its call fails: it is ended, has ended, is tried again."""
FOLLOWS = frozenset({"job_timeout", "job_retry"})
"""Lines that are written at the very time at which a run ends, and are recorded when the run is recorded to end."""
KEPT_ALWAYS = ("WARN", "ERROR")
"""Severities that no sampling drops."""

TEMPLATES: dict[str, Callable[..., str]] = {
    "job_skipped": texts.job_skipped,
    "job_timeout": texts.job_timeout,
    "job_retry": texts.job_retry,
    "feature_contract_violation": lambda _, reason: texts.contract_violation(reason),
    "version_loaded": texts.version_loaded,
}


class LogBook:
    """Log lines of a system as numbers and back. Texts are numbered as they come."""

    def __init__(self, graph: CallGraph) -> None:
        self._graph = graph
        self._texts: list[str] = []
        self._codes: dict[str, int] = {}
        statement = WITHOUT_WORLD.log_events["statement"]
        shown = seen_at(graph.system.observability, statement.level)
        self._statement_ns = 0 if shown or statement.slow_s is None else round(statement.slow_s * NS)

    def branch(self) -> LogBook:
        """A book that goes on from here by itself."""
        book = LogBook(self._graph)
        book._texts, book._codes = self._texts.copy(), self._codes.copy()
        return book

    def written(self, record: LogRecord) -> tuple[int, ...]:
        """A line that a component wrote, as a row of LINE."""
        body = TEMPLATES[record.template](*record.arguments)
        subject = str(record.arguments[0]) if record.template == "feature_contract_violation" else None
        code = self._code
        about = (code(record.component), code(record.level), code(record.template), code(subject), code(body), 0)
        return (record.time_ns, record.request, -1, *about)

    def of_sides(self, sides: Sides) -> Lines:
        """The lines that follow from calls: failed calls, statements of databases, runs of jobs."""
        return np.concatenate([self._failed_calls(sides), *self._statements(sides), self._job_runs(sides)])

    def in_order(self, lines: Lines, ids: Ids) -> Lines:
        """The lines in order of time; ties are broken by content, never by the order of collection."""
        order = np.argsort(lines["time_ns"], kind="stable")
        places = np.flatnonzero(tied(lines["time_ns"][order]))
        if len(places):  # few
            some = order[places]
            order[places] = some[self._by_content(lines[some], ids)]
        return lines[order]

    def _by_content(self, lines: Lines, ids: Ids) -> Array:
        """The order of lines by time, then by trace id (numbers of requests would tell of what stream they are).

        Of one component of a trace by cause, where that is known (`TURNS`), and by what they say.
        """
        rank = np.zeros(len(self._texts) + 1, np.int64)
        rank[np.argsort(np.array([*self._texts, ""]), kind="stable")] = np.arange(len(rank))
        turns = [self._codes.get(event, -2) for event in TURNS]
        turn = sum((place * (lines["event"] == code) for place, code in enumerate(turns, 1)), np.zeros(len(lines), int))
        about = np.where(lines["request"] < 0, 0, ids.trace_words(lines["request"].clip(0))[:, 0])
        by_what = [rank[lines[name]] for name in ("subject", "body", "event")]
        return np.lexsort((lines["duration_ns"], *by_what, turn, rank[lines["component"]], about, lines["time_ns"]))

    def columns(self, lines: Lines, ids: Ids, origin_ns: int) -> dict[str, pa.Array]:
        """The log table as columns, row by row."""
        about_none, unmeasured = lines["request"] < 0, lines["duration_ns"] < 0
        return {
            "time_s": numbers_array((lines["time_ns"] - origin_ns) / NS),
            "service.name": self._coded(lines["component"]),
            "severity_text": self._coded(lines["severity"]),
            "event.name": self._coded(lines["event"]),
            "trace_id": hex_array(ids.trace_words(lines["request"].clip(0)), about_none),
            "subject": self._coded(lines["subject"]),
            "duration_s": known_array(np.where(unmeasured, np.nan, lines["duration_ns"] / NS)),
            "body": self._bodies(lines),
        }

    def is_kept_always(self, lines: Lines) -> Array:
        """Mask of the lines that no sampling drops: warnings, errors, and what is about no request."""
        severe = np.isin(lines["severity"], [self._code(severity) for severity in KEPT_ALWAYS])
        return np.asarray(severe | (lines["request"] < 0))

    def _code(self, text: str | None) -> int:
        if text is None:
            return -1
        code = self._codes.setdefault(text, len(self._texts))
        if code == len(self._texts):
            self._texts.append(text)
        return code

    def _coded(self, codes: Array) -> pa.Array:
        """A dictionary array whose texts are those used, sorted."""
        return fitted_array(codes, self._texts)

    def _bodies(self, lines: Lines) -> pa.Array:
        is_statement = lines["event"] == self._codes.get("statement", -2)
        bodies = self._coded(np.where(is_statement, -1, lines["body"])).dictionary_decode()
        if not is_statement.any():
            return bodies
        rendered = statements(self._coded(lines["body"]).dictionary_decode(), lines["duration_ns"].clip(0))
        return pc.coalesce(bodies, rendered)

    def _failed_calls(self, sides: Sides) -> Lines:
        failed = picked(sides, (sides["side"] != SERVER) & (sides["status"] > MISS) & (sides["edge"] >= 0))
        last = failed["side"] == CLIENT_FINAL
        what = (failed["edge"].astype(np.int64) * 256 + failed["attempt"]) * 32 + failed["status"] * 2 + last
        kinds, kind = np.unique(what, return_inverse=True)
        rows = np.zeros((len(kinds), 5), np.int32)
        for i, one in enumerate(kinds.tolist()):
            edge, attempt, status, is_last = self._graph.edges[one >> 13], one >> 5 & 255, one >> 1 & 15, bool(one & 1)
            body = texts.call_failed(
                edge.name, edge.callee, NAMES[status], attempt, is_last=is_last, fallback=edge.step.fallback
            )
            rows[i] = [self._code(text) for text in (edge.caller, "WARN", "call_failed", edge.callee, body)]
        return _lines(failed, rows[kind])

    def _statements(self, sides: Sides) -> Iterable[Lines]:
        """A database reports no spans but logs statements, with the trace id from the SQL comment."""
        server = sides["side"] == SERVER
        for edge in self._graph.edges:
            if self._graph.system.components[edge.callee].telemetry == "statement-log":
                mine = picked(sides, server & (sides["edge"] == edge.index))
                mine = picked(mine, mine["end_ns"] - mine["start_ns"] >= self._statement_ns)
                what = (edge.callee, "INFO", "statement", edge.caller, edge.step.operation or edge.name)
                if len(mine):
                    yield _lines(mine, np.array([[self._code(text) for text in what]], np.int32))

    def _job_runs(self, sides: Sides) -> Lines:
        runs = picked(sides, sides["edge"] < 0)
        rows = np.zeros((len(runs), 5), np.int32)
        for i, (edge, status) in enumerate(zip(runs["edge"].tolist(), runs["status"].tolist(), strict=True)):
            level, job = "INFO" if status <= MISS else "ERROR", self._graph.components[-1 - edge]
            texts_of = (job, level, "job_run", None, texts.job_run(NAMES[status]))
            rows[i] = [self._code(text) for text in texts_of]
        return _lines(runs, rows)


def _lines(sides: Sides, codes: Array) -> Lines:
    """Lines about calls, at their ends. `codes`: component, severity, event, subject, body by row, or one for all."""
    lines = np.zeros(len(sides), LINE)
    lines["time_ns"], lines["request"] = sides["end_ns"], sides["request"]
    lines["duration_ns"] = sides["end_ns"] - sides["start_ns"]
    for i, name in enumerate(("component", "severity", "event", "subject", "body")):
        lines[name] = codes[:, i]
    return lines


def rows_of(records: Sequence[tuple[int, ...]]) -> Lines:
    """Rows of LINE from tuples."""
    return np.array(records, LINE)


def statements(operations: pa.Array, durations_ns: Array) -> pa.Array:
    """`lab.recording.texts.statement` of each: its duration in ms with three digits, rounded as Python does."""
    ms = durations_ns / NS * 1e3
    digits = np.rint(ms * 1e3)
    near_tie = np.flatnonzero(abs(ms * 1e3 - np.floor(ms * 1e3) - 0.5) < 1e-3)
    digits[near_tie] = [round(float(f"{value:.3f}") * 1e3) for value in ms[near_tie].tolist()]
    whole, rest = np.divmod(digits.astype(np.int64), 1000)
    count = len(durations_ns)
    parts = [
        _constant("duration: ", count), numbers_array(whole).cast(pa.string()), _constant(".", count),
        pc.utf8_slice_codeunits(numbers_array(rest + 1000).cast(pa.string()), 1),
        _constant(" ms  statement: ", count), operations,
    ]  # fmt: skip
    return pc.binary_join_element_wise(*parts, _constant("", count))


def _constant(text: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        numbers_array(np.zeros(count, np.int32)), texts_array([text])
    ).dictionary_decode()
