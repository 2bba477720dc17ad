"""Expressions that choose scenarios: words with `and`, `or`, `not` and parentheses, as pytest's `-k` takes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

Matcher = Callable[[Collection[str]], bool]
"""matcher(the words that a scenario is known by)"""

MAX_CHARACTERS = 1000
MAX_DEPTH = 50
"""Of parentheses and `not` within each other: they are read by recursion."""
_TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")
_OPERATORS = ("and", "or", "not")


def parse_expression(text: str) -> Matcher:
    """A matcher from `network and not (mild or silent)`; ValueError with the column and what was expected otherwise.

    A word matches where it is part of any word given, in large or small letters. `not` binds tightest, then `and`.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"column {MAX_CHARACTERS + 1}: expected at most {MAX_CHARACTERS} characters")
    return _Parser(text).whole()


@dataclass(frozen=True)
class _Token:
    text: str
    column: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = [_Token(found[1], found.start(1) + 1) for found in _TOKEN.finditer(text)]
        self._end = _Token("", len(text) + 1)
        self._next = 0
        self._depth = 0

    def whole(self) -> Matcher:
        matcher = self._either()
        if self._peek() is not self._end:
            raise self._wrong("'and', 'or' or the end")
        return matcher

    def _either(self) -> Matcher:
        matcher = self._both()
        while self._accept("or"):
            matcher = _or(matcher, self._both())
        return matcher

    def _both(self) -> Matcher:
        matcher = self._one()
        while self._accept("and"):
            matcher = _and(matcher, self._one())
        return matcher

    def _one(self) -> Matcher:
        token = self._peek()
        if token.text in ("not", "("):
            if self._depth == MAX_DEPTH:
                raise ValueError(f"column {token.column}: expected at most {MAX_DEPTH} levels of '(' and 'not'")
            self._depth += 1
            matcher = self._within()
            self._depth -= 1
            return matcher
        if token is self._end or token.text == ")" or token.text in _OPERATORS:
            raise self._wrong("a word, 'not' or '('")
        self._next += 1
        return _word(token.text.lower())

    def _within(self) -> Matcher:
        if self._accept("not"):
            return _not(self._one())
        self._next += 1
        matcher = self._either()
        if not self._accept(")"):
            raise self._wrong("')'")
        return matcher

    def _peek(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else self._end

    def _accept(self, text: str) -> bool:
        accepted = self._peek().text == text
        self._next += accepted
        return accepted

    def _wrong(self, expected: str) -> ValueError:
        token = self._peek()
        seen = repr(token.text) if token.text else "the end"
        return ValueError(f"column {token.column}: expected {expected}, seen {seen}")


def _word(part: str) -> Matcher:
    return lambda words: any(part in word.lower() for word in words)


def _not(matcher: Matcher) -> Matcher:
    return lambda words: not matcher(words)


def _and(one: Matcher, other: Matcher) -> Matcher:
    return lambda words: one(words) and other(words)


def _or(one: Matcher, other: Matcher) -> Matcher:
    return lambda words: one(words) or other(words)
