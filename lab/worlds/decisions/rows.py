"""Tables of a recording: whose rows of features were served, and decisions with their outcomes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.content.protocol import Columns
from lab.recording.arrow import coded_array
from lab.worlds.decisions.features import CARD_NAMES, INPUT_NAMES, MERCHANT_NAMES
from lab.worlds.decisions.layout import TABLES
from lab.worlds.decisions.ledger import NO_PAYMENTS, Decided
from lab.worlds.decisions.rules import DECISIONS
from lab.worlds.kit.rows import WaitingRows
from lab.worlds.kit.served import ServedRows

Array = npt.NDArray[Any]

NAMES = (*CARD_NAMES, *MERCHANT_NAMES)


def entities(rows: ServedRows) -> Columns:
    """Of which table the rows are, and of which card or merchant."""
    return {"table": coded_array(rows.slot, TABLES), "entity_id": rows.key}


class DecisionLog:
    """Payments decided since the recording began; each is final when its label window has closed."""

    def __init__(self, start_ns: int, window_ns: int, component: str) -> None:
        self._start_ns = start_ns
        self._window_ns = window_ns
        self._component = component
        self._payments = WaitingRows(NO_PAYMENTS, start_ns, window_ns)

    def add(self, payments: Decided) -> None:
        """Adds payments whose end is clear."""
        self._payments.add(payments)

    def final(self, until_ns: int) -> Columns:
        """Those whose label window has closed by `until_ns`, once."""
        return self._columns(self._payments.final(until_ns), until_ns)

    def pending(self, until_ns: int, held: Decided) -> Columns:
        """Those up to `until_ns` that are not final; `held` are payments whose end is not clear."""
        return self._columns(self._payments.pending(until_ns, held), until_ns)

    def copy(self) -> DecisionLog:
        """One that goes on for itself."""
        copied = DecisionLog(self._start_ns, self._window_ns, self._component)
        copied._payments = self._payments.copy()
        return copied

    def _columns(self, of: Decided, until_ns: int) -> Columns:
        """What comes after `until_ns` is unknown."""
        closed = of.time_ns + self._window_ns <= until_ns
        is_fraud = (of.known_ns >= 0) & (of.known_ns <= of.time_ns + self._window_ns)
        delay_s = np.round((of.known_ns - of.time_ns) / NS, 3)
        by_input = np.ascontiguousarray(of.inputs.T)
        columns = {
            "request": of.request,
            "time_s": (of.time_ns - self._start_ns) / NS,
            "service.name": coded_array(np.zeros(len(of.request), np.int64), [self._component]),
            "card_id": of.card,
            "merchant_id": of.merchant,
            "amount_eur": of.cents / 100.0,
            "model_version": of.version,
            "score": np.where(of.value >= 0, of.value / 1e6, np.nan),
            "decision": coded_array(of.decision, DECISIONS),
            "outcome": np.where(closed, is_fraud.astype(float), np.nan),
            "label_delay_s": np.where(closed & is_fraud, delay_s, np.nan),
        }
        return columns | {f"input.{name}": by_input[i] for i, name in enumerate(INPUT_NAMES)}
