"""The training pages in a real browser: the server, what opens it, and what people do there."""

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
in_chromium = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")]
"""The marks of tests that look at pages."""

LIMIT_MS = 120_000
"""How long the page may take for what it has to wait for, such as a simulation on a busy machine."""
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

    def __init__(self, directory: Path, *options: str, incident: str = INCIDENT) -> None:
        scenario = directory / "nothing-scores.scenario.yaml"
        scenario.write_text(incident)
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
    """Opens a link in a browser of its own. The pages may neither complain nor ask anybody else.

    What the browser itself complains of comes at any time after its cause: a test says with `page.may_say` which words
    it expects.
    """
    contexts = []

    def opening(link: str, **context: Any) -> Any:
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        page.set_default_timeout(LIMIT_MS)
        page.complaints, page.may_say = watched(page, link), "\0"
        page.goto(link)
        return page

    yield opening
    for context in contexts:
        watched_pages = [page for page in context.pages if hasattr(page, "complaints")]
        complaints = [one for page in watched_pages for one in page.complaints if page.may_say not in one]
        context.close()
        assert not complaints, complaints


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


TRUE = ("model", "model", "model-unload", "01:20")
WRONG = ("db", "data", "schema-corruption", "00:40")


def submit(page: Any, verdict: str, finding: tuple[str, str, str, str] = TRUE) -> None:
    """Answers; a fault with a culprit, a boundary, a kind and an onset."""
    view(page, "answer")
    page.locator(f"input[name=verdict][value={verdict}]").check()
    if verdict == "fault":
        *chosen, onset = finding
        for label, choice in zip(("Culprit", "Boundary", "Kind"), chosen, strict=True):
            page.get_by_role("combobox", name=label).select_option(choice)
        page.get_by_label("Since when").fill(onset)
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
