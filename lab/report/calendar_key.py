"""The key to a calendar: every mark that is drawn in it, and no other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """What a mark looks like (`css`, `sign`), and what it means. `WORD` in the words stands for people's word."""

    mark: str
    css: str
    sign: str
    words: str


_ALL = (
    KeyEntry("first", "rule first", "", "where the change named at the top began"),
    KeyEntry("since", "rule since", "", "where the fault began"),
    KeyEntry("fault", "fault", "", "the fault, while it was there"),
    KeyEntry("effect", "effect", "⚑", "its first effect"),
    KeyEntry("decoy", "decoy", "◆", "benign"),
    KeyEntry("onset", "onset", "●", "onset found"),
    KeyEntry("truly", "truly", "●", "the fault moved it, in truth"),
    KeyEntry("change", "change", "▲", "announced"),
    KeyEntry("clock", "clock", "◷", "clocks were changed"),
    KeyEntry("action", "action", "■", "an action"),
    KeyEntry("alert", "alert", "!", "an alert begins; it lasts while the bar does"),
    KeyEntry("many", "", "2", "so many at once"),
    KeyEntry("usual", "usual", "", "usual: between what it was at first, with some room"),
    KeyEntry("limit", "limit", "", "an alert waits for this"),
    KeyEntry("without", "without", "", "without the fault"),
    KeyEntry("ok", "ok", "", "the run was well"),
    KeyEntry("retried", "retried", "↻", "failed, then succeeded"),
    KeyEntry("late", "late", "»", "late"),
    KeyEntry("failed", "failed", "✗", "failed"),
    KeyEntry("skipped", "skipped", "–", "did not start"),
    KeyEntry("missing", "missing", "?", "due, and not seen"),
    KeyEntry("in-use", "in-use", "3", "in use from here on"),
    KeyEntry("new", "box", "", "new content"),
    KeyEntry("repeated", "box", "=", "the same content as before"),
    KeyEntry("kept", "thin", "", "not written"),
    KeyEntry("unwritten", "box", "✗", "the write failed"),
    KeyEntry("again", "box again", "×2", "written so many times"),
    KeyEntry("behind", "old", "−1", "its data ends so many WORDs earlier than usual"),
    KeyEntry("drift", "drift", ".3", "values lie so far from the first ones (PSI)"),
    KeyEntry("column-new", "sign", "+", "the column is new"),
    KeyEntry("column-gone", "sign", "−", "the column is gone"),
    KeyEntry("column-type", "sign", "T", "the column has another type"),
    KeyEntry("column-null", "sign", "∅", "more rows than usual have no value"),
)


def key_of(marks: Iterable[str], word: str) -> tuple[KeyEntry, ...]:
    """The entries of those marks, in the order in which a calendar has them."""
    drawn = set(marks)
    missing = drawn - {one.mark for one in _ALL}
    assert not missing, f"marks without an entry in the key: {missing}"
    return tuple(
        KeyEntry(one.mark, one.css, one.sign, one.words.replace("WORD", word)) for one in _ALL if one.mark in drawn
    )
