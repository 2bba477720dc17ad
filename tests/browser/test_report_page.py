"""The report in a real browser: it filters, unfolds what is linked to, fits narrow screens, works without script."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.recording.opening import find_runs, open_run
from lab.report import write_report
from tests.cli_cases import HEALTHY, folder, lab, write  # noqa: F401

playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")]


@pytest.fixture
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def pages(folder: Path) -> tuple[Path, Path]:  # noqa: F811
    """A campaign's page and the index: `cut` failed, `quiet` passed."""
    write("long-" + "x" * 50)
    lab("run", "cut.scenario.yaml", "quiet.scenario.yaml", f"long-{'x' * 50}.scenario.yaml", "--engine", HEALTHY)
    runs = [open_run(path) for path in find_runs(Path("runs"))]
    return write_report(runs, Path("campaign.html")).resolve(), Path("runs/index.html").resolve()


def opened(browser: Any, path: Path, **context: Any) -> Any:
    """The page, which may neither complain nor ask for anything else."""
    page = browser.new_context(**context).new_page()
    page.on("console", lambda message: pytest.fail(message.text))
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or pytest.fail(request.url))
    page.goto(path.as_uri())
    return page


def test_runs_are_filtered_by_scenario_engine_and_outcome(browser: Any, pages: tuple[Path, Path]) -> None:
    for path in pages:
        page = opened(browser, path)
        counted = page.locator("form.filter output")
        assert counted.inner_text() == "all 3 runs"
        page.select_option("select[name=outcome]", "fail")
        assert counted.inner_text() == "1 of 3 runs"
        page.select_option("select[name=engine]", HEALTHY)
        page.fill("input[name=scenario]", "quiet")
        assert counted.inner_text() == "0 of 3 runs"
        page.click("button[type=reset]")
        playwright.expect(counted).to_have_text("all 3 runs")


def test_a_link_of_the_matrix_unfolds_its_run_and_paper_shows_all(browser: Any, pages: tuple[Path, Path]) -> None:
    page = opened(browser, pages[0])
    assert page.locator("details.run[open]").count() == 0
    page.locator(".matrix tbody a").first.click()
    playwright.expect(page.locator("details.run[open]")).to_have_count(1)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(browser: Any, pages: tuple[Path, Path], width: int, scheme: str) -> None:
    for path in pages:
        page = opened(browser, path, viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_script_everything_is_there(browser: Any, pages: tuple[Path, Path]) -> None:
    page = opened(browser, pages[0], java_script_enabled=False)
    assert not page.locator("form.filter").is_visible()
    page.locator("details.run > summary").first.click()
    assert page.locator("details.run[open] .system svg").is_visible()
