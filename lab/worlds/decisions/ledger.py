"""What becomes of payments after they were decided: analysts, releases, chargebacks, losses, labels.

A held payment waits for an analyst, and is released after `HOLD_H` hours that nobody looked at it. What went through
although it was fraud is a loss when its cardholder reports it.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.worlds.decisions.rules import APPROVE, DECLINE, REVIEW
from lab.worlds.decisions.score_tables import BIT_FOUND, BIT_SUSPECTED, INPUTS
from lab.worlds.kit.rows import chosen, joined
from lab.worlds.kit.sums import EventSums

Array = npt.NDArray[Any]

HOLD_H = 24.0
NEVER = -1


class Decided(NamedTuple):
    """Payments that were decided (n,): when, of whom, how much, how; what only the world knows of them (see OWN_*).

    value: score in millionths (below 0: none). inputs (n, INPUTS): NaN where no model scored it. resolved_ns: when it
    was clear whether it goes through, known_ns: when it becomes known to be fraud (NEVER: not), is_passed: 1 where it
    went through.
    """

    request: Array
    time_ns: Array
    card: Array
    merchant: Array
    cents: Array
    decision: Array
    version: Array
    value: Array
    fraud: Array
    report_ns: Array
    bits: Array
    inputs: Array
    resolved_ns: Array
    known_ns: Array
    is_passed: Array


_NONE = np.zeros(0, np.int64)
NO_PAYMENTS = Decided._make([*[_NONE] * 11, np.zeros((0, INPUTS), np.float32), *[_NONE] * 3])


class Totals:
    """What the bank counts by scrape interval; names of metrics are in `METRICS`."""

    METRICS = (
        "payment.count", "payment.declined.count", "payment.held.count", "review.closed.count", "fraud.loss.eur",
        "fraud.known.count", "fraud.stopped.count", "payment.flagged.ripe.count", "payment.flagged.fraud.count",
    )  # fmt: skip

    def __init__(self, start_ns: int, interval_ns: int, window_ns: int) -> None:
        self._window_ns = window_ns
        self.sums = {name: EventSums(start_ns, interval_ns) for name in self.METRICS}

    def decided(self, payments: Decided) -> None:
        """Counts payments when they are decided."""
        self.sums["payment.count"].add(payments.time_ns)
        self.sums["payment.declined.count"].add(payments.time_ns[payments.decision == DECLINE])
        self.sums["payment.held.count"].add(payments.time_ns[payments.decision == REVIEW])

    def resolved(self, payments: Decided) -> None:
        """Counts payments whose end is clear: what will be known of them, and when."""
        known = payments.known_ns >= 0
        stopped = payments.decision != APPROVE
        lost = known & (payments.is_passed > 0)
        ripe_ns = payments.time_ns + self._window_ns
        is_label = known & (payments.known_ns <= ripe_ns)
        self.sums["review.closed.count"].add(payments.resolved_ns[payments.decision == REVIEW])
        self.sums["fraud.loss.eur"].add(payments.known_ns[lost], payments.cents[lost])
        self.sums["fraud.known.count"].add(payments.known_ns[known])
        self.sums["fraud.stopped.count"].add(payments.known_ns[known & stopped])
        self.sums["payment.flagged.ripe.count"].add(ripe_ns[stopped])
        self.sums["payment.flagged.fraud.count"].add(ripe_ns[stopped & is_label])

    def sum_until(self, now_ns: int) -> None:
        """Nothing that happened before now is still to be counted."""
        for sums in self.sums.values():
            sums.sum_until(now_ns)

    def between(self, edges_ns: Array) -> dict[str, Array]:
        """By metric, what there was in each interval."""
        found = {name: sums.between(edges_ns) for name, sums in self.sums.items()}
        return found | {"fraud.loss.eur": found["fraud.loss.eur"] / 100.0}

    def copy(self) -> Totals:
        """One that goes on for itself."""
        copied = copy.copy(self)
        copied.sums = {name: sums.copy() for name, sums in self.sums.items()}
        return copied


class Ledger:
    """Held payments until somebody decides, and what analysts looked at before the payment's end was seen."""

    def __init__(self, hour_ns: int) -> None:
        self._hold_ns = round(HOLD_H * hour_ns)
        self.held = NO_PAYMENTS
        self._looked = (_NONE, _NONE)

    def copy(self) -> Ledger:
        """One that goes on for itself."""
        return copy.copy(self)

    def take(self, payments: Decided, looked_at: Array, looked_ns: Array, now_ns: int) -> Decided:
        """Takes payments that were decided and those that analysts looked at, up to now; which ones are resolved."""
        at_once = chosen(payments, payments.decision != REVIEW)
        passed = (at_once.decision == APPROVE).astype(np.int64)
        straight = self._resolved(at_once, at_once.time_ns, passed, np.zeros(len(passed), bool))
        held = joined([self.held, chosen(payments, payments.decision == REVIEW)])
        requests = np.concatenate([self._looked[0], looked_at])
        times_ns = np.concatenate([self._looked[1], looked_ns])
        order = np.argsort(requests, kind="stable")
        requests, times_ns = requests[order], times_ns[order]
        until_ns = held.time_ns + self._hold_ns
        seen_ns = np.full(len(held.request), np.iinfo(np.int64).max)
        if len(requests):
            place = np.minimum(np.searchsorted(requests, held.request), len(requests) - 1)
            seen_ns = np.where(requests[place] == held.request, np.maximum(times_ns[place], held.time_ns), seen_ns)
        looked = seen_ns <= np.minimum(until_ns, now_ns)
        released = ~looked & (until_ns <= now_ns)
        by_analyst, of_nobody = chosen(held, looked), chosen(held, released)
        self.held = chosen(held, ~(looked | released))
        # What was seen for a payment that has not ended waits for it; all else is done with.
        waits = ~np.isin(requests, held.request) & (times_ns > now_ns - self._hold_ns)
        self._looked = (requests[waits], times_ns[waits])
        is_fraud = by_analyst.fraud > 0
        found = is_fraud & ((by_analyst.bits >> BIT_FOUND) & 1 > 0)
        suspected = ~is_fraud & ((by_analyst.bits >> BIT_SUSPECTED) & 1 > 0)
        parts = [
            straight,
            self._resolved(by_analyst, seen_ns[looked], (~found & ~suspected).astype(np.int64), found),
            self._resolved(of_nobody, until_ns[released], np.ones(len(of_nobody.request), np.int64), np.zeros(
                len(of_nobody.request), bool)),
        ]  # fmt: skip
        return joined(parts)

    @staticmethod
    def _resolved(payments: Decided, resolved_ns: Array, is_passed: Array, is_found: Array) -> Decided:
        known_ns = np.where(payments.report_ns >= 0, resolved_ns + payments.report_ns, NEVER)
        known_ns = np.where(is_found, resolved_ns, known_ns)
        return payments._replace(resolved_ns=resolved_ns, known_ns=known_ns, is_passed=is_passed)
