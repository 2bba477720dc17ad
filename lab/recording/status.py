"""How a call ended; one code for simulator and stack."""

from __future__ import annotations

OK, MISS, ERROR, TIMEOUT, REFUSED, RESET, UNAVAILABLE, DEPENDENCY = range(8)

NAMES = ("ok", "miss", "error", "timeout", "refused", "reset", "unavailable", "dependency_failed")
"""Span attribute `lab.status` by code. A miss is an answer, not a failure."""
ANSWERED = frozenset(NAMES[: MISS + 1])
