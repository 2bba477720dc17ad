"""Tables of a recording: features served, and decisions with their outcomes, as they become final."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.content.operations import FROM_STORE
from lab.content.protocol import Columns
from lab.recording.arrow import coded_array
from lab.worlds.decisions.features import CARD_NAMES, INPUT_NAMES, MERCHANT_NAMES
from lab.worlds.decisions.ledger import NO_PAYMENTS, Decided, chosen, joined
from lab.worlds.decisions.registration import CARD_TABLE, MERCHANT_TABLE
from lab.worlds.decisions.rules import DECISIONS
from lab.worlds.decisions.score_tables import MERCHANT_SLOT

Array = npt.NDArray[Any]


class Rows(NamedTuple):
    """Rows served (n,): to which payment, when, of which table (slot), for which key, from where (FROM_*).

    watermark_ns and written_ns: -1 for none. vectors (n, features of both tables): NaN in those of the other one.
    """

    request: Array
    time_ns: Array
    slot: Array
    key: Array
    source: Array
    watermark_ns: Array
    written_ns: Array
    vectors: Array


NAMES = (*CARD_NAMES, *MERCHANT_NAMES)
_NONE = np.zeros(0, np.int64)
_NO_ROWS = Rows._make([*[_NONE] * 7, np.zeros((0, len(NAMES)))])
TABLE_NAMES = (CARD_TABLE, MERCHANT_TABLE)


class ServedLog:
    """Rows served since the recording began; each is final when its time has passed."""

    def __init__(self, start_ns: int, sources: tuple[str, str, str]) -> None:
        self._start_ns = start_ns
        self._sources = sources
        self._rows = [_NO_ROWS]

    def add(self, rows: Rows) -> None:
        """Adds a block."""
        is_seen = rows.time_ns >= self._start_ns
        self._rows.append(Rows(*(column[is_seen] for column in rows)))

    def final(self, until_ns: int) -> Columns:
        """Those from before `until_ns`, once."""
        rows = Rows(*map(np.concatenate, zip(*self._rows, strict=True)))
        is_final = rows.time_ns < until_ns
        self._rows = [Rows(*(column[~is_final] for column in rows))]
        return self._columns(rows, is_final)

    def pending(self, until_ns: int) -> Columns:
        """Those up to `until_ns` that are not final."""
        rows = Rows(*map(np.concatenate, zip(*self._rows, strict=True)))
        return self._columns(rows, rows.time_ns <= until_ns)

    def copy(self) -> ServedLog:
        """One that goes on for itself."""
        copied = copy.copy(self)
        copied._rows = list(self._rows)
        return copied

    def _columns(self, rows: Rows, which: Array) -> Columns:
        rows = Rows(*(column[which] for column in rows))
        order = np.lexsort((rows.slot, rows.request, rows.time_ns))
        request, time_ns, slot, key, source, watermark_ns, written_ns, vectors = (column[order] for column in rows)
        row_age_s = np.where(watermark_ns >= 0, np.round((time_ns - watermark_ns) / NS, 3), np.nan)
        columns = {
            "request": request,
            "time_s": (time_ns - self._start_ns) / NS,
            "table": coded_array((slot == MERCHANT_SLOT).astype(np.int64), TABLE_NAMES),
            "entity_id": key,
            "source": coded_array(source, self._sources),
            "row_age_s": row_age_s,
            "entry_age_s": np.where(source == FROM_STORE, np.round((time_ns - written_ns) / NS, 3), np.nan),
        }
        by_feature = np.ascontiguousarray(vectors.T)
        return columns | {f"feature.{name}": by_feature[i] for i, name in enumerate(NAMES)}


class DecisionLog:
    """Payments decided since the recording began; each is final when its label window has closed."""

    def __init__(self, start_ns: int, window_ns: int, component: str) -> None:
        self._start_ns = start_ns
        self._window_ns = window_ns
        self._component = component
        self._payments = [NO_PAYMENTS]

    def add(self, payments: Decided) -> None:
        """Adds payments whose end is clear."""
        is_seen = payments.time_ns >= self._start_ns
        self._payments.append(payments if is_seen.all() else chosen(payments, is_seen))

    def final(self, until_ns: int) -> Columns:
        """Those whose label window has closed by `until_ns`, once."""
        payments = joined(self._payments)
        is_final = payments.time_ns + self._window_ns <= until_ns
        self._payments = [chosen(payments, ~is_final)]
        return self._columns(chosen(payments, is_final), until_ns)

    def pending(self, until_ns: int, held: Decided) -> Columns:
        """Those up to `until_ns` that are not final; `held` are payments whose end is not clear."""
        payments = joined([*self._payments, chosen(held, held.time_ns >= self._start_ns)])
        return self._columns(chosen(payments, payments.time_ns <= until_ns), until_ns)

    def copy(self) -> DecisionLog:
        """One that goes on for itself."""
        copied = copy.copy(self)
        copied._payments = list(self._payments)
        return copied

    def _columns(self, payments: Decided, until_ns: int) -> Columns:
        """Columns in order of time and request; what comes after `until_ns` is unknown."""
        of = chosen(payments, np.lexsort((payments.request, payments.time_ns)))
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
