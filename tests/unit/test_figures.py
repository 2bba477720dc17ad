"""What README and docs publish is what commands printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.cli.evaluate import EVALUATION_SEEDS, FLOORS
from lab.cli.figures import ROWS, markdown, metrics_table
from lab.cli.selection import SUITE
from lab.files.finding import shipped_names
from scripts import figures

SYSTEMS = ("recommender", "fraud", "segmentation")


def test_every_shipped_suite_is_run_and_published() -> None:
    assert sorted(shipped_names(SUITE)) == sorted(SYSTEMS)
    makefile = (figures.ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"SUITES ?= {' '.join(SYSTEMS)}\n" in makefile
    for suite in SYSTEMS:
        assert {name for _, name, _ in figures.evaluation_parts()} >= {f"figures-{suite}", f"confusions-{suite}"}


@pytest.mark.parametrize(("path", "name", "content"), figures.evaluation_parts())
def test_published_tables_are_those_of_the_committed_evaluation(path: Path, name: str, content: str) -> None:
    assert figures.between(path.read_text(encoding="utf-8"), name) == content


@pytest.mark.parametrize("suite", SYSTEMS)
def test_a_committed_evaluation_has_every_floor_and_usual_observability(suite: str) -> None:
    path = figures.figures_of(suite)
    if not path.is_file():
        pytest.skip(f"no evaluation of {suite} is published")
    document = json.loads(path.read_text(encoding="utf-8"))
    assert set(document["metrics"]) == {"rules", *FLOORS}
    assert document["observability"] == ["usual"]
    assert document["suite"] == suite
    assert min(document["seeds"]["faults"] + document["seeds"]["controls"]) >= EVALUATION_SEEDS[0]


def test_a_table_says_what_was_measured() -> None:
    document = {
        "runs": {"faults": 2, "controls": 0},
        "seeds": {"faults": [7, 8], "controls": []},
        "observability": ["poor"],
        "metrics": {
            "mine": {"kind": {"value": 0.5, "low": 0.1, "high": 0.9}, "onset": None},
            "chance": {"kind": {"value": None, "low": None, "high": None}},
        },
        "comparisons": [
            {"engine": "mine", "floor": "chance", "better": 1, "worse": 0, "n": 2, "clustered_p_value": 0.5}
        ],
        "confusions": {"mine": [{"true": "a of b", "answer": "healthy", "cases": 1}], "chance": []},
    }
    assert metrics_table(document).splitlines() == [
        "| 2 fault cases, 0 controls, seeds 7–8, observability `poor` | `mine` | `chance` |",
        "|---|---|---|",
        "| kind | 0.50 [0.10, 0.90] |  |",
    ]
    assert "| `mine` | `chance` | 1 | 0 | 2 | 0.5 |" in markdown(document)
    assert "| `mine` | a of b | healthy | 1 |" in markdown(document)
    assert "onset" in ROWS


def test_text_between_markers_is_replaced_and_nothing_else() -> None:
    text = "a\n<!-- x: begin (how) -->\nold\nlines\n<!-- x: end -->\nb\n"
    assert figures.between(text, "x") == "old\nlines"
    assert figures.replaced(text, "x", "new | \\1") == "a\n<!-- x: begin (how) -->\nnew | \\1\n<!-- x: end -->\nb\n"
    with pytest.raises(KeyError, match="no markers"):
        figures.replaced(text, "y", "new")


@pytest.mark.slow
def test_the_sample_of_the_readme_is_what_the_command_prints() -> None:
    assert figures.between(figures.README.read_text(encoding="utf-8"), "sample") == figures.sample()
