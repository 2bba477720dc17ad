"""The content of one run's page, collected from its directory."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from lab.contracts import Diagnosis, TrueDecoy, Truth
from lab.errors import UserError
from lab.files.units import LONG_S
from lab.files.yamlsource import parse_yaml
from lab.recording.alerts import fired
from lab.recording.observed import Observed
from lab.recording.rundir import COMPLETE, RunDirectory
from lab.report.answers import AxisRow, Statement, TruthFact, axis_rows, blaming, statement, truth_facts
from lab.report.attribution import KeyLine, key, marks
from lab.report.calendar import CalendarView
from lab.report.calendar_run import run_calendar
from lab.report.charts import Line, group_size
from lab.report.format import Times, done_text, moment, quantity
from lab.report.graph import Graph, graph
from lab.report.marks import Sign
from lab.report.matrix import Entry, outcomes_json
from lab.report.over_time import OverTimeView, over_time_views
from lab.report.panels import Panel, drawn_panel, lines
from lab.report.timeline import Lane, Load, Mark, timeline
from lab.report.traces import choose
from lab.report.waterfall import Waterfall
from lab.signals import SignalTable, load_recorded
from lab.signals.catalogue import spec_of
from lab.signals.windows import Window
from lab.systems.calendar import Calendar

MAX_PANELS = 8
MAX_ONSETS = 8


@dataclass(frozen=True, slots=True)
class Moved:
    """One signal of the blast radius."""

    signal: str
    subject: str
    doc: str
    without: str
    with_: str


@dataclass(frozen=True, slots=True)
class RunView:
    """Everything the template prints of a run."""

    anchor: str
    title: str
    scenario: str
    seed: int
    times: Times
    outcomes: str
    facts: tuple[str, ...]
    replay: str
    judged: str
    sign: Sign
    stopped: str
    engines: tuple[str, ...]
    axes: tuple[AxisRow, ...]
    truth: tuple[TruthFact, ...]
    degraded: str
    decoys: tuple[str, ...]
    statements: tuple[Statement, ...]
    over_time: tuple[OverTimeView, ...]
    calendar: CalendarView | None
    graph: Graph
    key: tuple[KeyLine, ...]
    timeline: Markup
    panels: tuple[Panel, ...]
    left_out: int
    averaged: str
    """How much time each point of a line stands for, where that is more than one sample."""
    traces: tuple[Waterfall, ...]
    blast: tuple[tuple[str, tuple[Moved, ...]], ...]
    journal: tuple[dict[str, str], ...]


def view(entry: Entry, engines: Sequence[str]) -> RunView:
    """Collects a run for the page; the first engine leads."""
    run = entry.run
    observed, signals = load_recorded(run.observed)
    truth = run.truth()
    asked = [engine for engine in engines if engine in entry.grades]
    times = Times(observed.end_s, Calendar.recorded(observed.system))
    drawings = list(lines(entry, asked, truth, signals, observed))
    marked = marks(entry, asked, truth)
    drawn = graph(observed.system, marked)
    return RunView(
        anchor=entry.anchor,
        title=str(run.meta["scenario"]["title"]) or run.scenario,
        scenario=entry.scenario,
        seed=run.seed,
        times=times,
        outcomes=outcomes_json(entry),
        facts=_facts(entry, observed, truth),
        replay=replay_command(entry),
        judged=engines[0] if engines else "",
        sign=entry.sign(engines[0] if engines else None),
        stopped=_stopped(entry),
        engines=tuple(asked),
        axes=axis_rows(entry, asked, truth, times),
        truth=truth_facts(truth, _written(run), times),
        degraded=_degraded(truth),
        decoys=tuple(f"{d.kind} of {d.element} at {times.told(d.at_s)}" for d in _in_time(truth.decoys)),
        statements=tuple(statement(entry, engine, signals, times) for engine in asked),
        over_time=over_time_views(run, times),
        calendar=run_calendar(run, truth, observed, signals, _onset_marks(entry, asked, truth, times)),
        graph=drawn,
        key=key(entry, marked, drawn, truth),
        timeline=_timeline(entry, asked, truth, observed, signals, times),
        panels=tuple(drawn_panel(line, tags) for line, tags in drawings[:MAX_PANELS]),
        left_out=max(0, len(drawings) - MAX_PANELS),
        averaged=_averaged(observed, [line for line, _ in drawings]),
        traces=choose(observed, [(fault.culprit, (fault.injected_s, fault.reverted_s)) for fault in truth.faults]),
        blast=_blast(entry),
        journal=_journal(entry, times),
    )


def replay_command(entry: Entry) -> str:
    """The command that runs the same scenario with the same seed again."""
    return f"lab run {shlex.quote(entry.run.meta['scenario']['reference'])} --seed {entry.run.seed}"


def _stopped(entry: Entry) -> str:
    """Why the run is not one like others; nothing for a complete one."""
    run = entry.run
    if run.inconclusive_because:
        return f"This run is inconclusive, so no engine is graded by it: {run.inconclusive_because}. Run it again."
    return "" if run.status == COMPLETE else f"This run ended before its time: {run.status}."


def _written(run: RunDirectory) -> dict[str, dict[str, str]]:
    """The parameters of each fault that its scenario gives as text, with their units, by the fault's id."""
    try:
        faults = parse_yaml(str(run.meta["scenario"].get("text", "")), run.scenario).data.get("faults") or []
    except UserError:
        return {}
    given = {str(fault["id"]): fault.get("with") or {} for fault in faults}
    return {fault: {k: v for k, v in values.items() if isinstance(v, str)} for fault, values in given.items()}


def _degraded(truth: Truth) -> str:
    found = truth.degraded
    if found is None:
        return ""
    broken = f" and breaks {', '.join(found.slos)}" if found.slos else ""
    passing = f"unsure, or naming {' or '.join(sorted(found.answerable))}, passes too"
    return f"Nothing is broken: {found.cause}{broken}: {passing}."


def _facts(entry: Entry, observed: Observed, truth: Truth) -> tuple[str, ...]:
    meta = entry.run.meta
    number = len(truth.faults)
    level = observed.system.get("observability")
    seen = [f"observability {level}"] if level else []
    seen += _sampled(observed)
    options = meta.get("testbed_options", {})
    served = [f"{name.replace('_', ' ')} {value}" for name, value in options.items()]
    what = "one fault" if number == 1 else f"{number} faults"
    if truth.is_control:
        what = "degraded control" if truth.degraded else "control, no fault"
    return (
        f"seed {entry.run.seed}", f"system {meta['system']}", f"testbed {meta['testbed']}", *served,
        f"{moment(observed.end_s)} recorded", what, *seen, f"lab {meta['lab_version']}",
    )  # fmt: skip


def _averaged(observed: Observed, drawn: Sequence[Line]) -> str:
    """How much time a point of a line stands for; nothing where every sample is drawn."""
    size = max((group_size(len(line.values)) for line in drawn), default=1)
    averaged_s = size * float(observed.system["scrape_interval_s"])
    return (moment(averaged_s) if averaged_s >= LONG_S else quantity(averaged_s, "s")) if size > 1 else ""


def _sampled(observed: Observed) -> Iterator[str]:
    """What of single requests was recorded, where that is not all."""
    sampling = observed.system.get("sampling")
    if sampling is None:
        return
    if sampling["traces"] < 1:
        slow = "" if sampling["slow_s"] is None else f" or took {quantity(sampling['slow_s'], 's')}"
        yield f"{quantity(sampling['traces'], 'ratio')} of traces, and all that failed{slow}"
    if sampling["records"] < 1:
        yield f"{quantity(sampling['records'], 'ratio')} of features and predictions"


def _timeline(
    entry: Entry, engines: Sequence[str], truth: Truth, observed: Observed, signals: SignalTable, times: Times
) -> Markup:
    faults = [Mark("bar", "fault", f.injected_s, f"{f.kind} on {f.culprit}", f.reverted_s) for f in truth.faults]
    seen = [(f.witnessed_s, f"first effect of {f.kind}") for f in truth.faults if f.witnessed_s is not None]
    effects = [Mark("flag", "effect", at_s, label) for at_s, label in seen]
    decoys = [Mark("diamond", "decoy", d.at_s, f"{d.kind} of {d.element}") for d in _in_time(truth.decoys)]
    changes = [Mark("triangle", "change", c["time_s"], str(c["summary"])) for c in observed.changes]
    actions = [Mark("square", "action", done["at_s"], done_text(done)) for done in entry.run.actions]
    lanes = [
        Lane("fault", tuple(faults)),
        Lane("first effect", tuple(effects)),
        Lane("decoy", tuple(decoys)),
        Lane("change log", tuple(changes)),
        Lane("alert", tuple(_alert_marks(observed, times))),
        Lane("action", tuple(actions)),
        Lane("onset found", tuple(_onset_marks(entry, engines, truth, times))),
    ]
    rate = signals.get("request_rate_per_s", str(observed.system["entry"] or ""))
    times_s, rates = (np.array([]), np.array([])) if rate is None else (rate.times_s, rate.values)
    windows = [(fault.injected_s, fault.reverted_s) for fault in truth.faults]
    return timeline(
        f"Timeline of {entry.run.scenario}", Load(times_s, rates, observed.end_s, times.calendar), lanes, windows
    )


def _in_time(decoys: Sequence[TrueDecoy]) -> list[TrueDecoy]:
    return sorted(decoys, key=lambda decoy: (decoy.at_s, decoy.id))


def _onset_marks(entry: Entry, engines: Sequence[str], truth: Truth, times: Times) -> Iterator[Mark]:
    """Where each engine put the onset of every finding: the leading ones filled, up to a limit by confidence."""
    for engine in engines:
        answer = entry.run.diagnosis(engine)
        led = {id(finding) for finding in blaming(answer, truth)}
        onsets: dict[tuple[float, str], tuple[bool, float]] = {}
        for finding in answer.findings if isinstance(answer, Diagnosis) else ():
            if finding.onset_s is not None:  # findings come most confident first
                onsets.setdefault((finding.onset_s, finding.culprit), (id(finding) in led, finding.confidence))
        for (at_s, culprit), (leads, confidence) in list(onsets.items())[:MAX_ONSETS]:
            label = f"{engine}: {culprit}, {times.told(at_s)}, {confidence:.2f}"
            yield Mark("circle", "onset" if leads else "onset lesser", at_s, label)
        if len(onsets) > MAX_ONSETS:
            at_s = min(at for at, _ in list(onsets)[MAX_ONSETS:])
            more = len(onsets) - MAX_ONSETS
            yield Mark("circle", "onset lesser", at_s, f"{engine}: {more} more, none more confident")


def _alert_marks(observed: Observed, times: Times) -> Iterator[Mark]:
    """A bar for each SLO, of each element that broke it, in pieces from firing to resolved, or to the end."""
    pieces_of: dict[tuple[str, str], list[Window]] = {}
    for one in fired(observed.alerts):
        pieces_of.setdefault((one.slo, one.element), []).append((one.from_s, one.ended_s(observed.end_s)))
    slos = [slo for slo, _ in pieces_of]
    for (slo, element), pieces in pieces_of.items():
        start_s = pieces[0][0]
        name = f"{slo} of {element}" if slos.count(slo) > 1 else slo
        often = f"{len(pieces)} times from" if len(pieces) > 1 else "from"
        label = f"{name}, {often} {times.told(start_s)}"
        yield Mark("bar", "alert", start_s, label, pieces[-1][1], tuple(pieces))


def _blast(entry: Entry) -> tuple[tuple[str, tuple[Moved, ...]], ...]:
    """The true effect of each fault on every signal it moved."""
    found = []
    for fault, moved in sorted(entry.run.effects().items()):
        rows = []
        for effect in moved:
            spec = spec_of(effect["signal"])
            levels = quantity(effect["without"], spec.unit), quantity(effect["with"], spec.unit)
            rows.append(Moved(effect["signal"], effect["subject"], spec.doc, *levels))
        found.append((fault, tuple(rows)))
    return tuple(found)


def _journal(entry: Entry, times: Times) -> tuple[dict[str, str], ...]:
    rows = []
    for line in (entry.run.path / "events.jsonl").read_bytes().splitlines():
        event = json.loads(line)
        rest = {k: v for k, v in event.items() if k not in ("time_s", "event", "lever", "element") and v is not None}
        rows.append(
            {
                "time": times.told(event.get("time_s")),
                "event": str(event.get("event", "")),
                "what": " ".join(str(event[k]) for k in ("lever", "element") if event.get(k)),
                "rest": json.dumps(rest, sort_keys=True, ensure_ascii=False) if rest else "",
            }
        )
    return tuple(rows)
