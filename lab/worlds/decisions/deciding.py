"""What the request engine asks in its loop: a payment's score, whether its merchant is blocked, whether it is held."""

from __future__ import annotations

from typing import Any

from lab.compiled import kernel
from lab.content.operations import (
    ASK_ARGUMENT,
    ASK_MARKS,
    ASK_OWN,
    ASK_SLOT,
    ASK_VERSION,
    SLOT_EPOCH,
    SLOT_KEY,
    SLOT_ROW,
    SLOT_WORDS,
)
from lab.worlds.decisions.score_tables import *
from lab.worlds.decisions.scoring import score

OF_CARD, OF_MERCHANT = ASK_SLOT + CARD_SLOT * SLOT_WORDS, ASK_SLOT + MERCHANT_SLOT * SLOT_WORDS


@kernel
def score_asked(t: ScoreTables, asked: Any) -> int:
    """The score of the payment that is asked about, in millionths."""
    card, merchant = -1, -1
    epoch = asked[OF_CARD + SLOT_EPOCH]
    if epoch >= 0:
        card = t.card_slot[epoch & EPOCH_MASK] * t.size[SIZE_CARDS] + asked[OF_CARD + SLOT_ROW]
    epoch = asked[OF_MERCHANT + SLOT_EPOCH]
    if epoch >= 0:
        merchant = t.merchant_slot[epoch & EPOCH_MASK] * t.size[SIZE_MERCHANTS] + asked[OF_MERCHANT + SLOT_ROW]
    amount_eur = asked[ASK_OWN + OWN_AMOUNT] / 100.0
    hour, device, country = asked[ASK_OWN + OWN_HOUR], asked[ASK_OWN + OWN_DEVICE], asked[ASK_OWN + OWN_COUNTRY]
    return score(t, asked[ASK_VERSION], amount_eur, hour, device, country, card, merchant)


def decide(t: ScoreTables, asked: Any) -> int:
    """The score, in millionths; or 1 where what ASK_FOR_BLOCK or ASK_FOR_HOLD asks is so, else 0."""
    argument = asked[ASK_ARGUMENT]
    answer = 0
    if argument == ASK_FOR_SCORE:
        answer = score_asked(t, asked)
    elif argument == ASK_FOR_BLOCK:
        answer = t.blocked[asked[OF_MERCHANT + SLOT_KEY]]
    else:
        answer = (asked[ASK_MARKS] >> MARK_HELD) & 1
    return answer
