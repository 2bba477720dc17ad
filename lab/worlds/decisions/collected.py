"""Fraud decisions from the log events of the stack's services: the tables of a recording, and what the bank counts.

What is under test knows no truth. The load tells it, and what comes of a payment follows from events by the same ledger
as in the simulator. Events of one payment share its trace:

* `payment_answered`, of the load: `card_id`, `merchant_id`, `amount_cents`, `decision` (as answered); its truth in
  `pattern` (0: genuine), `report_s` (scenario seconds until its cardholder reports it, -1: never) and `bits` (BIT_*).
* `payment_decided`, of the payment service: `decision`, `model_version` and `score_micro` (0 and -1 where no model
  scored it), `inputs` (none then).
* `payment_reviewed`, of the analysts: one of them is done with it.
* `feature_row_served`, of the feature service, for each table: `table`, `entity_id` (-1: no row), `source`, `row_age_s`
  and `entry_age_s` (real seconds), `values`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.agreed.run import Run
from lab.clock import NS, to_ns
from lab.recording.collected import Columns, Events
from lab.systems.topology import System
from lab.worlds.decisions.features import CARD_NAMES, FEATURES, MERCHANT_NAMES
from lab.worlds.decisions.ledger import NEVER, Decided, Ledger, Totals
from lab.worlds.decisions.registration import HOUR_S, LABEL_WINDOW_H
from lab.worlds.decisions.rows import DecisionLog
from lab.worlds.decisions.rules import DECISIONS
from lab.worlds.decisions.score_tables import INPUTS
from lab.worlds.kit.collected import served
from lab.worlds.kit.rows import joined

Array = npt.NDArray[Any]
ANSWERED, DECIDED, REVIEWED = "payment_answered", "payment_decided", "payment_reviewed"


class Book(NamedTuple):
    """The payments of a run. `traces` by request; `resolved`: those whose end is clear, `held` the others."""

    traces: list[str]
    resolved: Decided
    held: Decided


def hour_s(system: System) -> float:
    """Scenario seconds that an hour of the payers' lives takes."""
    assert system.world is not None
    return float(system.world.settings.get("hour_s", HOUR_S))


def label_window_s(system: System) -> float:
    """Scenario seconds after which a payment that nobody reported is taken for genuine."""
    assert system.world is not None
    return float(system.world.settings.get("label_window_h", LABEL_WINDOW_H)) * hour_s(system)


def book(events: Events, run: Run, system: System) -> Book:
    """What became of each payment that was answered, as of the end of the run."""
    payments, traces = _decided(events)
    number_of = {trace: number for number, trace in enumerate(traces)}
    looked = [(number_of[e["trace_id"]], e["time_s"]) for e in events.get(REVIEWED, []) if e["trace_id"] in number_of]
    requests, looked_s = np.array(looked, float).reshape(-1, 2).T
    ledger = Ledger(to_ns(hour_s(system)))
    resolved = ledger.take(payments, requests.astype(np.int64), _ns(looked_s), to_ns(run.duration_s))
    return Book(traces, resolved, ledger.held)


def predictions(of: Book, run: Run, system: System, component: str) -> Columns:
    """The prediction log: payments as they were decided, with what became known of them."""
    log = DecisionLog(0, to_ns(label_window_s(system)), component)
    log.add(of.resolved)
    columns = dict(log.pending(to_ns(run.duration_s), of.held))
    requests = columns.pop("request").tolist()
    return {"time_s": columns.pop("time_s"), "trace_id": [of.traces[request] for request in requests], **columns}


def counts(of: Book, system: System, edges_s: Array) -> dict[str, Array]:
    """What the bank counts, by metric and scrape interval, whose edges these are."""
    totals = Totals(0, to_ns(system.scrape_interval_s), to_ns(label_window_s(system)))
    totals.decided(joined([of.resolved, of.held]))
    totals.resolved(of.resolved)
    return totals.between(_ns(edges_s))


def features(events: Events, run: Run) -> Columns:
    """The served-feature log: a row for each table of each payment."""
    tables = dict(zip(FEATURES, (CARD_NAMES, MERCHANT_NAMES), strict=True))
    return served(events, run, ("table", "entity_id"), tables)


def _decided(events: Events) -> tuple[Decided, list[str]]:
    """Payments as their payers were answered, numbered as they came, and their traces."""
    made = {event["trace_id"]: event["attributes"] for event in events.get(DECIDED, [])}
    answered = [event for event in events.get(ANSWERED, []) if event["trace_id"] in made]
    traces = [event["trace_id"] for event in answered]
    facts = [event["attributes"] for event in answered]
    of_service = [made[trace] for trace in traces]
    inputs = np.full((len(traces), INPUTS), np.nan, np.float32)
    for row, service in zip(inputs, of_service, strict=True):
        if service["inputs"]:
            row[:] = service["inputs"]

    def whole(found: list[Any]) -> Array:
        return np.array(found, np.int64)

    report_s = np.array([fact["report_s"] for fact in facts], float)
    never = np.full(len(traces), NEVER)
    payments = Decided(
        request=np.arange(len(traces)),
        time_ns=_ns(np.array([event["time_s"] for event in answered], float)),
        card=whole([fact["card_id"] for fact in facts]),
        merchant=whole([fact["merchant_id"] for fact in facts]),
        cents=whole([fact["amount_cents"] for fact in facts]),
        decision=whole([DECISIONS.index(fact["decision"]) for fact in facts]),
        version=whole([service["model_version"] for service in of_service]),
        value=whole([service["score_micro"] for service in of_service]),
        fraud=whole([fact["pattern"] for fact in facts]),
        report_ns=np.where(report_s >= 0, _ns(report_s), NEVER),
        bits=whole([fact["bits"] for fact in facts]),
        inputs=inputs,
        resolved_ns=never,
        known_ns=never,
        is_passed=never,
    )
    return payments, traces


def _ns(seconds: Array) -> Array:
    return np.asarray(np.rint(seconds * NS), np.int64)
