"""Sessions whose exercise is not offered any more, in a real browser: what was learned can still be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.training_pages import INCIDENT, Server, begin, expect, in_chromium, submit

pytestmark = in_chromium


def test_debrief_and_post_mortem_outlive_the_exercise(opened: Callable[..., Any], tmp_path: Path) -> None:
    server = Server(tmp_path)
    page = opened(server.links[0])
    begin(page)
    submit(page, "healthy")
    expect(page.locator(".truth")).to_contain_text("model-unload")
    page.close()
    server.close()

    server = Server(tmp_path, incident=INCIDENT.replace("seed: 1", "seed: 2"))
    try:
        page = opened(server.links[0])
        row = page.locator(".past .exercise")
        expect(row).to_contain_text("scenario or seed has changed")
        row.get_by_role("link", name="See debrief").click()
        expect(page.locator(".short")).to_contain_text("model: model-unload")
        page.get_by_role("navigation").get_by_role("link", name="Post-mortem").click()
        expect(page.locator(".markdown h2").first).to_be_visible()
        page.get_by_role("button", name="Edit").click()
        page.locator("textarea[name=postmortem]").fill("still to be learned from")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("not saved yet")).to_have_count(0)
        page.close()
    finally:
        server.close()
