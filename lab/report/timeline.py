"""The run on one time axis: load, faults, decoys, change log, alerts, actions, and the onsets that engines found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from lab.report.charts import Window, draw_gaps, draw_spread, gaps, name_gaps, path_data, shade, thinned
from lab.report.format import Times, shortened, significant
from lab.report.svg import Axis, Element, add, drawing, markup, pixels, time_ticks, tooltip
from lab.systems.calendar import Calendar

Array = npt.NDArray[Any]

WIDTH, LEFT, RIGHT = 960, 104, 26
LOAD_HEIGHT, ROW_HEIGHT, LANE_GAP = 62, 20, 8
TOP, AXIS_HEIGHT, LEGEND_HEIGHT = 10, 30, 26
CHARACTER_PX = 6.4
MAX_LABEL = 60

Shape = Literal["bar", "diamond", "triangle", "circle", "flag", "square"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something at a time (`until_s` None) or over a time. `css` names the colour.

    A bar may be interrupted: `parts` are its pieces in time order; without them it is one from `at_s` to `until_s`.
    """

    shape: Shape
    css: str
    at_s: float
    label: str
    until_s: float | None = None
    parts: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Lane:
    """Marks of one sort in time order, under one name."""

    name: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Load:
    """Requests per second at the entry point, and the length of the run. Without users there are no rates."""

    times_s: Array
    rates_per_s: Array
    end_s: float
    calendar: Calendar | None = None

    @property
    def height(self) -> int:
        """Pixels that its lane takes; none where nobody sends requests."""
        return LOAD_HEIGHT if len(self.times_s) else 0


LEGEND: tuple[tuple[Shape | Literal["area", "window"], str, str], ...] = (
    ("area", "load", "load"),
    ("window", "", "fault window"),
    ("flag", "effect", "first witnessed effect"),
    ("diamond", "decoy", "decoy"),
    ("triangle", "change", "change log"),
    ("bar", "alert", "alert firing"),
    ("square", "action", "action"),
    ("circle", "onset", "onset of a leading finding"),
    ("circle", "onset lesser", "onset of a lesser one"),
)


def _shape(parent: Element, mark: Mark, x: float, y: float, right: float) -> Element:
    css = f"mark {mark.css}"
    if mark.shape == "bar":
        return add(parent, "rect", css, x=x, y=y - 7, width=max(3.0, right - x), height=14, rx=3)
    if mark.shape == "square":
        return add(parent, "rect", css, x=x - 5.5, y=y - 5.5, width=11, height=11)
    if mark.shape == "circle":
        return add(parent, "circle", css, cx=x, cy=y, r=5.5)
    outline = {"diamond": "M0 -7L6 0L0 7L-6 0Z", "triangle": "M0 -6L6.5 6H-6.5Z", "flag": "M-1 8V-8H8L5 -4L8 0H1V8Z"}
    return add(parent, "path", css, d=outline[mark.shape], transform=f"translate({pixels(x)} {pixels(y)})")


def _height(lane: Lane, x: Axis) -> int:
    return ROW_HEIGHT * (max(_rows(lane.marks, x), default=0) + 1)


def _rows(marks: Sequence[Mark], x: Axis) -> list[int]:
    """A row for each mark such that no label runs into the next mark of its row."""
    ends: list[float] = []
    rows = []
    for mark in marks:
        start, end = _extent(mark, x)
        row = next((i for i, taken in enumerate(ends) if taken <= start), len(ends))
        ends[row:] = [end, *ends[row + 1 :]]
        rows.append(row)
    return rows


def _extent(mark: Mark, x: Axis) -> tuple[float, float]:
    """Pixels that a mark and its label take up."""
    left, right = x(mark.at_s), x(mark.at_s if mark.until_s is None else mark.until_s)
    label = CHARACTER_PX * min(len(mark.label), MAX_LABEL) + 18
    if _label_inside(mark, x):
        return left - 8, max(right, left) + 10
    return (left - label, right + 10) if _label_left(mark, x) else (left - 8, max(right, left) + label)


def _label_left(mark: Mark, x: Axis) -> bool:
    right = x(mark.at_s if mark.until_s is None else mark.until_s)
    return right + CHARACTER_PX * min(len(mark.label), MAX_LABEL) + 18 > WIDTH - RIGHT


def _label_inside(mark: Mark, x: Axis) -> bool:
    """Whether a bar has its label within, because there is no room on either side."""
    label = CHARACTER_PX * min(len(mark.label), MAX_LABEL) + 18
    return mark.until_s is not None and _label_left(mark, x) and x(mark.at_s) - label < LEFT


def _lane(root: Element, lane: Lane, x: Axis, top: float, times: Times) -> float:
    """Draws a lane and returns its height."""
    add(root, "text", "lane", lane.name, x=LEFT - 12, y=top + 14, text_anchor="end")
    for mark, row in zip(lane.marks, _rows(lane.marks, x), strict=True):
        y = top + ROW_HEIGHT * row + ROW_HEIGHT / 2
        left, right = x(mark.at_s), x(min(mark.until_s or mark.at_s, x.high))
        for start_s, end_s in mark.parts or ((mark.at_s, mark.until_s),):
            until = "" if end_s is None else f"–{times.told(end_s)}"
            piece = _shape(root, mark, x(start_s), y, x(min(end_s or start_s, x.high)))
            tooltip(piece, f"{lane.name}: {mark.label}, {times.told(start_s)}{until}")
        beside = (left - 12, "end") if _label_left(mark, x) else (right + 12, "start")
        inside = _label_inside(mark, x)
        beside = (left + 8, "start") if inside else beside
        # An interrupted bar is no even ground to write on.
        over = "label over" if mark.parts else "label inside"
        add(
            root,
            "text",
            over if inside else "label",
            shortened(mark.label, MAX_LABEL),
            x=beside[0],
            y=y + 4,
            text_anchor=beside[1],
        )
    return _height(lane, x)


def _load(root: Element, load: Load, x: Axis) -> None:
    drawn = thinned(load.times_s, load.rates_per_s)
    top = float(np.nanmax(drawn.highs)) if not np.isnan(drawn.highs).all() else 1.0
    y = Axis(0.0, top or 1.0, TOP + LOAD_HEIGHT, TOP + 4)
    missing = gaps(drawn.times_s, drawn.means)
    draw_gaps(root, missing, x, TOP, TOP + LOAD_HEIGHT, Times(load.end_s, load.calendar))
    xs, ys = [x(t) for t in drawn.times_s], [y(v) for v in drawn.means]
    runs = np.split(np.arange(len(ys)), np.flatnonzero(np.diff(np.isnan(ys).astype(int))) + 1)
    for run in runs:
        if len(run) > 1 and not np.isnan(ys[run[0]]):
            line = path_data([xs[i] for i in run], [ys[i] for i in run])
            close = f"L{pixels(xs[run[-1]])} {pixels(y(0))}L{pixels(xs[run[0]])} {pixels(y(0))}Z"
            add(root, "path", "mark load area", d=line + close)
    draw_spread(root, drawn, x, y)
    add(root, "path", "line", d=path_data(xs, ys))
    name_gaps(root, missing, x, TOP)
    add(root, "text", "lane", "load", x=LEFT - 12, y=TOP + 30, text_anchor="end")
    add(root, "text", "tick", f"{significant(top)}/s", x=LEFT - 12, y=TOP + 14, text_anchor="end")
    add(root, "text", "tick", "0", x=LEFT - 12, y=TOP + LOAD_HEIGHT, text_anchor="end")


def _legend_places(present: set[str]) -> list[tuple[float, int]]:
    """Where each entry of the legend that is present begins, and in which of its rows."""
    places, at, row = [], float(LEFT), 0
    for _, _, word in LEGEND:
        if word in present:
            width = 16 + CHARACTER_PX * len(word)
            if at + width > WIDTH - RIGHT and at > LEFT:
                at, row = float(LEFT), row + 1
            places.append((at, row))
            at += width + 26
    return places


def _legend(root: Element, top: float, present: set[str]) -> None:
    entries = [entry for entry in LEGEND if entry[2] in present]
    for (shape, css, word), (at, row) in zip(entries, _legend_places(present), strict=True):
        y = top + row * ROW_HEIGHT
        if shape == "area":
            add(root, "rect", f"mark {css} area", x=at - 6, y=y - 7, width=14, height=14)
        elif shape == "window":
            add(root, "rect", "window", x=at - 6, y=y - 7, width=14, height=14)
        else:
            _shape(root, Mark(shape, css, 0, ""), at - (6 if shape == "bar" else 0), y, at + 8)
        add(root, "text", "label", word, x=at + 16, y=y + 4)


def timeline(title: str, load: Load, lanes: Sequence[Lane], windows: Sequence[Window]) -> Markup:
    """The timeline as SVG; lanes without marks are left out."""
    x, times = Axis(0.0, load.end_s, LEFT, WIDTH - RIGHT), Times(load.end_s, load.calendar)
    shown = [lane for lane in lanes if lane.marks]
    bottom = TOP + load.height + sum(LANE_GAP + _height(lane, x) for lane in shown) + LANE_GAP
    marks = "; ".join(f"{lane.name}: {m.label} at {times.told(m.at_s)}" for lane in shown for m in lane.marks)
    css = {mark.css for lane in shown for mark in lane.marks}
    present = {word for _, name, word in LEGEND if name in css} | ({"fault window"} if windows else set())
    present |= {"load"} if load.height else set()
    legend_height = LEGEND_HEIGHT + ROW_HEIGHT * max((row for _, row in _legend_places(present)), default=0)
    nothing = f"Nothing happened but its {'load' if load.height else 'jobs'}."
    root = drawing(WIDTH, bottom + AXIS_HEIGHT + legend_height, title, marks or nothing)
    shade(root, windows, x, TOP, bottom)
    if load.height:
        _load(root, load, x)
    top = float(TOP + load.height)
    for lane in shown:
        add(root, "path", "grid", d=f"M{LEFT} {pixels(top + LANE_GAP / 2)}H{WIDTH - RIGHT}")
        top += LANE_GAP
        top += _lane(root, lane, x, top, times)
    add(root, "path", "axis", d=f"M{LEFT} {bottom}H{WIDTH - RIGHT}")
    for time_s, name in time_ticks(load.end_s, 10, load.calendar):
        add(root, "path", "axis", d=f"M{pixels(x(time_s))} {bottom}v5")
        add(root, "text", "tick", name, x=x(time_s), y=bottom + 19, text_anchor="middle")
    _legend(root, bottom + AXIS_HEIGHT + 12, present)
    return markup(root)
