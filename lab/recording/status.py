"""How a call ended; one code for simulator and stack."""

from __future__ import annotations

OK, MISS, ERROR, TIMEOUT, REFUSED, RESET, UNAVAILABLE, DEPENDENCY, EXHAUSTED = range(9)

NAMES = ("ok", "miss", "error", "timeout", "refused", "reset", "unavailable", "dependency_failed", "exhausted")
"""Span attribute `lab.status` by code. A miss is an answer, not a failure."""
ANSWERED = frozenset(NAMES[: MISS + 1])
