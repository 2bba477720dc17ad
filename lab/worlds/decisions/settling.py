"""Payments that ended, with what was decided of them and the inputs that their score was of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.content.operations import FROM_NOWHERE
from lab.content.protocol import Done
from lab.recording.status import OK
from lab.worlds.decisions.features import Asked, impute, model_inputs
from lab.worlds.decisions.layout import TABLES
from lab.worlds.decisions.ledger import NEVER, Decided
from lab.worlds.decisions.rules import APPROVE, DECLINE, REVIEW
from lab.worlds.decisions.score_tables import (
    CARD_SLOT,
    INPUTS,
    MARK_DECLINED,
    MARK_HELD,
    MERCHANT_SLOT,
    OWN_AMOUNT,
    OWN_BITS,
    OWN_COUNTRY,
    OWN_DEVICE,
    OWN_FRAUD,
    OWN_HOUR,
    OWN_REPORT,
)
from lab.worlds.kit.epochs import Epochs

Array = npt.NDArray[Any]


def decided(done: Done, tables: Sequence[Epochs]) -> Decided:
    """The payments of a block that were answered, by what marks say: declined, held, else approved."""
    which = np.flatnonzero((done.status == OK) & (done.keys[:, CARD_SLOT] >= 0))
    of = Done(*(column[which] for column in done))
    decision = np.where((of.marks >> MARK_HELD) & 1 > 0, REVIEW, APPROVE)
    decision[(of.marks >> MARK_DECLINED) & 1 > 0] = DECLINE
    never = np.full(len(which), NEVER)
    return Decided(
        request=of.request,
        time_ns=of.end_ns,
        card=of.keys[:, CARD_SLOT],
        merchant=of.keys[:, MERCHANT_SLOT],
        cents=of.own[:, OWN_AMOUNT],
        decision=decision,
        version=of.version,
        value=of.value,
        fraud=of.own[:, OWN_FRAUD],
        report_ns=of.own[:, OWN_REPORT],
        bits=of.own[:, OWN_BITS],
        inputs=_inputs(of, tables),
        resolved_ns=never,
        known_ns=never,
        is_passed=never,
    )


def _inputs(of: Done, tables: Sequence[Epochs]) -> Array:
    """The model's inputs (n, inputs) of the payments that a model scored, else NaN."""
    inputs = np.full((len(of.request), INPUTS), np.nan, np.float32)
    which = np.flatnonzero(of.version > 0)
    rows = []
    for slot, (name, table) in enumerate(zip(TABLES, tables, strict=True)):
        row = np.full((len(which), table.seen.shape[2]), np.nan)
        came = np.flatnonzero(of.source[which, slot] != FROM_NOWHERE)
        at = which[came]
        row[came] = table.seen[table.slots(of.epoch[at, slot]), of.row[at, slot]]
        rows.append(impute(row, name))
    own = of.own[which]
    asked = Asked(own[:, OWN_AMOUNT] / 100.0, own[:, OWN_HOUR], own[:, OWN_DEVICE], own[:, OWN_COUNTRY])
    inputs[which] = model_inputs(asked, *rows)
    return inputs
