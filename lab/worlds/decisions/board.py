"""The tables of the scoring kernel: rows of the epochs that may be served, trees of the versions, the block list."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.worlds.decisions.features import DEFAULTS
from lab.worlds.decisions.population import Population
from lab.worlds.decisions.registration import CARD_TABLE, MERCHANT_TABLE
from lab.worlds.decisions.rules import block_list
from lab.worlds.decisions.score_tables import (
    CARD_SLOT,
    CARD_WORDS,
    EPOCH_MASK,
    EPOCHS_KEPT,
    INPUTS,
    MERCHANT_SLOT,
    MERCHANT_WORDS,
    S_INPUT,
    ScoreTables,
    forest,
)
from lab.worlds.decisions.training import Model
from lab.worlds.kit.epochs import Epochs

Array = npt.NDArray[Any]


class Board:
    """`tables` are what the kernel reads now."""

    def __init__(self, population: Population, rows: Sequence[Epochs], versions: Sequence[Model]) -> None:
        blocked = np.zeros(population.merchants_count, np.int64)
        blocked[block_list(population)] = 1
        self.tables = ScoreTables(
            card_f=_by_row(rows[CARD_SLOT], CARD_WORDS),
            merchant_f=_by_row(rows[MERCHANT_SLOT], MERCHANT_WORDS),
            card_slot=np.zeros(EPOCHS_KEPT, np.int64),
            merchant_slot=np.zeros(EPOCHS_KEPT, np.int64),
            size=np.array([population.cards_count, population.merchants_count]),
            blocked=blocked,
            card_default_f=DEFAULTS[CARD_TABLE],
            merchant_default_f=DEFAULTS[MERCHANT_TABLE],
            scratch_f=np.zeros(S_INPUT + INPUTS),
            **forest(versions)._asdict(),
        )

    def renew(self, rows: Sequence[Epochs]) -> None:
        """Follows both tables into a new epoch."""
        t = self.tables
        for slot_of, table in zip((t.card_slot, t.merchant_slot), rows, strict=True):
            current = np.array([table.current])
            slot_of[table.current & EPOCH_MASK] = table.slots(current)[0]
        self.tables = t._replace(
            card_f=_by_row(rows[CARD_SLOT], CARD_WORDS), merchant_f=_by_row(rows[MERCHANT_SLOT], MERCHANT_WORDS)
        )

    def load(self, versions: Sequence[Model]) -> None:
        """Has the trees of these versions."""
        self.tables = self.tables._replace(**forest(versions)._asdict())

    def copy(self, rows: Sequence[Epochs]) -> Board:
        """One for copies of the feature tables, that changes for itself."""
        copied, t = copy.copy(self), self.tables
        copied.tables = t._replace(
            card_f=_by_row(rows[CARD_SLOT], CARD_WORDS), merchant_f=_by_row(rows[MERCHANT_SLOT], MERCHANT_WORDS),
            card_slot=t.card_slot.copy(), merchant_slot=t.merchant_slot.copy(), scratch_f=t.scratch_f.copy(),
        )  # fmt: skip
        return copied


def _by_row(table: Epochs, words: int) -> Array:
    """The rows of all slots of a table's epochs, one below the other, in the same memory."""
    return table.seen.reshape(-1, words)
