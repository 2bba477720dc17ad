"""An exercise as one file, in a real browser: hints, an answer, its grade; no network, no complaint."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.investigation.exercises import OWN, Hint, exercise_of
from lab.investigation.scoring import score
from lab.judging.grading import grade, registered_graders
from lab.quiz import write_quiz
from lab.quiz.content import graded_with
from lab.recording.grades import verdict
from lab.recording.opening import open_run
from lab.scenario import load_scenario
from tests.cli_cases import CUT, folder, lab, write  # noqa: F401
from tests.quiz_answers import cases

playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")]

AXES = ("boundary", "culprit", "decoy-blamed", "false-alarm", "kind", "onset")
"""What the page grades."""
HINTS = ("Ask who waits for whom.", "Compare both ends of a link.")
BRIEF = "Orders <b>fail</b>."
TRAINING = f"training: {{title: Orders, brief: {BRIEF}, hints: [{', '.join(HINTS)}], hint_cost: 7}}\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def page_file(folder: Path) -> Path:  # noqa: F811
    """A cut link between orders and db, from 30 s on."""
    write("incident", CUT + TRAINING)
    lab("run", "incident.scenario.yaml", "--engine", "constant")
    [run] = Path("runs/incident").iterdir()
    exercise = exercise_of(load_scenario("incident.scenario.yaml"), OWN, 1, None)
    assert exercise.hints == tuple(Hint(text, 7) for text in HINTS)
    return write_quiz(exercise, open_run(run), folder / "page.html")


def opened(browser: Any, path: Path, **context: Any) -> Any:
    """The page, which may neither complain nor ask for anything else."""
    page = browser.new_context(**context).new_page()
    page.on("console", lambda message: pytest.fail(message.text))
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or pytest.fail(request.url))
    page.goto(path.as_uri())
    return page


def answer(page: Any, number: int = 0, **given: str) -> None:
    cause = page.locator("fieldset.finding").nth(number)
    for name in ("culprit", "boundary", "kind"):
        cause.locator(f"[name={name}]").select_option(given[name])
    cause.locator("[name=onset]").fill(given["onset"])
    cause.locator("[name=confidence]").fill(given.get("confidence", "80"))


RIGHT = {"culprit": "orders->db", "boundary": "network", "kind": "network-partition", "onset": "31"}
WRONG = {"culprit": "front", "boundary": "service", "kind": "cpu-throttle", "onset": "2"}


def test_a_right_answer_passes_and_the_truth_is_told_after_it_only(browser: Any, page_file: Path) -> None:
    page = opened(browser, page_file)
    assert page.get_by_role("heading", name="Orders").is_visible()
    assert BRIEF in page.inner_text("header")
    assert page.locator("#result").is_hidden()
    answer(page, **RIGHT)
    page.click("#submit")
    told = page.inner_text("#result")
    assert page.inner_text("#summary") == "✓ pass 100 of 100 points."
    assert "network-partition of orders->db (network) from 30 s to 55 s" in told
    assert not page.locator("#submit").is_enabled()


def test_of_two_equally_sure_causes_one_of_them_right_neither_passes(browser: Any, page_file: Path) -> None:
    page = opened(browser, page_file)
    page.click("#more")
    answer(page, 0, **RIGHT)
    answer(page, 1, **WRONG)
    page.click("#submit")
    assert re.findall(r"culprit\s+✗ fail\s+0\.50", page.inner_text("#grades"))


def test_hints_are_shown_one_by_one_at_their_cost(browser: Any, page_file: Path) -> None:
    page = opened(browser, page_file)
    assert page.inner_text("#taken") == ""
    page.click("#take")
    assert page.inner_text("#taken") == f"{HINTS[0]} (7 points)"
    page.click("#take")
    assert HINTS[1] in page.inner_text("#taken")
    assert not page.locator("#take").is_enabled()
    page.check("[value=healthy]")
    page.click("#submit")
    assert page.inner_text("#summary") == "✗ fail 0 of 100 points; hints cost 14."


def test_the_source_tells_neither_the_truth_nor_a_hint(page_file: Path) -> None:
    """Kinds and elements stand in the lists to choose from, each as often as any other."""
    source = page_file.read_text(encoding="utf-8")
    assert not [hint for hint in HINTS if hint in source]
    assert "incident" not in source
    kinds = re.findall(r'<option value="([a-z-]+)" title=', source)
    assert {"network-partition", "stale-cache"} <= set(kinds)
    assert {source.count(f'"{kind}"') for kind in kinds} == {1}
    assert "injected" not in source.replace("injected_s", "").partition("<script>")[0]


def test_the_same_recording_gives_the_same_bytes(page_file: Path) -> None:
    before = page_file.read_bytes()
    [run] = Path("runs/incident").iterdir()
    exercise = exercise_of(load_scenario("incident.scenario.yaml"), OWN, 1, None)
    assert write_quiz(exercise, open_run(run), page_file).read_bytes() == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_lies_beside_a_narrow_screen(browser: Any, page_file: Path, scheme: str) -> None:
    page = opened(browser, page_file, viewport={"width": 400, "height": 800}, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_the_page_grades_as_the_graders_do(browser: Any, page_file: Path) -> None:
    """Two thousand answers to cases of every sort: each axis with its outcome and value, and the verdict."""
    judged = cases(2000, seed=11)
    graders = {name: grader for name, grader in registered_graders().items() if name in AXES}
    page = opened(browser, page_file)
    found = page.evaluate(
        "given => given.map(([of, answer]) => { const grades = grading.grade(of, answer);"
        " return [grades.map(({grader, outcome, value}) => [grader, outcome, value]), grading.outcome(grades),"
        " grading.score(of.weights, grades, 7)]; })",
        [[graded_with(c.truth, c.options, (c.requests, c.runs), c.alerts), c.answer.to_json()] for c in judged],  # type: ignore[union-attr]
    )
    seen = set()
    for case, (grades, outcome, points) in zip(judged, found, strict=True):
        expected = grade(case, graders)
        assert [(name, said) for name, said, _ in grades] == [(g.grader, str(g.outcome)) for g in expected], case
        assert [value for *_, value in grades] == [pytest.approx(g.value) for g in expected], case
        assert outcome == str(verdict(expected)), case
        assert points == pytest.approx(score(expected, 7).points, abs=0.11), case
        seen |= {(g.grader, str(g.outcome)) for g in expected}
    assert len(seen) == 3 * len(AXES), "every axis passed, failed and was left open"
