"""Slips of the hand in a real browser: what is pressed twice counts once, and what cannot be says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.training_pages import Server, begin, expect, in_chromium, view

pytestmark = in_chromium


def start_again(opened: Callable[..., Any], alone: Server) -> Any:
    page = opened(alone.links[0], viewport={"width": 1400, "height": 900})
    again = page.locator("[data-exercise=own-1]").get_by_role("button", name="Start again")
    again.click() if again.count() else begin(page)
    expect(page.get_by_role("button", name="Take a hint")).to_be_enabled()
    return page


def test_a_double_click_takes_one_hint_and_a_click_after_it_the_next(opened: Callable[..., Any], alone: Server) -> None:
    page = start_again(opened, alone)
    take, hints = page.get_by_role("button", name="Take a hint"), page.locator(".hints li")
    take.dblclick(delay=120)  # the first hint is drawn before the second click
    expect(hints).to_have_count(1)
    expect(take).to_be_enabled()
    expect(hints).to_have_count(1)
    take.click()
    expect(hints).to_have_count(2)


def test_a_key_that_is_held_takes_one_hint_which_has_the_focus_then(opened: Callable[..., Any], alone: Server) -> None:
    page = start_again(opened, alone)
    hints = page.locator(".hints li")
    page.get_by_role("button", name="Take a hint").focus()
    page.keyboard.down("Enter")
    page.keyboard.down("Enter")
    expect(hints.first).to_be_focused()
    page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    expect(page.get_by_role("button", name="Take a hint")).to_be_enabled()
    expect(hints).to_have_count(1)


def test_an_onset_after_now_is_said_to_be_one(opened: Callable[..., Any], alone: Server) -> None:
    page = start_again(opened, alone)
    view(page, "answer")
    page.locator("input[name=verdict][value=fault]").check()
    onset, remark = page.get_by_label("Since when"), page.get_by_text("This is after now")
    onset.fill("3:30")
    onset.blur()
    expect(remark).to_be_visible()
    onset.fill("0:01")
    onset.blur()
    expect(remark).to_have_count(0)


@pytest.mark.parametrize("number", ["-1", "1.5", "12345678901234567890", ""])
def test_a_number_that_draws_no_incident_says_which_do(opened: Callable[..., Any], alone: Server, number: str) -> None:
    page = opened(alone.links[0])
    page.locator("input[name=seed]").fill(number)
    page.get_by_role("button", name="Draw").click()
    expect(page.get_by_role("alert").filter(has_text="whole number from 0 to 999999")).to_be_visible()
    page.locator("input[name=seed]").fill("7")
    expect(page.get_by_role("alert").filter(has_text="whole number")).to_have_count(0)
