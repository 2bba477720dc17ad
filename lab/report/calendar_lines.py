"""Indicators of a calendar as lines over its columns: what was, what would have been without the fault, and between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from lab.report.format import quantity
from lab.report.svg import Axis, Element, add, drawing, markup, pixels, tooltip
from lab.signals.periods.shapes import IndicatorRow, Period

HEIGHT, MARGIN = 40, 4
LEAST_RANGE = 0.15
"""Of an indicator's level, that its row is high."""
COLUMN = 10
"""Of the picture's own measures; it is stretched over the columns of the calendar."""

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class LineRow:
    """An indicator: levels in its first and its last period, the last one without the fault too where that differs.

    `usual`: between which levels it is as at first; `limit`: what an alert waits for; empty where there is none. `low`
    and `high` are the ends of its scale. `marks`: as of a cell.
    """

    name: str
    doc: str
    first: str
    last: str
    without: str
    usual: str
    limit: str
    low: str
    high: str
    svg: Markup
    marks: tuple[str, ...]


def line_row(
    row: IndicatorRow, periods: Sequence[Period], without: Values, since: Sequence[int], first: int | None = None
) -> LineRow:
    """One indicator. `without`: values by period had there been no fault, none where there was none. `since`, `first`:
    places of lines through the calendar.
    """
    known = [value for value in row.values if value is not None]
    other = [value for value in without if value is not None]
    low, high = scale_of(row, without)
    svg = _drawn(row, periods, without, ({} if first is None else {first: "first"}) | dict.fromkeys(since, "since"))
    usual = (
        "" if row.usual_low is None else f"{quantity(row.usual_low, row.unit)} to {quantity(row.usual_high, row.unit)}"
    )
    bounds = [
        f"{word} {quantity(bound, row.unit)}"
        for word, bound in (("above", row.above), ("below", row.below))
        if bound is not None
    ]
    drawn = {"usual": bool(usual), "limit": _is_drawn(_limit(row), low, high), "without": bool(other)}
    return LineRow(
        name=row.signal,
        doc=row.doc,
        first=quantity(known[0] if known else None, row.unit),
        last=quantity(known[-1] if known else None, row.unit),
        without=quantity(other[-1], row.unit) if other and known and other[-1] != known[-1] else "",
        usual=usual,
        limit=bounds[0] if bounds else "",
        low=quantity(low, row.unit),
        high=quantity(high, row.unit),
        svg=svg,
        marks=tuple(mark for mark, is_drawn in drawn.items() if is_drawn),
    )


def scale_of(row: IndicatorRow, without: Values = ()) -> tuple[float, float]:
    """From the lowest to the highest level that its row shows."""
    shown = (*row.values, *without, row.usual_low, row.usual_high)
    return _range([value for value in shown if value is not None])


def _limit(row: IndicatorRow) -> float | None:
    return row.above if row.above is not None else row.below


def _is_drawn(limit: float | None, low: float, high: float) -> bool:
    return limit is not None and low <= limit <= high


def _drawn(row: IndicatorRow, periods: Sequence[Period], without: Values, through: Mapping[int, str]) -> Markup:
    low, high = scale_of(row, without)
    y = Axis(low, high, HEIGHT - MARGIN, MARGIN)
    root = drawing(COLUMN * len(periods), HEIGHT, row.signal, row.doc)
    root.set("preserveAspectRatio", "none")
    if row.usual_low is not None and row.usual_high is not None:
        top, bottom = y(row.usual_high), y(row.usual_low)
        add(root, "rect", "usual", x=0, y=pixels(top), width=COLUMN * len(periods), height=pixels(bottom - top))
    for place, css in through.items():
        add(root, "path", css, d=f"M{COLUMN * place} 0V{HEIGHT}")
    limit = _limit(row)
    if limit is not None and _is_drawn(limit, low, high):
        add(root, "path", "limit", d=f"M0 {pixels(y(limit))}H{COLUMN * len(periods)}")
    _band(root, row.values, without, y)
    for css, values in (("without", without), ("line", row.values)):
        for run in _runs(values):
            line = "L".join(f"{_x(place)} {pixels(y(value))}" for place, value in run)
            add(root, "path", css, d=f"M{line}" if len(run) > 1 else f"M{line}h1")
    _tips(root, row, periods, without)
    return markup(root)


def _range(known: Sequence[float]) -> tuple[float, float]:
    """From the lowest to the highest value, and so much more that what hardly moves looks as if it hardly moved."""
    low, high = (min(known), max(known)) if any(known) else (0.0, 1.0)
    missing = LEAST_RANGE * max(abs(low), abs(high)) - (high - low)
    return (low - missing / 2, high + missing / 2) if missing > 0 else (low, high)


def _x(place: int) -> str:
    return pixels(COLUMN * (place + 0.5))


def _runs(values: Values) -> Iterator[list[tuple[int, float]]]:
    """Stretches of places with values."""
    for is_known, of in groupby(enumerate(values), key=lambda one: one[1] is not None):
        if is_known:
            yield [(place, value) for place, value in of if value is not None]


def _band(root: Element, values: Values, without: Values, y: Axis) -> None:
    """What lies between the two lines: the fault's true effect."""
    both = [None if one is None or other is None else (one, other) for one, other in zip(values, without, strict=False)]
    for is_known, of in groupby(enumerate(both), key=lambda one: one[1] is not None):
        run = [(place, *pair) for place, pair in of if pair is not None]
        if is_known and len(run) > 1:
            there = "L".join(f"{_x(place)} {pixels(y(value))}" for place, value, _ in run)
            back = "L".join(f"{_x(place)} {pixels(y(other))}" for place, _, other in reversed(run))
            add(root, "path", "between", d=f"M{there}L{back}Z")


def _tips(root: Element, row: IndicatorRow, periods: Sequence[Period], without: Values) -> None:
    for place, period in enumerate(periods):
        told = quantity(row.values[place], row.unit)
        if place < len(without) and without[place] is not None:
            told += f", without the fault {quantity(without[place], row.unit)}"
        spot = add(root, "rect", "spot", x=COLUMN * place, y=0, width=COLUMN, height=HEIGHT)
        tooltip(spot, f"{period.name}: {told}")
