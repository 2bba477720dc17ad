"""The post-mortem in a real browser: gone on with, saved, kept from being lost to another tab, downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.training_pages import Server, expect, in_chromium

pytestmark = in_chromium


def editor(page: Any, address: str) -> Any:
    page.goto(f"{address}/postmortem")
    page.get_by_role("button", name="Edit").click()
    return page.locator("textarea[name=postmortem]")


def test_it_is_edited_saved_and_downloaded(opened: Callable[..., Any], alone: Server, solved: str) -> None:
    page = opened(alone.links[0], accept_downloads=True)
    area = editor(page, solved)
    save = page.get_by_role("button", name="Save")
    expect(save).to_be_disabled()
    area.fill("# What we learned\n\nFirst version.\n")
    expect(page.get_by_text("not saved yet")).to_be_visible()

    page.reload()
    expect(page.get_by_text("not saved yet")).to_be_visible()
    expect(page.get_by_role("heading", name="What we learned")).to_be_visible()
    save.click()
    expect(page.get_by_text("not saved yet")).to_have_count(0)
    expect(page.get_by_text("saved ", exact=False).first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download Markdown").click()
    assert Path(download.value.path()).read_text() == "# What we learned\n\nFirst version.\n"

    elsewhere = opened(alone.links[0])
    elsewhere.goto(f"{solved}/postmortem")
    expect(elsewhere.get_by_role("heading", name="What we learned")).to_be_visible()


def test_another_tab_that_saved_meanwhile_is_told(opened: Callable[..., Any], alone: Server, solved: str) -> None:
    page, other = opened(alone.links[0]), opened(alone.links[0])
    page.may_say = other.may_say = "409 (Conflict)"
    mine, theirs = editor(page, solved), editor(other, solved)
    mine.fill("mine")
    theirs.fill("theirs")
    theirs.press("Control+s")
    expect(other.get_by_text("not saved yet")).to_have_count(0)

    mine.press("Control+s")
    expect(page.get_by_text("saved elsewhere")).to_be_visible()
    expect(mine).to_have_value("mine")
    page.get_by_role("button", name="Save mine over it").click()
    expect(page.get_by_text("not saved yet")).to_have_count(0)

    theirs.fill("theirs again")
    theirs.press("Control+s")
    expect(other.get_by_text("saved elsewhere")).to_be_visible()
    other.get_by_role("button", name="Drop mine").click()
    expect(theirs).to_have_value("mine")
