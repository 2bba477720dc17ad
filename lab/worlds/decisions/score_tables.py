"""Tables of the kernel that scores a payment in the request engine's loop: what each word of a row is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.worlds.decisions.features import DEFAULTS, INPUT_NAMES
from lab.worlds.decisions.registration import CARD_TABLE, MERCHANT_TABLE
from lab.worlds.decisions.training import Model

Array = npt.NDArray[Any]

CARD_SLOT, MERCHANT_SLOT = range(2)
"""A payment's own keys."""
OWN_AMOUNT, OWN_HOUR, OWN_DEVICE, OWN_COUNTRY, OWN_FRAUD, OWN_REPORT, OWN_BITS = range(7)
"""A payment's own numbers: cents, local hour, device, country; only the world looks at the others: its pattern of fraud
and 1 (0: genuine), ns until its chargeback (-1: none comes), BIT_*."""
OWN_COUNT = 7
BIT_FOUND, BIT_SUSPECTED = range(2)
"""Whether an analyst finds it where it is fraud, suspects it where it is not."""
ASK_FOR_SCORE, ASK_FOR_BLOCK, ASK_FOR_HOLD = range(3)
MARK_RULED, MARK_DECLINED, MARK_HELD = range(3)

CARD_WORDS, MERCHANT_WORDS, INPUTS = len(DEFAULTS[CARD_TABLE]), len(DEFAULTS[MERCHANT_TABLE]), len(INPUT_NAMES)
# node: of all trees of all versions. COMPARED: the input (-1 at a leaf); MICRO: what a leaf adds to the logit.
N_COMPARED, N_LEFT, N_RIGHT, N_MICRO = range(4)
# version: where its trees begin in `root`, how many they are, its baseline. Row 0 is no version.
V_FIRST, V_COUNT, V_BASELINE = range(3)
# scratch: imputed card row, imputed merchant row, inputs.
S_CARD, S_MERCHANT, S_INPUT = 0, CARD_WORDS, CARD_WORDS + MERCHANT_WORDS


class ScoreTables(NamedTuple):
    """int64, or float64 where a name ends in `_f`.

    card_f, merchant_f: a row for each key of each slot of an epoch, and as many cards, merchants as `size` says.
    card_slot, merchant_slot: the slot of an epoch, by its last bits (EPOCH_MASK). blocked: 1 for merchants on the block
    list. threshold_f: of each node. scratch_f: rows and inputs of the payment at hand.
    """

    card_f: Array
    merchant_f: Array
    card_slot: Array
    merchant_slot: Array
    size: Array
    blocked: Array
    node: Array
    threshold_f: Array
    root: Array
    version: Array
    card_default_f: Array
    merchant_default_f: Array
    scratch_f: Array


KINDS = {
    "card_f": f"f{CARD_WORDS}", "merchant_f": f"f{MERCHANT_WORDS}", "card_slot": "i", "merchant_slot": "i", "size": "i",
    "blocked": "i", "node": "i4", "threshold_f": "f", "root": "i", "version": "i3", "card_default_f": "f",
    "merchant_default_f": "f", "scratch_f": "f",
}  # fmt: skip
"""Of each table its numbers and how many a row."""
SIZE_CARDS, SIZE_MERCHANTS = range(2)
EPOCHS_KEPT = 4096
"""Epochs that may be named at a time: older ones have the same last bits as newer ones."""
EPOCH_MASK = EPOCHS_KEPT - 1


class Forest(NamedTuple):
    """The trees of versions 1, 2, … as tables."""

    node: Array
    threshold_f: Array
    root: Array
    version: Array


def forest(models: Sequence[Model]) -> Forest:
    """The tables of these versions, the first being version 1."""
    nodes, thresholds, versions = [np.zeros((0, 4), np.int64)], [np.zeros(0)], [(0, 0, 0)]
    roots: list[int] = []
    first = 0
    for model in models:
        of = model.entry["trees"]
        versions.append((len(roots), len(of), int(model.entry["baseline_micro"])))
        for tree in of:
            rows = np.array([tree["input"], tree["left"], tree["right"], tree["value_micro"]], np.int64).T
            rows[:, [N_LEFT, N_RIGHT]] += first
            roots.append(first)
            nodes.append(rows)
            thresholds.append(np.array(tree["threshold"], float))
            first += len(rows)
    return Forest(
        np.ascontiguousarray(np.concatenate(nodes)), np.concatenate(thresholds), np.array(roots, np.int64),
        np.array(versions, np.int64),
    )  # fmt: skip
