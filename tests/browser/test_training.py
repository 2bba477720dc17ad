"""The training pages in a real browser: an exercise from the list to the debrief, a group, two tabs, narrow screens."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training_pages import TICKS_TO_SEE_IT, Server, begin, expect, forward, in_chromium, pin, submit, view

pytestmark = in_chromium
VIEWS = ("overview", "signals", "traces", "logs", "data", "jobs", "board", "act", "answer", "debrief", "postmortem")


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
        page.get_by_role("button", name="To the exercises").click()
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


def test_a_participant_comes_back_with_a_personal_link(opened: Callable[..., Any], group: Server) -> None:
    page = opened(group.links[0])
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Join").click()
    link = page.get_by_label("Your personal link").input_value()
    page.get_by_role("button", name="To the exercises").click()
    begin(page)

    elsewhere = opened(link)
    expect(elsewhere.locator("[data-exercise=own-1]").get_by_role("link", name="Go on")).to_be_visible()
    third = opened(group.links[0])
    third.get_by_label("Personal code").fill(link.partition("token=")[2].upper())
    third.get_by_role("button", name="Go on").click()
    expect(third.locator("[data-exercise=own-1]").get_by_role("link", name="Go on")).to_be_visible()

    for one in (page, elsewhere, third):
        one.close()
    instructor = opened(group.links[1])
    instructor.get_by_text("participant").first.click()
    instructor.get_by_role("button", name="New personal link Ada").click()
    instructor.locator("dialog").get_by_role("button", name="New personal link").click()
    renewed = instructor.get_by_label("Personal link", exact=True).input_value()
    assert renewed != link
    expect(opened(renewed).locator("[data-exercise=own-1]").get_by_role("link", name="Go on")).to_be_visible()
    ended = opened(link)
    ended.may_say = "401 (Unauthorized)"
    expect(ended.get_by_text("This page needs a link")).to_be_visible()


def test_the_jump_to_the_next_alert_says_where_it_stopped(opened: Callable[..., Any], alone: Server) -> None:
    page = opened(alone.links[0])
    begin(page)
    page.get_by_role("button", name="Next alert").click()
    expect(page.locator(".note.alerting")).to_contain_text(
        re.compile(r"Stopped at 0\d:\d\d: [\w-]+ of features firing")
    )
    forward(page, 1)
    expect(page.locator(".note.alerting")).to_have_count(0)
    for _ in range(3):
        with page.expect_response("**/clock"):
            page.keyboard.press("n")
    expect(page.locator(".note.calm")).to_contain_text("No ")


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

    page.may_say = "ERR_INTERNET_DISCONNECTED"
    page.context.set_offline(True)
    expect(page.locator(".lost")).to_be_visible()
    expect(page.locator(".hypothesis")).to_have_count(1)
    page.context.set_offline(False)
    expect(page.locator(".lost")).to_have_count(0)


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
        page.evaluate("for (const fold of document.querySelectorAll('.fold')) fold.click()")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_filters_are_behind_one_button_where_the_screen_is_narrow(
    opened: Callable[..., Any], alone: Server, solved: str
) -> None:
    page = opened(alone.links[0], viewport={"width": 400, "height": 900})
    page.goto(f"{solved}/traces?service=model&status=error&order=slowest")
    service, button = page.get_by_label("Service"), page.locator(".fold")
    expect(button).to_have_text("Filters (2 set)")
    expect(service).to_be_hidden()
    button.click()
    service.select_option("any")
    expect(button).to_have_text("Filters (1 set)")
    page.goto(f"{solved}/logs")
    expect(button).to_have_text("Filters")
    page.goto(f"{solved}/signals?of=error_ratio:shoppers->features")
    expect(button).to_have_text("Choose signals (1 chosen)")
    expect(page.get_by_label("Search signals")).to_be_hidden()
    page.set_viewport_size({"width": 1400, "height": 900})
    expect(page.get_by_label("Search signals")).to_be_visible()
    expect(button).to_have_count(0)


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


def test_an_alert_that_arrives_is_told_in_every_view(opened: Callable[..., Any], alone: Server) -> None:
    page = opened(alone.links[0])
    page.goto(f"{begin(page)}/jobs")
    page.get_by_role("button", name="End", exact=True).click()
    expect(page.get_by_role("status").filter(has_text=re.compile(r"\d\d:\d\d: .+ of features"))).to_be_attached()
