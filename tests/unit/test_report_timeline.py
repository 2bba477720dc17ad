"""The timeline: labels neither leave the picture nor lie on each other or on a lane's name."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest

from lab.report.timeline import CHARACTER_PX, LEFT, LEGEND, WIDTH, Lane, Load, Mark, timeline

LOAD = Load(np.arange(5.0, 105.0, 5.0), np.full(20, 8.0), 100.0)


def labels(*marks: Mark) -> list[tuple[float, float, float]]:
    """(left, right, height) of every label of marks in one lane."""
    root = ElementTree.fromstring(timeline("t", LOAD, [Lane("lane", marks)], []))
    found = []
    for text in root.iter("text"):
        if (text.get("class") or "").startswith("label") and text.text in {mark.label for mark in marks}:
            x, y, length = float(text.get("x", "")), float(text.get("y", "")), CHARACTER_PX * len(text.text or "")
            found.append((x - length, x, y) if text.get("text-anchor") == "end" else (x, x + length, y))
    return found


@pytest.mark.parametrize(
    "mark",
    [
        Mark("bar", "fault", 0.0, "from the start to the end", 100.0),
        Mark("bar", "fault", 2.0, "nearly all of it", 99.0),
        Mark("bar", "fault", 90.0, "late", 100.0),
        Mark("bar", "alert", 0.0, "early", 3.0),
        Mark("circle", "onset", 100.0, "at the very end of the run"),
        Mark("circle", "onset", 0.0, "at once"),
    ],
)
def test_a_label_stays_in_the_picture_and_off_the_names_of_lanes(mark: Mark) -> None:
    ((left, right, _),) = labels(mark)
    assert left >= LEFT
    assert right <= WIDTH


def test_labels_of_one_lane_do_not_lie_on_each_other() -> None:
    marks = [Mark("circle", "onset", 3.0 * n, f"engine {n}: some-component") for n in range(20)]
    placed = labels(*marks)
    assert len(placed) == 20
    for one, other in combinations(placed, 2):
        assert one[2] != other[2] or one[1] <= other[0] or other[1] <= one[0]


def test_an_interrupted_bar_is_drawn_in_pieces_with_one_label() -> None:
    pieces = ((10.0, 20.0), (50.0, 51.0), (80.0, 95.0))
    root = ElementTree.fromstring(
        timeline("t", LOAD, [Lane("alert", (Mark("bar", "alert", 10.0, "slow, 3 times", 95.0, pieces),))], [])
    )
    drawn = [rect for rect in root.iter("rect") if rect.get("class") == "mark alert" and rect.find("title") is not None]
    starts = [float(rect.get("x", "")) for rect in drawn]
    assert len(starts) == 3
    assert starts == sorted(starts)
    assert [text.get("class") for text in root.iter("text") if text.text == "slow, 3 times"] == ["label over"]


def test_missing_load_is_reported_in_a_word() -> None:
    rates = np.where(LOAD.times_s == 50.0, np.nan, 8.0)
    root = ElementTree.fromstring(timeline("t", Load(LOAD.times_s, rates, 100.0), [], []))
    assert [text.text for text in root.iter("text")].count("no sample") == 1


def test_a_run_without_load_has_a_timeline() -> None:
    nothing = Load(np.array([]), np.array([]), 0.0)
    assert "nan" not in timeline("t", nothing, [], [])
    ElementTree.fromstring(timeline("t", nothing, [Lane("x", (Mark("circle", "onset", 0.0, "now"),))], [(0.0, 0.0)]))


def test_a_legend_of_everything_stays_in_the_picture() -> None:
    """A fault, its effect, a decoy, a change, an alert and two sorts of onsets: more than fits in a row."""
    shapes = {css: shape for shape, css, _ in LEGEND if css not in ("load", "")}
    lanes = [Lane(css, (Mark(shape, css, 40.0, "one"),)) for css, shape in shapes.items()]  # type: ignore[arg-type]
    root = ElementTree.fromstring(timeline("t", LOAD, lanes, [(20.0, 50.0)]))
    height = float((root.get("viewBox") or "").split()[3])
    words = {word for _, _, word in LEGEND}
    placed = [(float(t.get("x", "")), float(t.get("y", "")), str(t.text)) for t in root.iter("text") if t.text in words]
    assert {word for _, _, word in placed} == words
    assert all(x + CHARACTER_PX * len(word) <= WIDTH and y <= height for x, y, word in placed if x >= LEFT)
    assert len({y for x, y, word in placed if x >= LEFT}) == 2
