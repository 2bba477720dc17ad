"""Personal codes: what brings participants back to their sessions, short enough to be read out and typed."""

from __future__ import annotations

import secrets

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Digits and letters without i, l, o and u: five bits a sign."""
LENGTH, GROUP = 16, 4
"""Signs of a code, which are 80 bits, and of each of its groups."""
_MISREAD = str.maketrans("ilo", "110", " -\t")


def new_code() -> str:
    """A random code, such as `k7qx-m2pd-9rta-w3h5`."""
    return _grouped("".join(secrets.choice(ALPHABET) for _ in range(LENGTH)))


def as_typed(text: str) -> str:
    """The code that somebody typed in capitals, without dashes, or with an o for 0; what is no code as it is."""
    signs = text.lower().translate(_MISREAD)
    return _grouped(signs) if len(signs) == LENGTH and set(signs) <= set(ALPHABET) else text


def _grouped(signs: str) -> str:
    return "-".join(signs[start : start + GROUP] for start in range(0, LENGTH, GROUP))
