"""The debrief in a real browser: whoever was wrong sees at once what it was, and where it could be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.training_pages import TICKS_TO_SEE_IT, WRONG, Server, begin, expect, forward, in_chromium, submit

pytestmark = in_chromium


def test_who_was_wrong_reads_what_it_was_without_scrolling(opened: Callable[..., Any], alone: Server) -> None:
    page = opened(alone.links[0], viewport={"width": 1400, "height": 900})
    begin(page)
    forward(page, TICKS_TO_SEE_IT)
    submit(page, "fault", WRONG)

    parts = page.locator(".short > div")
    what, said, told, helps = (parts.nth(i) for i in range(4))
    expect(what).to_contain_text("model: model-unload")
    expect(what).to_contain_text("01:20")
    expect(said.locator("li").filter(has_text="who is to blame")).to_contain_text("right: model")
    expect(said.locator("li").filter(has_text="since when")).to_contain_text("00:40")
    expect(said.locator(".badge.fail")).to_have_count(4)
    expect(told.locator("ul > li")).to_have_count(3)
    for i in range(3):
        expect(told.locator("ul > li").nth(i)).to_contain_text("To be seen since 01:")
        expect(told.locator("ul > li").nth(i)).to_contain_text("look")
    expect(helps).to_contain_text("Load the model again")
    for part in (what, said, told, helps):
        expect(part).to_be_in_viewport(ratio=1)

    told.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Before and during")).to_be_visible()
    levels = page.locator("table tbody tr")
    expect(levels).to_have_count(1)
    expect(levels).not_to_contain_text("–")
    page.go_back()
    expect(page.locator(".short")).to_be_visible()


def test_points_are_named_alike_where_they_are_shown_and_where_they_are_explained(
    opened: Callable[..., Any], alone: Server, solved: str
) -> None:
    page = opened(alone.links[0])
    page.goto(f"{solved}/debrief")
    axes = page.locator(".axes li span")
    expect(axes.first).to_have_text("who is to blame")
    page.get_by_text("How points are counted").click()
    formula = page.locator("details", has_text="How points are counted").locator("p")
    for name in axes.all_inner_texts():
        expect(formula).to_contain_text(f"{name} ")


@pytest.mark.parametrize(
    ("called_s", "said"), [(30, "from when the fault began, 01:20"), (100, "from your call, 01:40")]
)
def test_the_debrief_says_from_when_times_count(
    opened: Callable[..., Any], alone: Server, solved: str, called_s: float, said: str
) -> None:
    def called(route: Any) -> None:
        told = route.fetch().json()
        told["times"]["called_s"] = called_s
        route.fulfill(json=told)

    page = opened(alone.links[0])
    page.route("**/debrief", called)
    page.goto(f"{solved}/debrief")
    expect(page.get_by_text("How long it took counts")).to_contain_text(said)


def test_of_several_faults_each_is_told_by_itself(opened: Callable[..., Any], alone: Server, solved: str) -> None:
    def with_another(route: Any) -> None:
        told = route.fetch().json()
        [one] = told["truth"]["faults"]
        told["truth"]["faults"].append({**one, "id": "other", "culprit": "db", "kind": "slow-query"})
        levels = {
            "signal": "duration",
            "subject": "db",
            "unit": "s",
            "doc": "time",
            "before": 1,
            "with": 2,
            "without": 1,
        }
        told["effects"].append({"id": "other", "fault": "slow-query on db", "moved": [levels]})
        each = [(one["id"], "model-unload on model", False), ("other", "slow-query on db", True)]
        faults = [{"id": id, "fault": name, "helped": helped, "why": "seen"} for id, name, helped in each]
        told["actions"] = [
            {"id": "a", "title": "Restore", "place": "db", "done_s": 99, "helped": True, "faults": faults}
        ]
        told["outcomes"] = [
            {"id": one["id"], "fault": "model-unload on model", "over_s": None, "by": None},
            {"id": "other", "fault": "slow-query on db", "over_s": 120, "by": "actions"},
        ]
        route.fulfill(json=told)

    page = opened(alone.links[0])
    page.route("**/debrief", with_another)
    page.goto(f"{solved}/debrief")
    expect(page.locator(".short h3")).to_have_text(["model: model-unload", "db: slow-query"])
    expect(page.locator(".short")).to_contain_text("1 s → 2 s")
    verdicts = page.locator(".pager li li")
    expect(verdicts.nth(0)).to_contain_text("did not help model-unload on model")
    expect(verdicts.nth(1)).to_contain_text("helped slow-query on db")
    expect(page.get_by_text("slow-query on db was over at 02:00, by what you did.")).to_be_visible()
    expect(page.get_by_text("model-unload on model was not over by the end")).to_be_visible()
