"""The training pages in a real browser: an exercise from the list to the debrief, a group, two tabs, narrow screens."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")]

LIMIT_MS = 120_000
"""How long the page may take for what it has to wait for, such as a simulation on a busy machine."""
VIEWS = ("overview", "signals", "traces", "logs", "data", "jobs", "board", "act", "answer", "debrief", "postmortem")
INCIDENT = """
schema_version: 1
name: nothing-scores
title: The model server has no model
system: recommender
seed: 1
duration: 240s
load:
  stages: [{for: 240s, rate: 20/s}]
faults:
  - {id: f1, type: model-unload, target: model, at: 80s, for: 150s}
grading: {top_k: 3, onset_within: 30s}
training:
  brief: Fewer clicks than usual. <b>Pages</b> are fast.
  hints:
    - Who answers with an error, and how soon?
    - Look at the calls to the model.
  remedies: [{remedy: load-model, place: model}]
"""
TICKS_TO_SEE_IT = 20


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        playwright.expect.set_options(timeout=LIMIT_MS)
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


class Server:
    """`lab train` with one incident; `links` as it printed them."""

    def __init__(self, directory: Path, *options: str) -> None:
        scenario = directory / "nothing-scores.scenario.yaml"
        scenario.write_text(INCIDENT)
        command = [sys.executable, "-m", "lab", "train", str(scenario), "--port", "0", "--no-open"]
        command += ["--state", str(directory / "state"), *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.links: list[str] = []
        for line in self._process.stdout:
            self.links += re.findall(r"http://\S+", line)
            if len(self.links) == (2 if "--group" in options else 1):
                break
        assert self.links, "lab train ended without a link"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("alone"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("group"), "--group")
    yield server
    server.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a link in a browser of its own. The pages may neither complain nor ask anybody else."""
    contexts = []

    def opening(link: str, **context: Any) -> Any:
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        page.set_default_timeout(LIMIT_MS)
        page.complaints = watched(page, link)
        page.goto(link)
        return page

    yield opening
    for context in contexts:
        complaints = [one for page in context.pages for one in getattr(page, "complaints", [])]
        context.close()
        assert complaints == []


def watched(page: Any, link: str) -> list[str]:
    """What the page complains of from now on, and whom else it asks."""
    home, complaints = link.partition("/?")[0], []
    page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: asked.url.startswith((home, "blob:", "data:")) or complaints.append(asked.url))
    return complaints


def expect(*args: Any) -> Any:
    return playwright.expect(*args)


def begin(page: Any) -> str:
    """Starts the incident from the list; its address without the view."""
    page.locator("[data-exercise=own-1]").get_by_role("button", name=re.compile("Start")).click()
    expect(page.locator(".clock")).to_be_visible()
    return str(page.url.rpartition("/")[0])


def view(page: Any, name: str) -> None:
    """Goes to a view by its link."""
    link = page.locator(f'.tabs a[href*="/{name}"]')
    link.click()
    expect(link).to_have_attribute("aria-current", "page")


def forward(page: Any, ticks: int) -> None:
    for _ in range(ticks):
        with page.expect_response("**/clock"):
            page.get_by_role("button", name="One step").click()


def pin(page: Any, button: Any, hypothesis: str = "") -> None:
    """Pins what a button stands beside, to a new hypothesis or to the last one."""
    button.click()
    if hypothesis:
        page.locator("dialog input[name=hypothesis]").fill(hypothesis)
    page.locator("dialog").get_by_role("button", name="Pin", exact=True).click()
    expect(page.locator("dialog")).to_have_count(0)


def submit(page: Any, verdict: str) -> None:
    """Answers; a fault is the true one."""
    view(page, "answer")
    page.locator(f"input[name=verdict][value={verdict}]").check()
    if verdict == "fault":
        for label, choice in (("Culprit", "model"), ("Boundary", "model"), ("Kind", "model-unload")):
            page.get_by_role("combobox", name=label).select_option(choice)
        page.get_by_label("Since when").fill("01:20")
        page.keyboard.press("Enter")
    page.get_by_role("button", name="Submit answer").click()
    page.get_by_role("button", name="Yes, submit").click()


@pytest.fixture(scope="module")
def solved(browser: Any, alone: Server) -> str:
    """The address of a session whose debrief is there, with something on its board."""
    page = browser.new_context().new_page()
    page.set_default_timeout(LIMIT_MS)
    page.goto(alone.links[0])
    address = begin(page)
    forward(page, TICKS_TO_SEE_IT)
    pin(page, page.locator("figure .pin").first, "A hypothesis with a name that is long enough to be folded, and cut")
    submit(page, "fault")
    expect(page.get_by_role("heading", name="Answers beside the truth")).to_be_visible()
    page.context.close()
    return address


def test_an_exercise_from_the_list_to_the_debrief(opened: Callable[..., Any], alone: Server) -> None:
    page = opened(alone.links[0], viewport={"width": 1400, "height": 900}, accept_downloads=True)
    begin(page)
    expect(page.locator(".notebook")).to_contain_text("<b>Pages</b> are fast.")
    forward(page, TICKS_TO_SEE_IT)

    page.get_by_role("button", name="Take a hint").click()
    expect(page.locator(".hints")).to_contain_text("Who answers with an error")

    pin(page, page.locator("figure .pin").first, "The model cannot score")
    view(page, "logs")
    page.get_by_label("Service").select_option("features")
    pin(page, page.locator(".line .pin").first)

    time_before = page.locator(".clock .time b").inner_text()
    page.reload()
    expect(page.locator(".thought")).to_contain_text("2 for, 0 against")
    expect(page.get_by_label("Service")).to_have_value("features")
    expect(page.locator(".clock .time b")).to_have_text(time_before)
    expect(page.locator(".hints li")).to_have_count(1)
    view(page, "overview")
    view(page, "logs")
    expect(page.get_by_label("Service")).to_have_value("features")

    view(page, "act")
    remedy = page.locator("[data-remedy=load-model]")
    remedy.locator("summary").click()
    remedy.get_by_role("button", name="Do it").click()
    page.locator("dialog").get_by_role("button", name="Do it").click()
    expect(page.locator(".beside-list .pager li")).to_contain_text("Load the model again")
    expect(page.locator(".note progress")).to_have_count(0)

    submit(page, "fault")
    expect(page.locator(".truth")).to_contain_text("model-unload")
    own = page.locator(".answers tbody tr").filter(has_text="who is to blame").first.locator("td[data-label=You]")
    expect(own).to_contain_text("pass")
    expect(page.locator(".points")).to_contain_text("10 points went to hints")
    expect(page.locator(".pager .badge.ok", has_text="helped")).to_be_visible()
    expect(page.get_by_role("heading", name="What it cost")).to_be_visible()

    view(page, "postmortem")
    expect(page.locator(".markdown h2").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download Markdown").click()
    assert "model-unload" in Path(download.value.path()).read_text()


def test_three_participants_and_an_instructor(opened: Callable[..., Any], group: Server) -> None:
    instructor = opened(group.links[1], accept_downloads=True)
    verdicts = {"Ann": "fault", "Ben & Co": "healthy", "Çiğdem": "unsure"}
    pages = {}
    for name, verdict in verdicts.items():
        page = pages[name] = opened(group.links[0])
        page.get_by_label("Your name").fill(name)
        page.get_by_role("button", name="Join").click()
        begin(page)
        submit(page, verdict)
        expect(page.get_by_text("Waiting for the instructor")).to_be_visible()

    rows = instructor.locator("table").first.locator("tbody tr")
    expect(rows).to_have_count(3)
    for name in verdicts:
        expect(rows.filter(has_text=name)).to_contain_text("answered")
    instructor.get_by_role("button", name="Release all debriefs").click()
    instructor.locator("dialog").get_by_role("button", name="Release all debriefs").click()
    for page in pages.values():
        expect(page.locator(".truth")).to_contain_text("model-unload")
    for name in verdicts:
        expect(rows.filter(has_text=name)).to_contain_text("debrief ready")
    expect(instructor.get_by_role("heading", name="Scoreboard")).to_be_visible()
    with instructor.expect_download() as download:
        instructor.get_by_role("link", name="CSV").click()
    assert all(name in Path(download.value.path()).read_text(encoding="utf-8") for name in verdicts)


def test_two_tabs_show_one_session_and_a_lost_connection_comes_back(
    opened: Callable[..., Any], alone: Server, solved: str
) -> None:
    page = opened(alone.links[0])
    page.goto(f"{solved}/board")
    other = page.context.new_page()
    other.goto(f"{solved}/board")
    expect(other.locator(".hypothesis")).to_have_count(1)
    other.locator("input[name=new-note]").fill("seen in the other tab")
    other.keyboard.press("Enter")
    expect(page.get_by_text("seen in the other tab")).to_be_visible()

    page.context.set_offline(True)
    expect(page.locator(".lost")).to_be_visible()
    expect(page.locator(".hypothesis")).to_have_count(1)
    page.context.set_offline(False)
    expect(page.locator(".lost")).to_have_count(0)
    page.complaints.clear()  # the browser itself complains of requests that fail


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(
    opened: Callable[..., Any], alone: Server, solved: str, width: int, scheme: str
) -> None:
    page = opened(alone.links[0], viewport={"width": width, "height": 900}, color_scheme=scheme)
    expect(page.locator(".exercise").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in VIEWS:
        page.goto(f"{solved}/{name}")
        expect(page.locator("main")).to_be_visible()
        expect(page.get_by_text("Loading…")).to_have_count(0)
        page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_the_clock_and_the_views_follow_keys(opened: Callable[..., Any], alone: Server) -> None:
    page = opened(alone.links[0])
    begin(page)
    before = page.locator(".clock .time b").inner_text()
    with page.expect_response("**/clock"):
        page.keyboard.press(".")
    expect(page.locator(".clock .time b")).not_to_have_text(before)
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Run")).to_be_visible()
    page.keyboard.press("4")
    expect(page.locator(".tabs [aria-current]")).to_have_text("Logs")
