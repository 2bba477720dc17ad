"""How outcomes look: a symbol and a word each, so that colour is never the only sign."""

from __future__ import annotations

from typing import NamedTuple

from lab.contracts import Outcome


class Sign(NamedTuple):
    """A symbol, its word, and the name of its colour."""

    symbol: str
    word: str
    css: str


SIGNS = {
    Outcome.PASS: Sign("✓", "pass", "pass"),
    Outcome.FAIL: Sign("✗", "fail", "fail"),
    Outcome.INCONCLUSIVE: Sign("?", "inconclusive", "unknown"),
}
HIT = Sign("✓", "hit", "pass")
NEAR = Sign("≈", "near", "near")
MISS = Sign("✗", "miss", "fail")
NOT_APPLICABLE = Sign("–", "does not apply", "none")
NOT_ASKED = Sign("·", "not graded", "none")
