"""Before/during panel: one signal over the run as a line, the fault window shaded, two levels dashed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from lab.report.format import Scale, Times, moment, quantity, scale, significant
from lab.report.svg import Axis, Element, add, drawing, markup, pixels, ticks, time_ticks, tooltip
from lab.systems.calendar import Calendar

Array = npt.NDArray[Any]
Window = tuple[float, float]

WIDTH, HEIGHT = 400, 185
LEFT, RIGHT, TOP, BOTTOM = 50, 52, 10, 30
MAX_POINTS = 300
ZERO_UNLESS_SPREAD_BELOW = 0.25
LABEL_HEIGHT = 13.0
NO_SAMPLE = "no sample"


@dataclass(frozen=True, slots=True)
class Line:
    """What a panel draws. Levels are None where nothing is known; `windows` are the faults' in scenario seconds."""

    name: str
    unit: str
    times_s: Array
    values: Array
    end_s: float
    before: float | None
    during: float | None
    windows: tuple[Window, ...]
    calendar: Calendar | None = None


class Thinned(NamedTuple):
    """A series as it is drawn: at each time the mean of `size` neighbours, the lowest and the highest of them.

    A neighbour that is missing is left out; NaN where all are. Times are those of the last neighbour.
    """

    times_s: Array
    means: Array
    lows: Array
    highs: Array
    size: int


def group_size(count: int) -> int:
    """How many neighbours of a series of `count` are drawn as one point."""
    return max(1, -(-count // MAX_POINTS))


def thinned(times_s: Array, values: Array) -> Thinned:
    """At most `MAX_POINTS` points. Means tell the level truly, and the range keeps the spikes."""
    size = group_size(len(values))
    if size == 1:
        return Thinned(times_s, values, values, values, size)
    starts = np.arange(0, len(values), size)
    known = ~np.isnan(values)
    count = np.add.reduceat(known, starts, dtype=np.int64)
    some = count > 0
    sums = np.add.reduceat(np.where(known, values, 0.0), starts)
    means = np.where(some, sums / np.maximum(count, 1), np.nan)
    lows = np.where(some, np.minimum.reduceat(np.where(known, values, np.inf), starts), np.nan)
    highs = np.where(some, np.maximum.reduceat(np.where(known, values, -np.inf), starts), np.nan)
    return Thinned(times_s[np.minimum(starts + size, len(values)) - 1], means, lows, highs, size)


def draw_spread(parent: Element, drawn: Thinned, x: Axis, y: Axis) -> None:
    """The band from the lowest to the highest of the neighbours of which a line shows the mean."""
    if drawn.size == 1:
        return
    known = np.concatenate([[False], ~np.isnan(drawn.means), [False]])
    edges = np.flatnonzero(np.diff(known.astype(int)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        xs = [x(t) for t in drawn.times_s[start:end]]
        there = path_data(xs, [y(v) for v in drawn.highs[start:end]])
        back = path_data(xs[::-1], [y(v) for v in drawn.lows[start:end][::-1]])
        add(parent, "path", "spread", d=f"{there}L{back[1:]}Z")


def path_data(xs: Sequence[float], ys: Sequence[float]) -> str:
    """Path of a polyline that is interrupted where a value is missing; a lone sample becomes a dot."""
    parts: list[str] = []
    drawn = 0
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if np.isnan(y):
            drawn = 0
            continue
        parts.append(f"{'L' if drawn else 'M'}{pixels(x)} {pixels(y)}")
        drawn += 1
        if drawn == 1 and (i + 1 == len(ys) or np.isnan(ys[i + 1])):
            parts.append("h0")
    return "".join(parts)


def gaps(times_s: Array, values: Array) -> list[Window]:
    """The stretches without a sample, each from the last interval that has one to the next."""
    missing = np.isnan(values)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(int)))
    step_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
    return [(float(times_s[a]) - step_s, float(times_s[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def draw_gaps(parent: Element, found: Sequence[Window], x: Axis, top_px: float, bottom_px: float, times: Times) -> None:
    """Missing samples as dashed frames."""
    for start_s, end_s in found:
        left, right = max(x(max(start_s, x.low)), x.start_px), x(min(end_s, x.high))
        band = add(parent, "rect", "gap", x=left, y=top_px, width=max(2.0, right - left), height=bottom_px - top_px)
        tooltip(band, f"{NO_SAMPLE}, {times.span(start_s, end_s)}")


def name_gaps(parent: Element, found: Sequence[Window], x: Axis, top_px: float) -> None:
    """Says at the widest gap what it is; drawn last, so that no line covers the word."""
    if found:
        start_s, end_s = max(found, key=lambda gap: (gap[1] - gap[0], -gap[0]))
        middle = (x(max(start_s, x.low)) + x(min(end_s, x.high))) / 2
        half = len(NO_SAMPLE) * 3.2
        at = min(max(middle, x.start_px + half), x.end_px - half)
        add(parent, "text", "tick gap-name", NO_SAMPLE, x=at, y=top_px + 10, text_anchor="middle")


def value_range(values: Array, levels: Sequence[float]) -> tuple[float, float]:
    """What the vertical axis spans: from zero, unless all values lie close together far from it."""
    everything = [*values[~np.isnan(values)].tolist(), *levels] or [0.0]
    low, high = min(everything), max(everything)
    if low >= 0 and (high - low) >= ZERO_UNLESS_SPREAD_BELOW * high:
        low = 0.0
    margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return (low if low == 0 else low - margin), high + margin


def shade(parent: Element, windows: Sequence[Window], x: Axis, top_px: float, bottom_px: float) -> None:
    """The fault windows as bands."""
    for start_s, end_s in windows:
        left, right = x(start_s), x(min(end_s, x.high))
        add(parent, "rect", "window", x=left, y=top_px, width=max(1.0, right - left), height=bottom_px - top_px)


def _axes(root: Element, x: Axis, y: Axis, shown: Scale, calendar: Calendar | None) -> None:
    levels = ticks(y.low * shown.factor, y.high * shown.factor, 4)
    for value in levels:
        at = y(value / shown.factor)
        # The unit is shown once, beside the highest number.
        unit = shown.unit if value == levels[-1] else ""
        add(root, "path", "grid", d=f"M{LEFT} {pixels(at)}H{WIDTH - RIGHT}")
        add(root, "text", "tick", f"{significant(value)} {unit}".strip(), x=LEFT - 6, y=at + 4, text_anchor="end")
    for time_s, name in time_ticks(x.high, 6, calendar):
        add(root, "path", "grid", d=f"M{pixels(x(time_s))} {HEIGHT - BOTTOM}v4")
        add(root, "text", "tick", name, x=x(time_s), y=HEIGHT - BOTTOM + 17, text_anchor="middle")
    add(root, "path", "axis", d=f"M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}")


def _levels(root: Element, line: Line, y: Axis) -> None:
    placed: list[float] = []
    first = "before" if line.windows or line.during is not None else "mean"
    for css, word, level in (("before", first, line.before), ("during", "during", line.during)):
        if level is None or not np.isfinite(level):
            continue
        at = y(level)
        add(root, "path", f"level {css}", d=f"M{LEFT} {pixels(at)}H{WIDTH - RIGHT}")
        label = min(max(at + 4, TOP + 8), HEIGHT - BOTTOM)
        if placed and abs(label - placed[0]) < LABEL_HEIGHT:
            # The later label steps aside, towards the side with room.
            label = placed[0] + (LABEL_HEIGHT if at > y(line.before or 0.0) else -LABEL_HEIGHT)
            label = placed[0] + LABEL_HEIGHT if label < TOP + 8 else label
        placed.append(label)
        add(root, "text", f"tick level-name {css}", word, x=WIDTH - RIGHT + 5, y=label)


def panel(line: Line) -> Markup:
    """The panel as SVG."""
    levels = [v for v in (line.before, line.during) if v is not None and np.isfinite(v)]
    low, high = value_range(line.values, levels)
    x = Axis(0.0, line.end_s, LEFT, WIDTH - RIGHT)
    y = Axis(low, high, HEIGHT - BOTTOM, TOP)
    before, during = quantity(line.before, line.unit), quantity(line.during, line.unit)
    change = f"before {before}, during {during}" if line.windows else f"mean {before}"
    root = drawing(WIDTH, HEIGHT, line.name, f"Line over {moment(line.end_s)} of the run: {change}.")
    shade(root, line.windows, x, TOP, HEIGHT - BOTTOM)
    drawn = thinned(line.times_s, line.values)
    missing = gaps(drawn.times_s, drawn.means)
    draw_gaps(root, missing, x, TOP, HEIGHT - BOTTOM, Times(line.end_s, line.calendar))
    _axes(root, x, y, scale(line.unit, max(abs(low), abs(high))), line.calendar)
    draw_spread(root, drawn, x, y)
    add(root, "path", "line", d=path_data([x(t) for t in drawn.times_s], [y(v) for v in drawn.means]))
    _levels(root, line, y)
    name_gaps(root, missing, x, TOP)
    return markup(root)
