"""What an exercise's page shows: all of it was observed, and none of it is chosen by what is true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from lab.contracts import Boundary, GradingOptions, Truth
from lab.injection.faults import fault_types
from lab.investigation.scoring import WEIGHTS
from lab.recording.observed import Observed, alerts_fired, requests_seen, runs_seen
from lab.recording.rundir import RunDirectory
from lab.report.charts import Line, panel
from lab.report.format import Times, moment
from lab.report.graph import Graph, Marks, element_of, graph
from lab.report.requests import Requests
from lab.report.waterfall import Waterfall, draw
from lab.signals import SignalTable, load_recorded
from lab.signals.catalogue import spec_of
from lab.signals.periods.layout import Periods
from lab.signals.periods.shapes import Period
from lab.systems.calendar import Calendar

if TYPE_CHECKING:
    from lab.investigation.exercises import Exercise

MOST_CHARTS = 400
MOST_LINES = 400
"""Lines of the log in a page, of each event of a component as many as of any other."""
SLOWEST, FAILED = 3, 3
"""Requests that are shown as waterfalls, beside one of usual length."""
COLUMNS = "columns of data"
"""The group of signals about something that is no component and no link."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One signal of one subject over the whole recording."""

    signal: str
    subject: str
    doc: str
    svg: Markup


class Content:
    """What is shown of an exercise and its recording, and what is veiled: the case for grading, and the hints."""

    def __init__(self, exercise: Exercise, run: RunDirectory) -> None:
        self.exercise, self._run = exercise, run
        observed, signals = load_recorded(run.observed)
        self.end_s = observed.end_s
        self.times = Times(observed.end_s, Calendar.recorded(observed.system))
        self.length = moment(observed.end_s)
        self.system: Mapping[str, Any] = observed.system
        self.graph: Graph = graph(observed.system, Marks(frozenset(), {}, {}))
        self.alerts, self.changes = list(observed.alerts), list(observed.changes)
        self.charts = charts(observed, signals)
        self.waterfalls = tuple(waterfalls(observed))
        self.lines, self.lines_left_out = log_lines(observed)

    @property
    def elements(self) -> list[str]:
        """What can be the culprit: components, then links."""
        return [*self.system["components"], *self.system["links"]]

    @property
    def periods(self) -> tuple[Period, ...]:
        """The periods of the system's calendar, in one of which it began; none where it has no calendar."""
        found = Periods.of(self.system)
        return found.shown if found is not None else ()

    @property
    def boundaries(self) -> list[str]:
        return [str(one) for one in Boundary]

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """Every kind of fault that is registered, with its first line of documentation."""
        known = fault_types()
        return [(name, kind.doc.partition("\n")[0]) for name, kind in known.items() if not kind.is_decoy]

    def case(self) -> dict[str, Any]:
        """What the page grades with: the truth, the tolerances, and what was there to be seen."""
        observed = self._run.observed
        seen = requests_seen(observed), runs_seen(observed)
        return graded_with(self._run.truth(), self._run.grading, seen, alerts_fired(observed))


def graded_with(
    truth: Truth, options: GradingOptions, seen: tuple[int | None, int | None], alerts: Sequence[str]
) -> dict[str, Any]:
    """What of a case `grade.js` looks at, and what is told after the answer. `seen`: requests, else runs of jobs."""
    keys = ("id", "kind", "culprit", "boundary", "injected_s", "reverted_s", "witnessed_s")
    degraded = truth.degraded
    return {
        "faults": [{key: getattr(fault, key) for key in keys} for fault in truth.faults],
        "decoys": [{"kind": one.kind, "element": one.element, "at_s": one.at_s} for one in truth.decoys],
        "degraded": degraded and {"answerable": sorted(degraded.answerable), "cause": degraded.cause},
        "onset_within_s": options.onset_within_s,
        "requests": seen[0],
        "runs": seen[1],
        "alerts": list(alerts),
        "weights": dict(WEIGHTS),
    }


def charts(observed: Observed, signals: SignalTable) -> dict[str, list[Chart]]:
    """A chart of each signal, by the component or link that it is about; at most `MOST_CHARTS`."""
    elements = [*observed.system["components"], *observed.system["links"]]
    grouped: dict[str, list[Chart]] = {name: [] for name in (*elements, COLUMNS)}
    for series in list(signals)[:MOST_CHARTS]:
        spec = spec_of(series.signal)
        name = f"{series.signal} of {series.subject}"
        line = Line(name, spec.unit, series.times_s, series.values, observed.end_s, None, None, ())
        chart = Chart(series.signal, series.subject, spec.doc, panel(line))
        grouped[element_of(series.subject, elements) or COLUMNS].append(chart)
    return {name: found for name, found in grouped.items() if found}


def waterfalls(observed: Observed) -> Iterator[Waterfall]:
    """A request of usual length, the slowest ones, and the first that failed, each once."""
    requests = Requests.of(observed)
    if requests is None:
        return
    of_users = requests.began_at(str(observed.system["users"] or ""))
    roots = np.flatnonzero(of_users if of_users.any() else ~of_users)
    roots = roots[requests.root_time_s[roots] >= 0]
    by_length = roots[np.lexsort((requests.root[roots], requests.root_duration_s[roots]))]
    by_time = roots[np.lexsort((requests.root[roots], requests.root_time_s[roots]))]
    failed = by_time[requests.having(requests.failed)[by_time]]
    chosen: dict[int, str] = {}
    if len(by_length):
        chosen[int(by_length[len(by_length) // 2])] = "One of usual length"
    for root in by_length[::-1][:SLOWEST]:
        chosen.setdefault(int(root), "One of the slowest")
    for root in failed[:FAILED]:
        chosen.setdefault(int(root), "One of the first with an error in it")
    for root, reason in chosen.items():
        request = int(requests.root[root])
        yield draw(requests.spans_of(request, ""), requests.trace_ids[request], reason, "")


def log_lines(observed: Observed) -> tuple[list[dict[str, Any]], int]:
    """Lines of the log in the order of time, of a frequent event the first ones, and how many are left out."""
    logs = observed.frame("logs") if "logs" in observed.tables else pd.DataFrame()
    if logs.empty:
        return [], 0
    nth = logs.groupby(["service.name", "event.name"], observed=True).cumcount()
    events = max(1, len(logs[nth == 0]))
    kept = logs[nth < max(1, MOST_LINES // events)].sort_values("time_s", kind="stable")
    lines = kept[["time_s", "service.name", "severity_text", "body", "trace_id"]].rename(
        columns={"service.name": "service", "severity_text": "severity"}
    )
    return lines.astype(object).where(lines.notna(), None).to_dict("records"), len(logs) - len(kept)
