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


def finger(page: Any, on: Any, right: int, down: int) -> None:
    """A finger that goes from the middle of something to another place, as a screen that is touched tells it."""
    on.scroll_into_view_if_needed()
    box = on.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    screen = page.context.new_cdp_session(page)

    def tell(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y} for x, y in points]
        screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    tell("touchStart", (x, y))
    for part in range(1, 11):
        tell("touchMove", (x + right * part / 10, y + down * part / 10))
    tell("touchEnd")


def test_a_finger_selects_sideways_and_scrolls_up_and_down(
    opened: Callable[..., Any], alone: Server, solved: str
) -> None:
    page = opened(alone.links[0], viewport={"width": 400, "height": 800}, has_touch=True)
    page.goto(signals(solved, ERRORS, CLICKS, LATENCY))
    drawn(page, 3)
    plot = page.locator("main .u-over").first
    finger(page, plot, 0, -200)
    page.wait_for_function("scrollY > 100")
    assert "zoom=" not in page.url
    finger(page, plot, 80, 5)
    expect(page).to_have_url(re.compile("zoom="))
    page.get_by_role("button", name="sets “before”").click()
    finger(page, plot, -80, 5)
    expect(page).to_have_url(re.compile("before="))


def test_buttons_below_a_chart_move_it_as_keys_do(page: Any, solved: str) -> None:
    page.goto(signals(solved, ERRORS))
    drawn(page, 1)
    told = page.locator(".chart").get_by_role("status")
    for button, what in {
        "Zoom in": "01:00 to 03:00.",
        "Earlier": "00:30 to 02:30.",
        "Later": "01:00 to 03:00.",
        "Zoom out": "The whole time, 00:00 to 04:00.",
    }.items():
        page.get_by_role("button", name=button).click()
        expect(told).to_have_text(re.compile(re.escape(what)))
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="The whole time").click()
    expect(page).not_to_have_url(re.compile("zoom="))


def test_a_chart_tells_its_values_in_words_and_as_a_table(page: Any, solved: str) -> None:
    page.goto(signals(solved, LATENCY))
    drawn(page, 1)
    words = page.get_by_role("application").get_attribute("aria-label")
    name, values = words.removesuffix(".").split(": ")
    assert name == "latency_p95_s shoppers->features"
    last, least, most = re.split("; least |, most ", values)
    page.get_by_role("button", name="Table").click()
    rows = [row.inner_text().split("\t") for row in page.locator(".chart tbody tr").all()]
    assert [row[1] + " at " + row[0] for row in rows].count(last) == 1
    assert {least, most} <= {f"{value} at {time}" for time, value in rows}
    assert last.endswith(rows[-1][0])


def test_an_axis_has_one_unit(page: Any) -> None:
    def axis(*values: float) -> list[str]:
        told = page.evaluate(
            "values => import('/static/format.js').then((made) => made.quantities(values, 's'))", values
        )
        return [text.replace("\u00a0", " ") for text in told]

    assert axis(0, 60, 90, 150) == ["0 min", "1 min", "1.5 min", "2.5 min"]
    assert axis(0, 0.5, 1) == ["0 s", "0.5 s", "1 s"]
    assert axis(0, 0.0005, 0.001) == ["0 ms", "0.5 ms", "1 ms"]


def test_a_trace_tells_without_its_bars_when_each_span_began_and_what_it_is_under(page: Any, solved: str) -> None:
    page.goto(f"{solved}/traces?service=db")
    page.get_by_role("table", name="Traces").get_by_role("button").first.click()
    spans = page.get_by_role("table", name="Spans of this trace")
    expect(spans.get_by_role("columnheader")).to_have_text(["Span", re.compile("^Begins, and how long it takes")])
    names = spans.get_by_role("rowheader")
    expect(names.first).to_contain_text("recommend")
    expect(names.first).not_to_contain_text("under")
    expect(names.nth(1)).to_contain_text(", under shoppers recommend")
    expect(spans.get_by_role("row").nth(1)).to_contain_text(re.compile(r"begins after 0\ss, takes\s+[\d.]+\sms"))
