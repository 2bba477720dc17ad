"""Texts of files that people read: something is to be seen in them, and nothing that changes how the rest is shown."""

from __future__ import annotations

import unicodedata
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

MAX_LINE, MAX_TEXT = 120, 4_000
JOINERS = "\u200c\u200d"
"""Signs that cannot be seen, and are part of how Persian, Hindi and emoji are written."""


class TextError(ValueError):
    """A text that people cannot read; `hint` says what to do."""

    def __init__(self, expected: str, hint: str) -> None:
        super().__init__(f"expected {expected}")
        self.hint = hint


def _line(value: str) -> str:
    return _readable(value, "one line of text that can be seen", "")


def _text(value: str) -> str:
    return _readable(value, "text that can be seen", "\n")


def _readable(value: str, expected: str, allowed: str) -> str:
    if not value.strip():
        raise TextError(expected, "write something, or leave it out")
    for at, sign in enumerate(value, 1):
        category = unicodedata.category(sign)
        if sign not in allowed + JOINERS and category in ("Cc", "Cf", "Zl", "Zp", "Cs"):
            name = "a line break" if sign in "\n\r\u2028\u2029" else f"U+{ord(sign):04X}"
            raise TextError(expected, f"character {at} is {name}, which is a control sign: take it out")
    return value


Line: TypeAlias = Annotated[str, Field(min_length=1, max_length=MAX_LINE), AfterValidator(_line)]
"""A title: one line."""
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_text)]
"""Some lines of text."""
