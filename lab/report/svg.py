"""Inline SVG, built as an XML tree, so that all data is escaped and the result is well-formed."""

from __future__ import annotations

import math
from typing import NamedTuple
from xml.etree import ElementTree

from markupsafe import Markup

from lab.report.format import DAY_S, HOUR_S, time_unit
from lab.systems.calendar import Calendar

Element = ElementTree.Element

_STEPS_S = (
    5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, *(n * HOUR_S for n in (1, 2, 4, 8, 12)),
    *(n * DAY_S for n in (1, 2, 5, 10, 30)),
)  # fmt: skip


_PERIODS = (1, 2, 4, 7, 14, 28, 56)


class Axis(NamedTuple):
    """A linear map from values to pixels."""

    low: float
    high: float
    start_px: float
    end_px: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low or 1.0
        return self.start_px + (value - self.low) / span * (self.end_px - self.start_px)


def drawing(width: int, height: int, title: str, description: str) -> Element:
    """An empty picture with the title and description that screen readers speak."""
    root = Element("svg", {"viewBox": f"0 0 {width} {height}", "role": "img", "class": "drawing"})
    ElementTree.SubElement(root, "title").text = title
    ElementTree.SubElement(root, "desc").text = description
    return root


def add(parent: Element, tag: str, css: str = "", text: str = "", **attributes: str | float) -> Element:
    """Adds a child; `text_anchor=` becomes `text-anchor`, pixels are rounded to a tenth."""
    child = ElementTree.SubElement(parent, tag)
    if css:
        child.set("class", css)
    for name, value in attributes.items():
        child.set(name.replace("_", "-"), value if isinstance(value, str) else pixels(value))
    child.text = text or None
    return child


def tooltip(element: Element, text: str) -> None:
    """What a pointer resting on the element shows."""
    ElementTree.SubElement(element, "title").text = text


def pixels(value: float) -> str:
    """A coordinate to a tenth of a pixel, as short as it can be written."""
    return f"{value:.1f}".removesuffix(".0")


def markup(root: Element) -> Markup:
    """The picture as trusted HTML."""
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def ticks(low: float, high: float, at_most: int, steps: tuple[float, ...] = (1, 2, 5)) -> list[float]:
    """Round values between two bounds: multiples of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    exponent = math.floor(math.log10((high - low) / at_most))
    sizes = [step * 10.0**power for power in (exponent, exponent + 1) for step in steps]
    step = next(size for size in sizes if (high - low) / size <= at_most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


def time_ticks(end_s: float, at_most: int, calendar: Calendar | None = None) -> list[tuple[float, str]]:
    """Times that clocks and calendars show, with their labels: multiples of 5 s, 10 s, 15 s, 30 s, 1 min … 30 d.

    The unit is named once, at the last. By a calendar they are beginnings of periods, with their dates.
    """
    if calendar is not None:
        periods = int(end_s / calendar.length_s)
        every = next((n for n in _PERIODS if periods / n <= at_most), _PERIODS[-1])
        starts_s = [n * calendar.length_s for n in range(0, periods + 1, every)]
        return [(at_s, calendar.day(at_s).partition(" ")[2]) for at_s in starts_s]
    step = next((size for size in _STEPS_S if end_s / size <= at_most), _STEPS_S[-1])
    times_s = [n * step for n in range(int(end_s / step) + 1)]
    factor, unit = time_unit(end_s)
    labels = [f"{time_s * factor:g}" for time_s in times_s]
    return list(zip(times_s, [*labels[:-1], f"{labels[-1]} {unit}"], strict=True))
