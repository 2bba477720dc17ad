"""The training pages by keys alone, in a real browser: where the focus is after what one pressed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.training_pages import Server, begin, expect, forward, in_chromium, view

pytestmark = in_chromium


@pytest.mark.parametrize(
    ("opener", "begins_on"),
    [
        ("#keys-button", "h2"),
        ("figure .pin", "textarea"),
    ],
)
@pytest.mark.parametrize("way", ["Escape", "button"])
def test_after_a_dialog_the_focus_is_on_what_opened_it(
    opened: Callable[..., Any], alone: Server, opener: str, begins_on: str, way: str
) -> None:
    page = opened(alone.links[0])
    begin(page)
    forward(page, 1)
    button = page.locator(opener).first
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"dialog {begins_on}")).to_be_focused()
    if way == "Escape":
        page.keyboard.press("Escape")
    else:
        page.locator("dialog button").filter(has_text=re.compile("^(Pin|✕)$")).first.press("Enter")
    expect(page.locator("dialog")).to_have_count(0)
    expect(button).to_be_focused()


def test_a_new_view_takes_the_focus(opened: Callable[..., Any], alone: Server) -> None:
    page = opened(alone.links[0])
    view_of_it = page.locator("main")
    page.locator("[data-exercise=own-1]").get_by_role("button", name=re.compile("Start")).press("Enter")
    expect(page.locator(".clock")).to_be_visible()
    expect(view_of_it).to_be_focused()

    page.get_by_role("button", name="End", exact=True).focus()
    page.keyboard.press("3")
    expect(page.locator(".tabs [aria-current]")).to_have_text("Traces")
    expect(view_of_it).to_be_focused()

    view(page, "answer")
    page.locator("input[name=verdict][value=healthy]").check()
    page.get_by_role("button", name="Submit answer").press("Enter")
    expect(page.locator("dialog h2")).to_be_focused()
    page.get_by_role("button", name="Yes, submit").press("Enter")
    expect(page.get_by_role("heading", name="Answers beside the truth")).to_be_visible()
    expect(view_of_it).to_be_focused()


def test_where_something_is_removed_the_focus_stays_beside_it(opened: Callable[..., Any], alone: Server) -> None:
    page = opened(alone.links[0])
    begin(page)
    view(page, "board")
    page.locator("input[name=new-note]").fill("fewer clicks")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Remove: fewer clicks").press("Enter")
    expect(page.get_by_role("button", name="Remove: fewer clicks")).to_have_count(0)
    assert page.evaluate("document.activeElement !== document.body")


def test_a_remedy_is_told_when_it_is_done_and_not_offered_where_it_takes_too_long(
    opened: Callable[..., Any], alone: Server
) -> None:
    page = opened(alone.links[0], viewport={"width": 400, "height": 850})
    begin(page)
    view(page, "act")
    remedy = page.locator("[data-remedy=load-model]")
    remedy.locator("summary").click()
    button = remedy.get_by_role("button", name="Do it")
    button.press("Enter")
    page.locator("dialog").get_by_role("button", name="Do it").press("Enter")
    expect(page.locator(".toasts")).to_contain_text("Done: Load the model again (model), 00:12 to 01:12.")
    expect(button).to_be_focused()

    page.get_by_role("button", name="End", exact=True).click()
    expect(remedy).to_contain_text("The incident is over")
    expect(button).to_have_attribute("aria-disabled", "true")
    button.press("Enter")
    expect(page.locator("dialog")).to_have_count(0)


def test_a_phone_shows_the_brief_first_and_help_and_the_view_that_is_open(
    opened: Callable[..., Any], alone: Server, solved: str
) -> None:
    page = opened(alone.links[0], viewport={"width": 400, "height": 850})
    expect(page.get_by_text("How it works")).to_be_in_viewport()
    begin(page)
    expect(page.get_by_text("Fewer clicks than usual")).to_be_in_viewport()
    page.get_by_role("button", name="Help").click()
    expect(page.locator("dialog")).to_contain_text("start or stop the clock")
    page.keyboard.press("Escape")
    page.goto(f"{solved}/debrief")
    expect(page.locator(".tabs [aria-current]")).to_be_in_viewport(ratio=1)


def test_what_is_written_in_a_filter_stays_when_the_screen_is_turned(
    opened: Callable[..., Any], alone: Server, solved: str
) -> None:
    page = opened(alone.links[0], viewport={"width": 400, "height": 850})
    page.goto(f"{solved}/logs")
    page.locator(".fold").click()
    text = page.get_by_label("Contains")
    text.press_sequentially("timed out")
    page.set_viewport_size({"width": 850, "height": 400})
    expect(page.locator(".fold")).to_have_count(0)
    expect(text).to_have_value("timed out")
