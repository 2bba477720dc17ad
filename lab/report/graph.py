"""The system as a graph, with the guilty, the blamed and what the fault moved marked by shape and word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lab.report.format import shortened
from lab.report.layout import Link, Place, places
from lab.report.svg import Element, add, drawing, markup, pixels, tooltip
from lab.systems.needs import needs_of

MAX_DRAWN = 40
BOX_HEIGHT, ROW_HEIGHT, GAP, WIDE_GAP, MARGIN = 38.0, 68.0, 76.0, 132.0, 16.0
MIN_BOX, MAX_BOX, CHARACTER_PX, MAX_LABEL = 128.0, 176.0, 7.0, 23
PILL_HEIGHT, PILL_CHARACTER_PX = 16.0, 6.9
NEEDS_ROOM = 34.0
"""At the left of jobs, for arrows around others to those that need them."""
GUILTY, BLAMED = "✗ guilty", "◎ blamed"
_ALONG = (0.5, 0.64, 0.36, 0.76, 0.25)
"""Where on a link its labels are tried, until they lie on no other."""

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, width, height."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What is marked: guilty elements, who blamed which, and how many signals of each element the faults moved."""

    guilty: frozenset[str]
    blamed: Mapping[str, tuple[str, ...]]
    moved: Mapping[str, int]

    def of(self, element: str) -> list[tuple[str, str]]:
        """(colour, label) of the marks that an element has."""
        marks = [("guilty", GUILTY)] if element in self.guilty else []
        if element in self.blamed:
            marks.append(("blamed", BLAMED))
        return marks

    def description(self, element: str) -> str:
        """An element with its marks in words."""
        parts = ["guilty"] if element in self.guilty else []
        if element in self.blamed:
            parts.append(f"blamed by engine {', '.join(self.blamed[element])}")
        if element in self.moved:
            parts.append(_moved(self.moved[element], "signal"))
        return f"{element}: {'; '.join(parts)}" if parts else element


@dataclass(frozen=True, slots=True)
class Graph:
    """The picture, its natural width in pixels, and what of the marks and the system it does not show."""

    svg: Markup
    width: int
    elsewhere: tuple[str, ...]
    left_out: int


def element_of(subject: str, elements: Iterable[str]) -> str | None:
    """The element that a signal's subject is part of: itself, or the component of `component.column`."""
    known = set(elements)
    return subject if subject in known else next((p for p in [subject.partition(".")[0]] if p in known), None)


def _moved(count: int, what: str = "") -> str:
    return f"{count} {what}{'s' * (what != '' and count != 1)} moved".replace("  ", " ")


def graph(system: Mapping[str, Any], marks: Marks) -> Graph:
    """Draws the system that a recording describes."""
    kinds = {name: str(part["kind"]) for name, part in system["components"].items()}
    links = [(caller, callee) for link in system["links"] for caller, _, callee in [str(link).partition("->")]]
    drawn = _chosen(list(kinds), links, marks)
    shown = {name: kind for name, kind in kinds.items() if name in drawn}
    between = [link for link in links if link[0] in shown and link[1] in shown]
    needs = needs_of(system["components"])
    waits = [(needed, name) for name in shown for needed in needs[name] if needed in shown]
    placed = places(shown, between, str(system["users"] or ""), needs)
    boxes = _boxes(placed, [link for link in between if marks.of("->".join(link))], NEEDS_ROOM if waits else 0.0)
    width = max((left + w for left, _, w, _ in boxes.values()), default=0.0) + MARGIN
    height = max((top + h for _, top, _, h in boxes.values()), default=0.0) + MARGIN + 8
    named = ["->".join(link) for link in links]
    marked = sorted({*marks.guilty, *marks.blamed})
    described = [name for name in [*shown, *named] if name in marked or name in marks.moved]
    description = "; ".join(marks.description(name) for name in described)
    root = drawing(round(width), round(height), "The system", description or "Nothing is marked.")
    taken: list[Box] = list(boxes.values())
    for link in between:
        _draw_line(root, link, boxes, marks)
    for wait in waits:
        _draw_need(root, wait, boxes)
    for name, kind in shown.items():
        _draw_box(root, name, kind, boxes[name], marks)
    for link in sorted(between, key=lambda link: not marks.of("->".join(link))):
        _draw_labels(root, link, boxes, marks, taken)
    visible = {*shown, *("->".join(link) for link in between)}
    elsewhere = tuple(marks.description(name) for name in marked if name not in visible)
    return Graph(markup(root), round(width), elsewhere, len(kinds) - len(shown))


def _chosen(names: Sequence[str], links: Sequence[Link], marks: Marks) -> set[str]:
    """What is drawn: everything, or of a large system what is marked, its neighbours, then the first ones."""
    if len(names) <= MAX_DRAWN:
        return set(names)
    marked = {end for name in (*marks.guilty, *marks.blamed) for end in name.split("->")}
    near = {end for link in links for end in link if marked & set(link)}
    ranked = sorted(names, key=lambda n: (n not in marked, n not in near, -marks.moved.get(n, 0), names.index(n)))
    return set(ranked[:MAX_DRAWN])


def _boxes(placed: Mapping[str, Place], marked: Sequence[Link], room: float) -> dict[str, Box]:
    """Columns are as wide as their longest name, further apart where marked links need room; `room` is at the left."""
    widths: dict[int, float] = {}
    for name, place in placed.items():
        wanted = min(max(CHARACTER_PX * min(len(name), MAX_LABEL) + 22, MIN_BOX), MAX_BOX)
        widths[place.column] = max(widths.get(place.column, 0.0), wanted)
    wide = {placed[end].column - 1 for _, end in marked} | {placed[start].column for start, _ in marked}
    lefts, at = {}, MARGIN + room
    for column in range(max(widths, default=-1) + 1):
        lefts[column] = at
        at += widths.get(column, 0.0) + (WIDE_GAP if column in wide else GAP)
    return {
        name: (lefts[place.column], MARGIN + 6 + place.row * ROW_HEIGHT, widths[place.column], BOX_HEIGHT)
        for name, place in placed.items()
    }


def _draw_box(root: Element, name: str, kind: str, box: Box, marks: Marks) -> None:
    left, top, width, height = box
    css = " ".join(
        ["node", f"kind-{kind}", *(["moved"] if name in marks.moved else []), *(c for c, _ in marks.of(name))]
    )
    node = add(root, "g", css)
    tooltip(node, marks.description(name))
    if name in marks.blamed:
        add(node, "rect", "halo", x=left - 5, y=top - 5, width=width + 10, height=height + 10, rx=11)
    round_px = height / 2 if kind == "users" else 7
    add(node, "rect", "box", x=left, y=top, width=width, height=height, rx=round_px)
    middle = left + width / 2
    add(node, "text", "name", shortened(name, MAX_LABEL), x=middle, y=top + 16, text_anchor="middle")
    label = f"{kind}, {_moved(marks.moved[name])}" if name in marks.moved else kind
    add(node, "text", "tick", shortened(label, MAX_LABEL), x=middle, y=top + 31, text_anchor="middle")
    labels = marks.of(name)
    at = middle - (sum(_pill_width(text) for _, text in labels) + 4 * (len(labels) - 1)) / 2
    for colour, text in labels:
        at += _pill(node, colour, text, at, top - PILL_HEIGHT + 3) + 4


def _ends(link: Link, boxes: Mapping[str, Box]) -> tuple[Point, Point, Point, Point]:
    """A curve from the caller's right to the callee's left, or, backwards, below both."""
    (l1, t1, w1, h1), (l2, t2, _, h2) = boxes[link[0]], boxes[link[1]]
    start, end = (l1 + w1, t1 + h1 / 2), (l2, t2 + h2 / 2)
    if start[0] < end[0]:
        bend = (end[0] - start[0]) / 2
        return start, (start[0] + bend, start[1]), (end[0] - bend, end[1]), end
    low = max(t1 + h1, t2 + h2) + ROW_HEIGHT / 2
    return start, (start[0] + GAP / 2, low), (end[0] - GAP / 2, low), end


def _on(curve: tuple[Point, Point, Point, Point], t: float) -> Point:
    weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
    x, y = (sum(w * point[i] for w, point in zip(weights, curve, strict=True)) for i in (0, 1))
    return x, y


def _draw_line(root: Element, link: Link, boxes: Mapping[str, Box], marks: Marks) -> None:
    name = "->".join(link)
    start, one, two, end = _ends(link, boxes)
    d = f"M{_at(start)}C{_at(one)} {_at(two)} {_at((end[0] - 6, end[1]))}"
    group = add(
        root, "g", " ".join(["edge", *(["moved"] if name in marks.moved else []), *(c for c, _ in marks.of(name))])
    )
    tooltip(group, marks.description(name))
    if name in marks.blamed:
        add(group, "path", "halo", d=d)
    add(group, "path", "line", d=d)
    add(group, "path", "arrow", d=f"M{_at((end[0] - 7, end[1] - 4))}L{_at(end)}L{_at((end[0] - 7, end[1] + 4))}Z")


def _draw_need(root: Element, wait: Link, boxes: Mapping[str, Box]) -> None:
    """A dashed arrow from a job to one that needs it: down to the next one, else around at the left."""
    (l1, t1, w1, h1), (l2, t2, _, h2) = boxes[wait[0]], boxes[wait[1]]
    group = add(root, "g", "edge needs")
    tooltip(group, f"{wait[1]} needs {wait[0]}")
    if l1 == l2 and 0 < t2 - t1 <= ROW_HEIGHT:
        x, end = l1 + w1 / 2, t2 - 1
        add(group, "path", "line", d=f"M{_at((x, t1 + h1))}V{pixels(end - 6)}")
        add(group, "path", "arrow", d=f"M{_at((x - 4, end - 7))}L{_at((x, end))}L{_at((x + 4, end - 7))}Z")
        return
    (x1, y1), (x2, y2) = (l1, t1 + h1 / 2), (l2, t2 + h2 / 2)
    out = min(x1, x2) - NEEDS_ROOM
    add(group, "path", "line", d=f"M{_at((x1, y1))}C{_at((out, y1))} {_at((out, y2))} {_at((x2 - 6, y2))}")
    add(group, "path", "arrow", d=f"M{_at((x2 - 7, y2 - 4))}L{_at((x2, y2))}L{_at((x2 - 7, y2 + 4))}Z")


def _at(point: Point) -> str:
    return f"{pixels(point[0])} {pixels(point[1])}"


def _draw_labels(root: Element, link: Link, boxes: Mapping[str, Box], marks: Marks, taken: list[Box]) -> None:
    """A link's marks, one under the other, where they cover nothing."""
    name = "->".join(link)
    labels = marks.of(name)
    if name in marks.moved and not labels:
        labels.append(("count", _moved(marks.moved[name])))
    if not labels:
        return
    width, height = max(_pill_width(text) for _, text in labels), (PILL_HEIGHT + 2) * len(labels)
    curve = _ends(link, boxes)
    tried = [(x - width / 2, y - height / 2, width, height) for x, y in (_on(curve, t) for t in _ALONG)]
    box = min(tried, key=lambda box: sum(_overlap(box, other) for other in taken))
    taken.append(box)
    for i, (colour, text) in enumerate(labels):
        _pill(root, colour, text, box[0] + (width - _pill_width(text)) / 2, box[1] + i * (PILL_HEIGHT + 2))


def _overlap(one: Box, other: Box) -> float:
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(0.0, across) * max(0.0, down)


def _pill_width(text: str) -> float:
    return PILL_CHARACTER_PX * len(text) + 10


def _pill(parent: Element, colour: str, text: str, left: float, top: float) -> float:
    """A small label; returns its width."""
    width = _pill_width(text)
    pill = add(parent, "g", f"pill {colour}")
    add(pill, "rect", x=left, y=top, width=width, height=PILL_HEIGHT, rx=PILL_HEIGHT / 2)
    add(pill, "text", text=text, x=left + width / 2, y=top + 12, text_anchor="middle")
    return width
