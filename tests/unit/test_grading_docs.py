"""docs/grading.md says of every axis and metric what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from graders.evidence import BEYOND_NOISE, RANGE_TOLERANCE
from lab.judging.grading import METRIC_GRADERS
from lab.judging.truth import SATURATED_RATIO
from lab.judging.witness import BEFORE_MIN_INTERVALS, BLAST_SIGMAS
from lab.recording.grades import DECIDING
from lab.runs.suite import ALL_ANSWERED, METRICS

TEXT = (Path(__file__).parents[2] / "docs/grading.md").read_text(encoding="utf-8")


def test_every_axis_is_listed_with_its_metric_and_whether_it_decides() -> None:
    rows = re.findall(r"^\| ([a-z-]+) \| `(\w+)` \| (yes)? *\|", TEXT, flags=re.MULTILINE)
    assert {axis: metric for axis, metric, _ in rows} == {axis: metric for metric, (axis, _) in METRIC_GRADERS.items()}
    assert {axis for axis, _, decides in rows if decides} == DECIDING
    assert all(f"`{metric}`" in TEXT for metric in METRICS)


def test_the_numbers_are_those_of_the_code() -> None:
    assert str(ALL_ANSWERED) in TEXT
    assert (RANGE_TOLERANCE, BEYOND_NOISE, BLAST_SIGMAS) == (0.05, 3.0, 4.0)
    assert "within a twentieth of its range" in TEXT
    assert "at least three standard errors" in re.sub(r"\s+", " ", TEXT)
    assert "four standard errors" in TEXT
    assert (BEFORE_MIN_INTERVALS, SATURATED_RATIO) == (6, 0.9)
    assert "fewer than six intervals before" in TEXT
    assert "90 % busy" in TEXT
