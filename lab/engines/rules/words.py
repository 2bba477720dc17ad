"""How the reasons of an answer are worded: numbers as people write them, and sentences that follow from each other."""

from __future__ import annotations

from collections.abc import Sequence

from lab.files.units import LONG_S, MINUTES_FROM_S, long_duration
from lab.signals.catalogue import spec_of

BECAUSE = "because "
THOUSANDS_FROM, NOTHING_BELOW = 1000.0, 0.0005
"""Numbers that are written in full, and those that nobody tells from 0."""


def humanised(signal: str, value: float) -> str:
    """A level of a signal in its unit: `5.4 %`, `6.5 d`, `12,400`."""
    unit = spec_of(signal).unit
    if unit == "ratio":
        return f"{value * 100:.1f}".removesuffix(".0") + " %"
    if unit == "s" and abs(value) >= LONG_S:
        return long_duration(value)
    if unit == "s" and abs(value) >= MINUTES_FROM_S:
        return f"{value / 60:.3g} min"
    if unit == "s":
        return f"{value * 1000:.1f} ms" if abs(value) < 1 else f"{value:.0f} s"
    if abs(value) >= THOUSANDS_FROM:
        return f"{value:,.0f}"
    return "0" if abs(value) < NOTHING_BELOW else f"{value:.3g}"


def chained(groups: Sequence[Sequence[str]]) -> list[str]:
    """The sentences of a why-chain: what opens it is because of the next. Those of a group say the same of several."""
    said = [text if not place else _also(text) for group in groups for place, text in enumerate(group)]
    return [text.removeprefix(BECAUSE) if not place else text for place, text in enumerate(said)]


def _also(text: str) -> str:
    return f"and {text.removeprefix(BECAUSE)}" if text.startswith(BECAUSE) else text
