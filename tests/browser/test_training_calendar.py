"""The calendar of a system of jobs in a real browser: a session's first page, opened by pointer and by keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.training_pages import Server, expect, in_chromium, view

pytestmark = in_chromium

INCIDENT = """
schema_version: 1
name: in-cents
title: Campaigns bring less
system: segmentation
seed: 3
duration: 21d
faults:
  - {id: f1, type: schema-corruption, target: orders, at: 12d, for: 9d,
     with: {table: orders, column: amount, change: rescale, factor: 100}}
training: {brief: Campaigns bring less than they did., called_at: 11d}
"""


CONTRASTS = """() => {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const over = (colours) => {
    for (const one of colours) { pen.fillStyle = one; pen.fillRect(0, 0, 1, 1); }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const linear = (one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
  const luminance = (rgb) => rgb.reduce((sum, one, i) => sum + linear(one / 255) * [0.2126, 0.7152, 0.0722][i], 0);
  const grounds = (one) => one ? [...grounds(one.parentElement), getComputedStyle(one).backgroundColor] : ["white"];
  const hasText = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const faint = [...document.querySelectorAll(".calendar *, .calendar-key *")].filter(hasText).map((one) => {
    const style = getComputedStyle(one);
    const ground = style.textShadow === "none" ? grounds(one) : [style.textShadow.match(/^[a-z]+[(][^)]*[)]/)[0]];
    const [low, high] = [over(ground), over([...ground, style.color])].map(luminance).sort((a, b) => a - b);
    return [one.closest("tr, li").textContent, one.textContent, (high + 0.05) / (low + 0.05)];
  });
  return faint.filter(([, , ratio]) => !(ratio >= 4.5));
}"""
"""Texts and signs of the calendar that are too faint for what they stand on."""


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("weeks"), incident=INCIDENT)
    yield server
    server.close()


@pytest.fixture
def page(opened: Callable[..., Any], weeks: Server) -> Any:
    """A session on the incident, the same one for all tests, at whatever time its clock is."""
    shown = opened(weeks.links[0], viewport={"width": 1400, "height": 1000})
    exercise = shown.locator("[data-exercise=own-1]")
    exercise.locator("a, button").filter(has_text=re.compile("Start|Go on")).first.click()
    expect(shown.locator(".calendar")).to_be_visible()
    return shown


def columns(page: Any) -> Any:
    return page.locator(".calendar .numbers th[aria-label]")


def cell(page: Any, row: str, period: str) -> Any:
    return page.locator(f'.calendar td[aria-label^="{row}, {period},"]').first


def to_the_end(page: Any) -> None:
    end = page.get_by_role("button", name="End", exact=True)
    if end.is_enabled():
        end.click()
    expect(columns(page)).to_have_count(21)


def told_otherwise(page: Any, change: Callable[[Any], object]) -> None:
    """Loads the page anew with another calendar than the one that the API tells."""

    def answer(route: Any) -> None:
        told = route.fetch()
        body = told.json()
        change(body["calendar"])
        route.fulfill(response=told, json=body)

    page.route(re.compile("/calendar([?]|$)"), answer)
    page.reload()


def test_a_session_begins_with_the_calendar_up_to_its_clock_which_goes_on_by_whole_periods(page: Any) -> None:
    assert page.url.endswith("/calendar")
    expect(columns(page)).to_have_count(11)
    expect(page.locator(".clock")).to_contain_text("after night 11")
    page.get_by_role("button", name="Next night").click()
    expect(columns(page)).to_have_count(12)
    expect(page.locator(".clock")).to_contain_text("after night 12")


def test_what_changed_is_listed_from_the_night_in_which_it_began(page: Any) -> None:
    to_the_end(page)
    row = page.locator("tr", has=page.locator("b", has_text=re.compile("^orders_daily.amount$"))).first
    expect(row).to_contain_text("night 13, Sat 17 Oct")
    expect(row).to_contain_text("values moved")


def test_a_version_tells_what_differs_from_the_one_before_and_who_read_it(page: Any) -> None:
    to_the_end(page)
    cell(page, "orders_daily", "night 13").click()
    chosen = page.locator(".chosen-cell")
    expect(chosen.locator("h2")).to_be_focused()
    expect(chosen.get_by_role("rowheader", name="amount").first).to_be_visible()
    expect(chosen).to_contain_text("Read by: features")
    assert "at=13" in page.url


def test_by_keys_one_moves_through_the_cells_and_opens_a_run_with_its_log_and_what_it_read_and_wrote(page: Any) -> None:
    to_the_end(page)
    cell(page, "features", "night 21").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("extract, night 20,")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    chosen = page.locator(".chosen-cell")
    expect(chosen.locator("h2")).to_have_text("features, night 20, Sat 24 Oct")
    expect(chosen).to_contain_text("run finished")
    for dataset in ("customers_snapshot", "orders_daily", "visits_daily"):
        expect(chosen.locator("li", has_text=dataset).first).to_be_visible()
    expect(chosen.locator(".version", has_text="features")).to_be_visible()


def test_the_page_opens_with_what_changed_first_in_the_words_of_the_report_and_a_line_where_it_began(page: Any) -> None:
    to_the_end(page)
    opening = page.locator(".opening")
    expect(opening).to_have_text(
        re.compile("^The first lasting change: night 13, Sat 17 Oct, orders_daily.amount: values moved")
    )
    expect(page.locator(".calendar .numbers th.first")).to_have_text("13")
    assert "first" in (cell(page, "features", "night 13").get_attribute("class") or "")


def test_the_key_explains_what_is_drawn_and_nothing_else(page: Any) -> None:
    to_the_end(page)
    drawn = set(page.locator(".calendar tbody:not(.piles) td i").all_inner_texts()) - {""}
    signs = {sign for sign in drawn if not re.fullmatch(r"[.\d]+", sign)}
    marks = page.locator(".calendar-key li").evaluate_all(
        "all => all.map(one => [one.dataset.mark, one.querySelector('i').textContent])"
    )
    assert signs == {sign for _, sign in marks if sign and not re.fullmatch(r"[.\d]+", sign)}
    assert {"first", "usual", "ok", "new", "drift"} <= {mark for mark, _ in marks}
    assert not {"fault", "since", "truly", "onset", "effect", "decoy", "failed"} & {mark for mark, _ in marks}


def test_an_indicator_has_its_scale_and_what_is_usual(page: Any) -> None:
    row = page.locator(".calendar .lines tr", has=page.locator("a", has_text="campaign_return_ratio")).first
    expect(row).to_contain_text(re.compile(r"usual [\d.]+ to [\d.]+"))
    expect(row).to_contain_text("alert below 1.5")
    expect(row.locator("svg .usual")).to_have_count(1)
    expect(row.locator(".scale span")).to_have_count(2)


def test_what_is_made_from_what_and_what_is_not_known_is_told(page: Any) -> None:
    expect(page.locator(".lineage")).to_contain_text(
        "customers_snapshot, orders_daily, visits_daily → features → scores → segments"
    )
    expect(page.locator(".unknown")).to_contain_text("Checked by validate: features, scores.")
    expect(page.locator(".unknown")).to_contain_text(
        "No job checks customers_snapshot, orders_daily, visits_daily, segments."
    )


@pytest.mark.parametrize("width", [400, 800, 1400])
def test_what_a_cell_opens_is_seen_under_its_row(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    to_the_end(page)
    cell(page, "orders_daily", "night 14").click()
    chosen = page.locator(".chosen-cell")
    expect(chosen.locator("h2")).to_be_in_viewport()
    frame, box, row = (
        page.locator(of).bounding_box() for of in (".calendar-frame", ".chosen-cell", ".calendar td.chosen")
    )
    assert frame["x"] - 1 <= box["x"]
    assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
    assert 0 <= box["y"] - row["y"] - row["height"] < 20
    page.get_by_role("button", name="Close").first.click()
    expect(chosen).to_have_count(0)


def test_only_one_cell_is_on_the_way_of_the_tab_key(page: Any) -> None:
    assert page.locator('.calendar td[tabindex="0"]').count() == 1


def test_on_a_narrow_screen_the_calendar_scrolls_and_the_page_does_not(page: Any) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".calendar").evaluate("one => one.offsetWidth > one.parentElement.clientWidth")
    names = page.locator(".calendar tbody th[scope=row]")
    assert names.evaluate_all("all => all.every(one => one.scrollWidth <= one.clientWidth && one.offsetWidth <= 120)")


def test_on_a_narrow_screen_it_begins_with_the_column_before_the_first_change_beside_the_names(page: Any) -> None:
    to_the_end(page)
    page.set_viewport_size({"width": 320, "height": 800})
    page.reload()
    expect(columns(page)).to_have_count(21)
    names, before, first = (
        page.locator(f".calendar .numbers {of}").bounding_box()
        for of in ("th:first-child", "th:has(+ .first)", "th.first")
    )
    assert abs(names["x"] + names["width"] - before["x"]) < 2
    assert before["x"] + before["width"] <= first["x"] + 1 < 320 - first["width"]


def test_the_month_stays_beside_the_names_when_one_scrolls(page: Any) -> None:
    to_the_end(page)
    page.set_viewport_size({"width": 400, "height": 800})
    page.locator(".calendar-frame").evaluate("one => one.scrollTo(200, 0)")
    month, names = (page.locator(f".calendar {of}").first for of in (".months span", ".numbers th"))
    expect(month).to_have_text("Oct")
    assert names.bounding_box()["x"] + names.bounding_box()["width"] <= month.bounding_box()["x"]
    assert month.evaluate(
        "one => (({ x, y }) => one === document.elementFromPoint(x + 5, y + 5))(one.getBoundingClientRect())"
    )


def test_names_break_where_their_words_meet(page: Any) -> None:
    to_the_end(page)
    name = page.locator(".calendar tbody.drift th[scope=row]", has_text="orders_daily.amount").first
    assert name.evaluate("one => one.innerHTML.includes('orders_<wbr>daily.<wbr>amount')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_signs_can_be_read_on_whatever_colour_they_stand(page: Any, scheme: str) -> None:
    """4.5 to 1, as WCAG AA has it; datasets' signs stand on their own halo."""
    page.emulate_media(color_scheme=scheme)
    to_the_end(page)
    assert page.locator(".calendar .drift .moved i").count() > 0
    assert page.evaluate(CONTRASTS) == []


def test_what_was_written_more_than_once_says_so_in_its_cell_in_words_and_in_the_key(page: Any) -> None:
    def written_often(calendar: Any) -> None:
        (row,) = (one for one in calendar["datasets"] if one["dataset"] == "orders_daily")
        row["cells"][9]["writes"] = 3

    to_the_end(page)
    expect(page.locator('[data-mark="again"]')).to_have_count(0)
    told_otherwise(page, written_often)
    expect(cell(page, "orders_daily", "night 10")).to_have_text("×3")
    expect(cell(page, "orders_daily", "night 10")).to_have_attribute("aria-label", re.compile("written 3 times"))
    expect(page.locator('[data-mark="again"]')).to_have_count(1)


def test_it_says_what_a_column_is_and_whose_times_it_tells(page: Any) -> None:
    to_the_end(page)
    lead = page.locator(".opening + p")
    expect(lead).to_contain_text("A column is one night and the time until the next one begins")
    expect(lead).to_contain_text("Times are those of Europe/Berlin.")
    expect(lead).not_to_contain_text("UTC")
    clock = {"kind": "clock", "at_s": 20.5 * 86400, "until_s": None, "at": "Sun 25 Oct 02:00", "text": "put back"}
    told_otherwise(page, lambda calendar: calendar["moments"].append(clock))
    expect(lead).to_contain_text("Times are those of Europe/Berlin. Jobs start by UTC")


def test_other_views_tell_times_by_the_calendar_too(page: Any) -> None:
    to_the_end(page)
    view(page, "overview")
    assert page.title().startswith("end of night 21, Mon 26 Oct ")
    expect(page.locator(".clock")).to_contain_text("after night 21")
    parts = (
        page.locator(".pager li")
        .first.locator("> *")
        .evaluate_all("all => all.map(one => one.getBoundingClientRect().toJSON())")
    )
    assert not any(
        one["left"] < other["right"]
        and other["left"] < one["right"]
        and one["top"] < other["bottom"]
        and other["top"] < one["bottom"]
        for i, one in enumerate(parts)
        for other in parts[:i]
    )
    expect(page.locator(".pager").last).to_contain_text(re.compile(r"night \d+, \w{3} \d+ Oct \d\d:\d\d"))


def test_a_cell_is_pinned_and_can_be_cited_in_the_answer(page: Any) -> None:
    to_the_end(page)
    cell(page, "extract", "night 20").click()
    page.locator(".chosen-cell .pins .pin").first.click()
    expect(page.locator("dialog")).to_contain_text("can cite it as evidence")
    page.locator("dialog").get_by_role("button", name="Pin", exact=True).click()
    expect(page.locator("dialog")).to_have_count(0)
    view(page, "answer")
    page.locator("input[name=verdict][value=fault]").check()
    expect(page.locator(".check.evidence")).to_have_count(1)


def test_an_onset_is_written_as_the_calendar_tells_it_and_said_as_understood(page: Any) -> None:
    view(page, "answer")
    page.locator("input[name=verdict][value=fault]").check()
    onset = page.get_by_label("Since when")
    page.may_say = "422"  # what cannot be read is refused
    onset.fill("15 Okt")
    onset.blur()
    expect(page.get_by_role("alert").filter(has_text="there is no month 'okt'; write it as night ")).to_be_visible()
    expect(page.get_by_role("button", name="Submit answer")).to_be_disabled()
    for text in ("13", "night 13", "17 Oct"):
        onset.fill(text)
        onset.blur()
        said = page.get_by_role("status").filter(has_text=f"“{text}” is understood as night 13, Sat 17 Oct 02:00.")
        expect(said).to_be_visible()
        expect(onset).to_have_value("night 13, Sat 17 Oct 02:00")
