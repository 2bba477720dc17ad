"""The system as a graph: callers left of what they call, marks told by shape and word, nothing hidden or doubled."""

from __future__ import annotations

from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import pytest

from lab.contracts import Diagnosis, Truth, Verdict
from lab.report.answers import blaming
from lab.report.graph import MAX_DRAWN, Marks, element_of, graph
from lab.report.layout import places
from tests.grading_cases import finding

NOBODY = Marks(frozenset(), {}, {})


def system(links: str, **kinds: str) -> dict[str, Any]:
    """`a>b b>c` as a system; `a` is the users, everything else a service unless said otherwise."""
    pairs = [link.split(">") for link in links.split()]
    names = dict.fromkeys(name for pair in pairs for name in pair)
    parts = {name: {"kind": kinds.get(name, "users" if name == "a" else "service")} for name in names}
    return {"components": parts, "links": {"->".join(pair): {} for pair in pairs}, "users": "a"}


def columns(described: dict[str, Any]) -> dict[str, int]:
    kinds = {name: part["kind"] for name, part in described["components"].items()}
    links = [tuple(link.split("->")) for link in described["links"]]
    return {name: place.column for name, place in places(kinds, links, "a").items()}


def drawn(described: dict[str, Any], marks: Marks = NOBODY) -> ElementTree.Element:
    return ElementTree.fromstring(graph(described, marks).svg)


def words(root: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in root.iter("text")]


def boxes(root: ElementTree.Element) -> list[tuple[float, ...]]:
    found = [rect for rect in root.iter("rect") if rect.get("class") == "box"]
    return [tuple(float(rect.get(key, "nan")) for key in ("x", "y", "width", "height")) for rect in found]


def test_a_component_lies_right_of_everything_that_calls_it() -> None:
    assert columns(system("a>b b>c b>d c>e a>e")) == {"a": 0, "b": 1, "c": 2, "d": 2, "e": 3}


def test_a_job_lies_beside_the_callers_of_what_it_calls() -> None:
    described = system("a>b b>c job>c", job="job")
    assert columns(described)["job"] == columns(described)["b"]
    rows = places(
        {n: p["kind"] for n, p in described["components"].items()}, [("a", "b"), ("b", "c"), ("job", "c")], "a"
    )
    assert rows["job"].row > max(rows[name].row for name in "abc")


@pytest.mark.parametrize("links", ["a>b b>c c>b", "a>b b>a", "a>b c>d d>c", "a>a a>b"])
def test_circles_and_islands_are_drawn_too(links: str) -> None:
    root = drawn(system(links))
    assert set(links.replace(">", " ").split()) <= set(words(root))


def test_no_two_boxes_overlap_and_all_lie_inside() -> None:
    root = drawn(system("a>b a>c b>d b>e c>e c>f job>f other>d a>d", job="job", other="job"))
    _, _, width, height = (float(n) for n in root.get("viewBox", "").split())
    for x, y, w, h in boxes(root):
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
    for one, other in combinations(boxes(root), 2):
        apart = one[0] + one[2] <= other[0] or other[0] + other[2] <= one[0]
        assert apart or one[1] + one[3] <= other[1] or other[1] + other[3] <= one[1]


def test_marks_are_words_and_not_colours_alone() -> None:
    marks = Marks(frozenset({"b->c"}), {"c": ("rules", "other")}, {"c": 3, "b->d": 1})
    root = drawn(system("a>b b>c b>d"), marks)
    text = words(root)
    assert text.count("✗ guilty") == 1
    assert text.count("◎ blamed") == 1
    assert "service, 3 moved" in text
    assert "1 moved" in text
    titles = [title.text for title in root.iter("title")]
    assert "b->c: guilty" in titles
    assert "c: blamed by engine rules, other; 3 signals moved" in titles


def test_the_description_says_what_is_marked() -> None:
    assert drawn(system("a>b")).findtext("desc") == "Nothing is marked."
    marks = Marks(frozenset({"b"}), {"a->b": ("e",)}, {})
    assert drawn(system("a>b"), marks).findtext("desc") == "b: guilty; a->b: blamed by engine e"


def test_who_is_blamed_and_not_part_of_the_system_is_reported_beside_the_picture() -> None:
    drawing = graph(system("a>b"), Marks(frozenset(), {"<nobody>": ("e",)}, {}))
    assert drawing.elsewhere == ("<nobody>: blamed by engine e",)


def test_of_a_large_system_the_marked_are_drawn_and_the_rest_is_counted() -> None:
    links = " ".join(f"a>n{i}" for i in range(200))
    drawing = graph(system(links), Marks(frozenset({"n150"}), {"a->n170": ("e",)}, {}))
    assert {"n150", "n170", "a"} <= set(words(ElementTree.fromstring(drawing.svg)))
    assert drawing.left_out == 201 - MAX_DRAWN
    assert drawing.elsewhere == ()


def test_names_as_long_as_names_may_be_stay_in_their_boxes() -> None:
    root = drawn(system(f"a>{'x' * 40} {'x' * 40}>{'y' * 40}"))
    assert all(len(word) <= 23 for word in words(root))


def test_a_signal_belongs_to_an_element_or_to_none() -> None:
    elements = ["features", "features->db"]
    assert element_of("features->db", elements) == "features->db"
    assert element_of("features.default_features", elements) == "features"
    assert element_of("avg_order_value_eur", elements) is None


def test_only_the_verdict_fault_blames() -> None:
    unsure = Diagnosis(Verdict.UNSURE, (finding("model"),))
    assert not blaming(unsure, Truth())
    assert [one.culprit for one in blaming(Diagnosis(Verdict.FAULT, unsure.findings), Truth())] == ["model"]


def jobs(needs: dict[str, list[str]]) -> dict[str, Any]:
    """Jobs with what they need, all of which call one database; nobody sends requests."""
    parts: dict[str, Any] = {name: {"kind": "job", "needs": of} for name, of in needs.items()}
    links: dict[str, Any] = {f"{name}->db": {} for name in needs}
    return {"components": {**parts, "db": {"kind": "database"}}, "links": links, "users": None}


def test_jobs_lie_below_what_they_need_and_beside_what_they_call() -> None:
    root = drawn(jobs({"send": [], "publish": ["score"], "score": ["extract"], "extract": []}))
    names = [text.text for text in root.iter("text") if text.get("class") == "name"]
    tops = {name: box[1] for name, box in zip(names, boxes(root), strict=True)}
    assert sorted((name for name in tops if name != "db"), key=lambda name: tops[str(name)]) == [
        "send", "extract", "score", "publish",
    ]  # fmt: skip
    assert tops["db"] < tops["publish"]


def test_what_a_job_needs_is_an_arrow_of_its_own() -> None:
    root = drawn(jobs({"extract": [], "score": ["extract"], "train": ["extract"]}))
    needs = [group for group in root.iter("g") if group.get("class") == "edge needs"]
    assert [group.findtext("title") for group in needs] == ["score needs extract", "train needs extract"]
    down, around = (group.find("path").get("d") for group in needs)  # type: ignore[union-attr]
    assert ("V" in str(down), "C" in str(around)) == (True, True)
