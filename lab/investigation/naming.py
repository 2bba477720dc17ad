"""Names of participants: those that look alike are one, and those of the lab are not to be had."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from unicodedata import category, normalize

from lab.files.texts import JOINERS
from lab.investigation.recordings import ENGINES
from lab.investigation.refusals import RefusedError

RESERVED = ("instructor", "you", *ENGINES)
"""Who else stands in a group's lists: a participant of that name would be taken for them."""
_SELECTORS = range(0xFE00, 0xFE10)
"""Code points that choose between forms of the sign before them."""


def key_of(name: str) -> str:
    """What names that look alike share: whatever their capitals, widths, compositions and unseen signs."""
    seen = (sign for sign in normalize("NFKC", name) if category(sign) != "Cf" and ord(sign) not in _SELECTORS)
    return " ".join(normalize("NFKC", "".join(seen).casefold()).split())


def is_seen(sign: str, before: str, after: str) -> bool:
    """Whether a sign of a name shows, given those beside it ("" for none): a joiner does between letters or emoji."""
    if sign in JOINERS:
        return all(other and not other.isspace() and other not in JOINERS for other in (before, after))
    return category(sign)[0] != "C" and category(sign) not in ("Zl", "Zp")


def refuse_taken(name: str, others: Iterable[str], reserved: Collection[str] = RESERVED) -> None:
    """RefusedError for the name of somebody else, of an engine, or of the instructor."""
    key = key_of(name)
    if key in map(key_of, reserved):
        raise RefusedError("this name stands for somebody else in the lists of a group", hint="choose another one")
    if key in map(key_of, others):
        hint = "choose another one; if it is you, open your personal link, or ask the instructor for a new one"
        raise RefusedError("somebody here has this name", hint=hint)
