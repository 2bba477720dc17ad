"""What a page holds and should not show at once: encoded, so that whoever reads its source does not stumble upon it.

This is no secret: the page can read it, so whoever reads the script can, too. It keeps an honest reader from seeing the
truth by accident, and a search for a fault's name from finding it; it keeps no one from cheating.
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

_WORD = 0xFFFFFFFF


def veiled(content: Any, salt: str) -> str:
    """JSON content as base64 of its bytes, each changed by a keystream that follows from `salt`. `page.js` reads it."""
    plain = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    # Equal lengths tell nothing of what is inside: how long a kind's name is, for instance.
    plain += b" " * (-len(plain) % 4096)
    state = _seed(salt)
    changed = bytearray()
    for byte in plain:
        state, drawn = _next(state)
        changed.append(byte ^ (drawn & 0xFF))
    return b64encode(bytes(changed)).decode()


def salt_of(*contents: Any) -> str:
    """A salt that follows from the contents: the same page has the same bytes, and another one other ones."""
    return sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()[:32]


def _seed(salt: str) -> int:
    """FNV-1a."""
    found = 0x811C9DC5
    for byte in salt.encode():
        found = ((found ^ byte) * 0x01000193) & _WORD
    return found


def _next(state: int) -> tuple[int, int]:
    """Mulberry32: a new state, and what is drawn."""
    state = (state + 0x6D2B79F5) & _WORD
    mixed = ((state ^ (state >> 15)) * (state | 1)) & _WORD
    mixed ^= (mixed + (((mixed ^ (mixed >> 7)) * (mixed | 61)) & _WORD)) & _WORD
    return state, (mixed ^ (mixed >> 14)) & _WORD
