"""Typed fields in a real browser: what cannot be read is said beside the field, and nothing is sent in its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.training_pages import TRUE, Server, begin, expect, forward, in_chromium, pin, view

pytestmark = in_chromium


@pytest.fixture
def answering(opened: Callable[..., Any], alone: Server) -> Any:
    """The answer of an incident of four minutes, with all but an onset."""
    page = opened(alone.links[0], viewport={"width": 1400, "height": 900})
    begin(page)
    view(page, "answer")
    page.locator("input[name=verdict][value=fault]").check()
    for label, choice in zip(("Culprit", "Boundary", "Kind"), TRUE[:3], strict=True):
        page.get_by_role("combobox", name=label).select_option(choice)
    return page


def typed(page: Any, text: str) -> Any:
    onset = page.get_by_label("Since when")
    onset.fill(text)
    onset.blur()
    return onset


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("around 5", "Write minutes and seconds as mm:ss"),
        ("five past", "“five past” is no time"),
        ("01:75", "is no time"),
        ("-1", "is no time"),
        ("5.5", "may be minutes or seconds"),
        ("99:00", "past the end of the incident, 04:00"),
    ],
)
def test_an_onset_that_is_no_time_of_the_incident_is_said_and_not_sent(answering: Any, text: str, said: str) -> None:
    submit = answering.get_by_role("button", name="Submit answer")
    typed(answering, "01:20")
    expect(submit).to_be_enabled()

    onset = typed(answering, text)
    expect(onset).to_have_value(text)
    expect(onset).to_have_attribute("aria-invalid", "true")
    expect(answering.get_by_role("alert").filter(has_text=said)).to_be_visible()
    expect(submit).to_be_disabled()
    expect(answering.get_by_role("status").filter(has_text=f"is not valid: “{text}”")).to_be_visible()

    view(answering, "overview")
    view(answering, "answer")
    expect(onset).to_have_value(text)
    expect(submit).to_be_disabled()


def test_what_is_typed_while_what_was_typed_before_is_taken_in_stays(answering: Any) -> None:
    """Both within one frame of the browser: what follows a change comes after it."""
    onset = typed(answering, "01:20")
    onset.evaluate(
        """field => {
            for (const text of ["02:30", "5.5"]) {
                field.value = text;
                field.dispatchEvent(new Event("input", { bubbles: true }));
                field.dispatchEvent(new Event("change", { bubbles: true }));
            }
        }"""
    )
    expect(onset).to_have_value("5.5")
    expect(onset).to_have_attribute("aria-invalid", "true")
    expect(answering.get_by_role("alert").filter(has_text="may be minutes or seconds")).to_be_visible()


@pytest.mark.parametrize(
    ("text", "shown"), [("02:30", "02:30"), ("150", "02:30"), ("150s", "02:30"), ("2.5m", "02:30"), ("4:00", "04:00")]
)
def test_an_onset_is_confirmed_as_it_was_read(answering: Any, text: str, shown: str) -> None:
    typed(answering, "around 5")
    onset = typed(answering, text)
    expect(onset).to_have_value(shown)
    expect(onset).to_have_attribute("aria-invalid", "false")
    answering.get_by_role("button", name="Submit answer").click()
    expect(answering.locator("dialog li")).to_contain_text(f", {shown},")


def test_an_onset_from_the_page_takes_the_place_of_what_was_no_time(answering: Any) -> None:
    onset = typed(answering, "around 5")
    answering.get_by_role("button", name=re.compile("^known up to")).click()
    expect(onset).to_have_attribute("aria-invalid", "false")
    expect(onset).to_have_value(re.compile(r"^\d\d:\d\d$"))
    expect(answering.get_by_role("button", name="Submit answer")).to_be_enabled()


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("logs?since_s=40", "From"),
        ("traces?since_s=40", "From"),
        ("signals?of=error_ratio:shoppers-%3Efeatures&before=40,60", "Before: from"),
        ("data?table=predictions&column=position&since_s=40", "Now: from"),
    ],
)
def test_a_filter_that_is_no_time_is_said_with_what_counts_meanwhile(
    opened: Callable[..., Any], alone: Server, solved: str, address: str, label: str
) -> None:
    page = opened(alone.links[0], viewport={"width": 1400, "height": 900})
    page.goto(f"{solved}/{address}")
    field = page.get_by_label(label, exact=True)
    expect(field).to_have_value("00:40")
    field.fill("a while ago")
    field.blur()
    said = page.get_by_role("alert").filter(has_text="“a while ago” is no time")
    expect(said).to_contain_text("00:40 still counts.")
    field.fill("50s")
    field.blur()
    expect(said).to_have_count(0)
    expect(field).to_have_value("00:50")


def test_what_was_pinned_for_a_hypothesis_is_cited_and_shown_to_set_the_onset(
    opened: Callable[..., Any], alone: Server
) -> None:
    page = opened(alone.links[0], viewport={"width": 1400, "height": 900})
    address = begin(page)
    forward(page, 2)
    pin(page, page.locator("figure .pin").first, "Nothing scores")
    page.goto(f"{address}/signals?of=client_error_ratio:features->model")
    pin(page, page.locator(".legend .pin").first)
    view(page, "logs")
    page.locator(".line .pin").first.click()
    expect(page.locator("dialog")).to_contain_text("can cite only charts of signals")
    page.locator("dialog").get_by_role("button", name="Pin", exact=True).click()
    view(page, "board")
    expect(page.locator(".evidence-line", has_text="can be cited")).to_have_count(2)

    view(page, "answer")
    page.locator("input[name=verdict][value=fault]").check()
    boxes = page.locator(".check.evidence input")
    expect(boxes).to_have_count(2)
    expect(page.locator(".check.evidence input:checked")).to_have_count(2)
    expect(page.locator(".finding figure figcaption", has_text="features->model")).to_have_count(1)
    boxes.last.uncheck()
    page.reload()
    expect(page.locator(".check.evidence input:checked")).to_have_count(1)
