"""The charts of the training pages in a real browser: one axis of time, one cursor, one colour for each series."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.training_pages import Server, expect, in_chromium

pytestmark = in_chromium
ERRORS, CLICKS, LATENCY = (
    "error_ratio:shoppers->features",
    "click_through_ratio:features",
    "latency_p95_s:shoppers->features",
)


def signals(solved: str, *chosen: str) -> str:
    return f"{solved}/signals?layout=separate&" + "&".join(f"of={one}" for one in chosen)


def drawn(page: Any, count: int) -> None:
    """Waits until charts have their values: they are made anew when these come."""
    values = page.locator("main .legend b")
    expect(values).to_have_count(count)
    for i in range(count):
        expect(values.nth(i)).to_have_text(re.compile(r"\d"))


def swatch(page: Any, name: str) -> Any:
    return page.locator(".legend li", has_text=name).locator(".swatch")


@pytest.fixture
def page(opened: Callable[..., Any], alone: Server) -> Any:
    return opened(alone.links[0], viewport={"width": 1400, "height": 900})


def test_times_stand_below_each_other_and_are_pointed_at_in_all_charts(page: Any, solved: str) -> None:
    page.goto(signals(solved, ERRORS, CLICKS, LATENCY))
    drawn(page, 3)
    plots = page.locator("main .u-over")
    ranges = {(box["x"], box["width"]) for box in (plots.nth(i).bounding_box() for i in range(3))}
    assert len(ranges) == 1

    plots.nth(1).hover()
    moments = page.locator("main .moment")
    expect(moments.first).to_have_text(re.compile(r"^\d\d:\d\d$"))
    assert len({moments.nth(i).inner_text() for i in range(3)}) == 1


def test_a_series_has_one_colour_in_every_view_whatever_stands_beside_it(page: Any, solved: str) -> None:
    page.goto(f"{solved}/overview")
    figures = page.locator(".charts figure")
    drawn(page, 3)
    own = figures.filter(has_text="latency_p95_s").locator(".swatch")
    at_first = own.evaluate("one => getComputedStyle(one).backgroundColor")
    page.goto(signals(solved, ERRORS, LATENCY))
    expect(swatch(page, "latency_p95_s")).to_have_css("background-color", at_first)
    expect(swatch(page, "error_ratio")).not_to_have_css("background-color", at_first)
    page.goto(signals(solved, LATENCY, CLICKS))
    expect(swatch(page, "latency_p95_s")).to_have_css("background-color", at_first)
    page.reload()
    expect(swatch(page, "latency_p95_s")).to_have_css("background-color", at_first)


def test_marks_in_charts_have_a_key(page: Any, solved: str) -> None:
    page.goto(f"{solved}/overview")
    expect(page.locator(".marks")).to_contain_text("where the alert fires")
    page.goto(f"{solved}/debrief")
    expect(page.locator(".marks").first).to_contain_text("the fault began")


def test_charts_zoom_by_keys_and_tell_it(opened: Callable[..., Any], alone: Server, solved: str) -> None:
    page = opened(alone.links[0])
    page.goto(signals(solved, ERRORS, LATENCY))
    drawn(page, 2)
    chart = page.get_by_role("application", name="latency_p95_s")
    expect(chart).to_have_accessible_description(re.compile(r"\+ and − zoom"))
    told = page.locator(".chart", has=chart).get_by_role("status")
    chart.focus()
    for key, what in {
        "+": "01:00 to 03:00.",
        "ArrowLeft": "00:30 to 02:30.",
        "-": "The whole time, 00:00 to 04:00.",
        "=": "01:00 to 03:00.",
        "Escape": "The whole time, 00:00 to 04:00.",
    }.items():
        page.keyboard.press(key)
        values = r" latency_p95_s shoppers->features: [\d.]+\sms to [\d.]+\sms\."
        expect(told).to_have_text(re.compile(re.escape(what) + values))
        assert ("zoom=" in page.url) == (not what.startswith("The whole"))

    page.goto(f"{signals(solved, ERRORS)}&zoom=120,120.2")
    drawn(page, 1)
    page.get_by_role("application").focus()
    told = page.locator(".chart").get_by_role("status")
    for key, what in {
        "ArrowLeft": "01:59 to 01:59.",
        "ArrowRight": "02:00 to 02:00.",
        "+": "It goes no further.",
    }.items():
        page.keyboard.press(key)
        expect(told).to_have_text(re.compile(re.escape(what)))


def test_runs_of_jobs_stay_in_their_card_and_are_told_as_they_are_drawn(page: Any, solved: str) -> None:
    page.goto(f"{solved}/jobs")
    card = page.locator(".card", has=page.locator("svg.runs"))
    drawn_runs = card.locator("svg.runs rect")
    expect(drawn_runs.first).to_be_visible()
    told = re.compile(rf"^00:00 to \d\d:\d\d: {drawn_runs.count()} runs, 0 failed\.$")
    expect(card.get_by_role("img")).to_have_accessible_name(told)
    card.get_by_text("Runs of jobs").click()
    expect(card.locator(".line")).to_have_count(drawn_runs.count())
    within, body, pin = (one.bounding_box() for one in (card, card.locator(".body").first, card.locator(".pin").first))
    assert body["width"] > within["width"] / 2
    assert pin["x"] + pin["width"] < within["x"] + within["width"]
