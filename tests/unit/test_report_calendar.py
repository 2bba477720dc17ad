"""The calendar of the report: every job, dataset and moved column by period, in signs and words as well as colours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from lab.recording.cut import cut
from lab.report.calendar import Mark, calendar_view
from lab.report.calendar_cells import EMPTY, in_use_cells
from lab.report.calendar_lines import HEIGHT
from lab.report.calendar_told import story_of
from lab.report.page import CALENDAR_STYLE, environment
from lab.signals import compute_signals
from lab.signals.periods import calendar_of
from lab.signals.periods.movements import with_actions
from lab.signals.periods.shapes import Calendar, InUseRow
from tests.calendars import DAY_S, HOUR_S, NIGHTS, RETURN, UNIT_CHANGED, Weeks, calendar_of_weeks, observed_of
from tests.report_pages import Reader

FAULT = Mark("fault", "fault", 12 * DAY_S, 28 * DAY_S, "unit-change on orders")
MOST_BYTES = 80_000


pytestmark = pytest.mark.usefixtures("weeks_world")


def page(weeks: Weeks, *marks: Mark, moved: tuple[str, ...] = (), zone: str = "") -> str:
    return drawn(calendar_of_weeks(weeks), *marks, moved=moved, zone=zone)


def drawn(calendar: Calendar, *marks: Mark, moved: tuple[str, ...] = (), zone: str = "") -> str:
    view = calendar_view(calendar, marks, frozenset(moved), zone=zone)
    template = environment().from_string('{% from "calendar.html.j2" import calendar %}{{ calendar(view) }}')
    return str(template.render(view=view)).replace("<wbr>", "")


def row(text: str, name: str) -> str:
    (found,) = re.findall(rf'<tr><th scope="row"[^>]*>{re.escape(name)}\b.*?</tr>', text, flags=re.DOTALL)
    return str(found)


def test_each_row_has_a_cell_for_each_period() -> None:
    assert row(page(Weeks()), "extract").count("<td") == NIGHTS


def test_what_went_wrong_has_a_sign_and_words() -> None:
    publish = row(page(UNIT_CHANGED), "publish")
    assert re.search(r'title="failed; Wed 14 Oct [^"]+ run failed: timeout after [^"]+"><i>✗</i>', publish)


def test_content_that_was_there_before_is_marked() -> None:
    assert row(page(UNIT_CHANGED), "raw_visits").count('<i style="--h:100%">=</i>') <= 1
    assert ">=</i>" in row(page(UNIT_CHANGED), "raw_visits")


def written_often(weeks: Weeks, dataset: str, place: int, writes: int) -> Calendar:
    calendar = calendar_of_weeks(weeks)
    rows = []
    for one in calendar.datasets:
        cell = one.cells[place]
        assert cell
        cells = (*one.cells[:place], replace(cell, writes=writes), *one.cells[place + 1 :])
        rows.append(replace(one, cells=cells) if one.dataset == dataset else one)
    return replace(calendar, datasets=tuple(rows))


def test_what_was_written_more_than_once_says_how_often_in_its_cell_and_in_the_key() -> None:
    text = drawn(written_often(Weeks(), "raw_orders", 16, 3))
    orders = row(text, "raw_orders")
    assert orders.count('<b role="img" aria-label="written 3 times">×3</b>') == orders.count("×") == 1
    assert 'data-mark="again"' in text
    assert 'data-mark="again"' not in page(Weeks())


def test_how_often_it_was_written_stands_beside_another_sign() -> None:
    often = written_often(Weeks(stale={"raw_visits": [22]}), "raw_visits", 22, 2)
    assert re.search(r">−1<b [^>]+>×2</b></i>", row(drawn(often), "raw_visits"))


def test_it_says_what_a_column_is_and_whose_times_it_tells() -> None:
    text = Reader(page(Weeks(), zone="Europe/Berlin")).text
    assert "A column is one night and the time until the next one begins" in text
    assert "Times are those of Europe/Berlin." in text
    assert "Jobs start by UTC: from where clocks were changed (◷) on" in text


def test_where_no_clocks_were_changed_nothing_is_said_of_it() -> None:
    text = Reader(page(Weeks(nights=14), zone="Europe/Berlin")).text
    assert "Times are those of Europe/Berlin." in text
    assert "UTC" not in text


def test_only_columns_that_moved_have_a_row_and_the_others_are_counted() -> None:
    text = page(UNIT_CHANGED)
    assert "raw_orders.amount_eur" in text
    assert "confidence" not in text
    assert "13 more columns stayed as at first" in text


def test_the_truth_stands_above_and_what_the_fault_moved_is_marked() -> None:
    text = page(UNIT_CHANGED, FAULT, moved=("features.spend_28d",))
    assert row(text, "fault").count("fault long") == 16
    assert text.count('<b class="truly"') == 1
    assert "The red line is where the fault began" in text


def test_between_what_was_and_what_would_have_been_lies_the_true_effect() -> None:
    without = {(RETURN, "weeks"): [3.0] * NIGHTS}
    found = calendar_view(calendar_of_weeks(Weeks(returns=(16, 0.6))), [FAULT], frozenset(), without)
    (line,) = found.lines
    assert (line.without, line.last[:2]) == ("3", "1.")
    assert {"between", "without", "line", "since", "limit"} <= set(Reader(str(line.svg)).values("class"))
    assert "night 17: 1." in line.svg
    assert "without the fault 3" in line.svg


def test_where_there_is_no_twin_an_indicator_is_one_line() -> None:
    (line,) = calendar_view(calendar_of_weeks(Weeks()), [], frozenset()).lines
    assert line.without == ""
    assert not {"between", "without", "since"} & set(Reader(str(line.svg)).values("class"))


def test_an_indicator_that_hardly_moves_looks_so() -> None:
    """By 4 % of its level: its line stays within a third of its row."""
    (line,) = calendar_view(calendar_of_weeks(Weeks()), [], frozenset()).lines
    (path,) = re.findall(r'class="line" d="M([^"]+)"', line.svg)
    heights = [float(point.split()[1]) for point in path.split("L")]
    assert max(heights) - min(heights) < HEIGHT / 3


def test_without_a_fault_nothing_speaks_of_one() -> None:
    text = page(Weeks())
    assert "fault" not in Reader(text).text
    assert "Nothing that was looked at here changed for longer." in text


def test_what_lasted_is_listed_before_what_passed() -> None:
    text = Reader(page(UNIT_CHANGED)).text.partition("What was not as before")[2]
    first = text.index(": median 34.1 → 3,3")
    assert first < text.index("another schema") < text.index("What passed") < text.index("the run failed")


def test_it_is_no_larger_than_the_rest_of_a_report() -> None:
    assert len(page(UNIT_CHANGED, FAULT)) < MOST_BYTES


def test_the_first_lasting_change_opens_the_page_and_is_marked_in_the_calendar() -> None:
    text = page(UNIT_CHANGED)
    opening = re.findall(r'<p class="opening">(.*?)</p>', text)[0]
    assert opening.startswith("The first lasting change: night 13, Sat 17 Oct, raw_orders.amount_eur: values moved")
    assert "; from night 14 features.spend_28d; from night 15 scores.segment" in opening
    assert row(text, "extract").count(' first"') == 1


NEW_COLUMN = {"raw_customers.age": (9, "new")}


def test_a_new_column_does_not_open_the_page_where_anything_else_lasted() -> None:
    story = story_of(calendar_of_weeks(Weeks(befell=NEW_COLUMN, rows={"features": (12, 0.66)})))
    assert story.opening.startswith("The first lasting change: night 13, Sat 17 Oct, features: ")
    assert "raw_customers" not in story.opening
    assert [one.subject for one in story.lasting if one.kind == "difference"] == ["raw_customers", "features"]


def test_where_nothing_but_a_new_column_lasted_it_is_told_as_that() -> None:
    story = story_of(calendar_of_weeks(Weeks(befell=NEW_COLUMN, runs={"score": {12: "failed"}})))
    assert story.opening == (
        "Only new columns lasted: night 10, Wed 14 Oct, raw_customers: another schema: new column age."
    )


@pytest.mark.parametrize("how", ["gone", "type"])
def test_a_column_that_is_gone_or_of_another_type_opens_it(how: str) -> None:
    story = story_of(calendar_of_weeks(Weeks(befell={"raw_customers.age": (9, how)}, rows={"features": (12, 0.66)})))
    assert story.opening.startswith("The first lasting change: night 10, Wed 14 Oct, raw_customers: another schema: ")


@pytest.mark.parametrize(
    ("repeated", "opening", "until"),
    [
        (range(12, NIGHTS), "The first lasting change: night 13, Sat 17 Oct", "to the last night"),
        (
            range(12, 16),
            "The first change that lasted a while: from night 13, Sat 17 Oct, to night 16",
            "until night 16",
        ),
        (
            [8, *range(12, 16)],
            "The first change that lasted a while: since night 9, Tue 13 Oct, not in every night, last in night 16",
            "once; also night 13 to 16",
        ),
    ],
    ids=["to-the-end", "for-a-while", "with-breaks"],
)
def test_opening_and_list_say_from_when_to_when(repeated: Sequence[int], opening: str, until: str) -> None:
    story = story_of(calendar_of_weeks(Weeks(repeated={"features": repeated})))
    (line,) = (one for one in story.lasting if one.kind == "difference")
    assert story.opening == f"{opening}, features: {line.how}."
    assert line.since in opening
    assert line.until == until
    assert line.at_s == DAY_S * (story.first or 0)


def test_within_one_night_what_a_job_wrote_stands_between_what_was_done_before_it_and_after_it() -> None:
    weeks = Weeks(repeated={"features": range(12, NIGHTS)})
    done = [(12 * DAY_S + 60.0, "before it"), (12.5 * DAY_S, "after it")]
    story = story_of(with_actions(calendar_of_weeks(weeks), done, observed_of(weeks).system))
    begun = [one for one in story.lasting if 12 * DAY_S <= one.at_s < 13 * DAY_S]
    told = [one.how if one.kind == "moment" else one.subject for one in begun]
    assert told == ["before it", "features", "after it"]


def test_what_is_so_up_to_the_last_night_that_is_over_lasts() -> None:
    """An hour after night 21 began nothing of it is known."""
    observed = cut(observed_of(Weeks(repeated={"features": range(12, NIGHTS)})), 20 * DAY_S + HOUR_S)
    found = calendar_of(observed, compute_signals(observed))
    assert found is not None
    story = story_of(found)
    (line,) = (one for one in story.lasting if one.kind == "difference")
    assert story.opening.startswith("The first lasting change: night 13")
    assert line.until == "to the last night that is over"


def test_data_that_ends_earlier_than_usual_is_marked_in_its_dataset() -> None:
    text = page(Weeks(stale={"raw_visits": range(12, NIGHTS)}))
    visits = row(text, "raw_visits")
    assert visits.count(">−1</i>") == NIGHTS - 12
    assert "its data ends 1 period earlier than usual" in visits


def test_what_was_announced_stands_between_what_changed_in_words() -> None:
    listed = page(UNIT_CHANGED).partition("What was not as before")[2].partition("What passed")[0]
    told = Reader(listed).text
    assert (
        told.index("orders 4.2 is live") < told.index("raw_orders.amount_eur") < told.index("column loyalty_tier added")
    )
    assert "clocks were put back in Europe/Berlin" in told


def test_it_says_what_is_made_from_what() -> None:
    lineage = story_of(calendar_of_weeks(Weeks())).lineage
    assert lineage == ("raw_customers, raw_orders, raw_visits → features → scores → published",)
    assert lineage[0] in Reader(page(Weeks())).text


def test_copies_further_down_are_told_in_one_line_with_when_they_began_if_later() -> None:
    moved = {"scores.segment": (12, 30.0), "published.segment": (13, 30.0)}
    story = story_of(calendar_of_weeks(Weeks(moved=moved)))
    (line,) = (one for one in story.lasting if one.kind == "difference")
    assert line.also == "also in: published.segment (from night 14)"
    assert line.also in story.opening


def test_actions_have_a_row_and_stand_in_the_list() -> None:
    observed = observed_of(Weeks())
    found = with_actions(calendar_of_weeks(Weeks()), [(14.5 * DAY_S, "Backfill: features")], observed.system)
    view = calendar_view(found, [], frozenset())
    (band,) = (one for one in view.bands if one.name == "actions")
    assert [i for i, one in enumerate(band.cells) if one.sign] == [14]
    assert ("done", "Backfill: features") in [(one.subject, one.how) for one in view.story.lasting]


@pytest.mark.parametrize("weeks", [Weeks(), UNIT_CHANGED], ids=["usual", "changed"])
def test_the_key_has_every_mark_that_is_drawn_and_no_other(weeks: Weeks) -> None:
    view = calendar_view(calendar_of_weeks(weeks), [FAULT], frozenset())
    rows = [*view.bands, *(row for group in view.groups for row in group.rows)]
    cells = [cell for row in rows for cell in row.cells]
    signs = {cell.sign for cell in cells if cell.sign} | {"−1" for cell in cells if "behind" in cell.css}
    explained = {one.sign for one in view.key if one.sign}
    told = {sign for sign in signs if not re.fullmatch(r"[.\d]+", sign)}
    assert told == {sign for sign in explained if not re.fullmatch(r"[.\d]+", sign)}
    assert {"usual", "since", "fault", "ok"} <= {one.mark for one in view.key}
    assert ("failed" in {one.mark for one in view.key}) == (weeks is UNIT_CHANGED)


def test_an_indicator_has_its_scale_and_what_is_usual_in_words() -> None:
    (line,) = calendar_view(calendar_of_weeks(Weeks(returns=(16, 0.6))), [], frozenset()).lines
    assert line.limit == "below 2"
    assert re.fullmatch(r"2\.\d+ to 3\.\d+", line.usual)
    assert (line.low[:2], line.high[:2]) == ("1.", "3.")
    assert 'class="usual"' in line.svg


def test_reports_and_pages_have_one_style_of_calendars() -> None:
    style = CALENDAR_STYLE.read_text(encoding="utf-8")
    assert style in environment().get_template("page.html.j2").render(
        title="", digest="", counts=None, over="", key=None
    )


def test_what_a_finger_taps_is_told_below() -> None:
    assert '<p class="calendar-told" aria-live="polite" hidden></p>' in page(Weeks())


def test_what_is_in_use_is_a_run_of_one_colour_with_its_number_where_it_came():
    text = page(Weeks())
    signs = re.findall(r'<td class="([^"]*)"[^>]*title="(\d+) in use"><i>(\d*)</i>', row(text, "model_number sorter"))
    assert [number for _, number, _ in signs] == ["2"] * 7 + ["3"] * (NIGHTS - 7)
    assert [sign for _, _, sign in signs if sign] == ["2", "3"]
    assert len({re.findall(r"s\d", css)[0] for css, number, _ in signs if number == "3"}) == 1
    assert "model_number" not in text.partition("What else moved")[2].partition("</tbody>")[0]


def test_where_nothing_is_known_of_what_is_in_use_the_cell_is_empty():
    cells = in_use_cells(InUseRow("model_number", "sorter", "", (1, None, 1, 4)))
    assert [cell.sign for cell in cells] == ["1", "", "", "4"]
    assert cells[1] == EMPTY
