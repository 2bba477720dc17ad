"""A recording of jobs as a calendar: each period tells what ran, what was written, and what was not as before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from lab.recording.cut import cut
from lab.registration.signals import SignalSpec
from lab.signals import SignalTable
from lab.signals.periods import calendar_of
from lab.signals.periods.differences import of_indicator
from lab.signals.periods.folding import folded
from lab.signals.periods.layout import MOST_PERIODS, Periods
from lab.signals.periods.movements import indicator_row
from lab.signals.periods.shapes import Calendar, Difference, IndicatorRow
from tests.calendars import DAY_S, HOUR_S, NIGHTS, RETURN, UNIT_CHANGED, Weeks, calendar_of_weeks, observed_of

pytestmark = pytest.mark.usefixtures("weeks_world")


def calendar(weeks: Weeks) -> Calendar:
    return calendar_of_weeks(weeks)


def outcomes(found: Calendar, job: str) -> list[str]:
    (row,) = (row for row in found.jobs if row.job == job)
    return [cell.outcome if cell else "" for cell in row.cells]


def states(found: Calendar, dataset: str) -> list[str]:
    (row,) = (row for row in found.datasets if row.dataset == dataset)
    return [cell.state if cell else "" for cell in row.cells]


def of(found: Calendar, what: str) -> list[Difference]:
    return [one for one in found.differences if one.what == what]


def test_a_period_is_as_long_as_most_jobs_take_and_bears_the_name_and_date_of_the_systems_calendar() -> None:
    first, *_, last = calendar(Weeks()).periods
    assert (first.name, first.day, first.starts_s, first.ends_s) == ("night 1", "Mon 5 Oct", 0.0, DAY_S)
    assert (last.name, last.day, last.number) == (f"night {NIGHTS}", "Sun 1 Nov", NIGHTS)


def test_a_system_without_a_calendar_has_none() -> None:
    assert calendar_of(observed_of(Weeks(calendar=None)), SignalTable([])) is None


def test_times_of_day_follow_the_clock_of_the_place_when_it_changes() -> None:
    """The same second of the night is an hour earlier on the wall from 25 October on."""
    extract = calendar(Weeks()).jobs[0].cells
    told = [cell.attempts[0].ended for cell in (extract[18], extract[22]) if cell]
    assert told[0].startswith("Fri 23 Oct 03:")
    assert told[1].startswith("Tue 27 Oct 02:")


def test_of_a_long_recording_the_last_periods_are_shown_by_their_own_numbers() -> None:
    found = calendar(Weeks(nights=100))
    assert len(found.periods) == MOST_PERIODS
    assert found.periods[0].name == "night 9"
    assert outcomes(found, "extract") == ["ok"] * MOST_PERIODS


def test_jobs_come_after_those_that_they_need() -> None:
    order = [row.job for row in calendar(Weeks()).jobs]
    assert order == ["extract", "features", "score", "validate", "publish", "train", "send"]


def test_of_each_job_it_is_told_how_it_ended_in_each_period() -> None:
    runs: Mapping[str, Mapping[int, str | float]] = {
        "publish": {4: "failed", 6: "retried", 8: "skipped", 10: 3 * HOUR_S}
    }
    found = outcomes(calendar(Weeks(runs=runs)), "publish")
    assert {place: outcome for place, outcome in enumerate(found) if outcome != "ok"} == {
        4: "failed",
        6: "retried",
        8: "skipped",
        10: "late",
    }


def test_what_is_late_is_so_whatever_comes_later() -> None:
    """Usual is what was at first, as in the rest of the calendar: most nights here are late, and none is taken back."""
    observed = observed_of(Weeks(runs={"publish": dict.fromkeys(range(8, NIGHTS), 3 * HOUR_S)}))
    early, whole = (calendar_of(one, SignalTable([])) for one in (cut(observed, 12 * DAY_S), observed))
    assert early is not None
    assert whole is not None
    assert outcomes(early, "publish") == [*["ok"] * 8, *["late"] * 4]
    assert outcomes(whole, "publish") == [*["ok"] * 8, *["late"] * (NIGHTS - 8)]


def test_a_weekly_job_has_no_run_in_other_periods_and_is_not_missed() -> None:
    found = outcomes(calendar(Weeks()), "train")
    assert [place for place, outcome in enumerate(found) if outcome] == [0, 7, 14, 21]


def test_a_run_of_which_nothing_is_known_is_missing_once_its_period_is_over() -> None:
    observed = observed_of(Weeks())
    logs = observed.tables["logs"].to_pylist()
    observed.tables["logs"] = observed.tables["logs"].take(
        [i for i, line in enumerate(logs) if not (line["service.name"] == "score" and 5 <= line["time_s"] / DAY_S < 6)]
    )
    found = calendar_of(observed, SignalTable([]))
    assert found is not None
    assert outcomes(found, "score")[5] == "missing"


def test_what_cannot_be_seen_yet_is_no_failure() -> None:
    """An hour after the sixth night began, nothing of it has run."""
    early = cut(observed_of(Weeks()), 5 * DAY_S + HOUR_S)
    found = calendar_of(early, SignalTable([]))
    assert found is not None
    assert len(found.periods) == 6
    assert outcomes(found, "extract") == [*["ok"] * 5, ""]


def test_versions_are_new_repeated_or_those_of_an_earlier_period() -> None:
    found = states(calendar(Weeks(repeated={"features": [12, 13]}, unwritten={"features": [20]})), "features")
    assert (found[11:15], found[19:22]) == (["new", "repeated", "repeated", "new"], ["new", "kept", "new"])


def test_a_write_that_failed_left_what_was_there_before() -> None:
    observed = observed_of(Weeks(unwritten={"features": [20]}))
    failed = {"namespace": "weeks", "name": "features", "facets": {}}
    event = {**(observed.lineage or [])[0], "time_s": 20.2 * DAY_S, "outputs": [failed]}
    found = calendar_of(replace(observed, lineage=[*(observed.lineage or []), event]), SignalTable([]))
    assert found is not None
    assert states(found, "features")[19:22] == ["new", "failed", "new"]


def test_a_dataset_that_is_made_anew_is_not_steady_however_long_the_same_content_is_kept() -> None:
    found = calendar(Weeks(repeated={"features": range(8, NIGHTS)}))
    assert {row.dataset for row in found.datasets if row.is_steady} == {"rates"}
    (repeated,) = of(found, "content")
    assert (repeated.subject, repeated.detail, repeated.first) == ("features", "repeated", 8)


def test_the_same_content_bears_one_number_and_the_same_schema_another() -> None:
    found = calendar(Weeks(repeated={"features": [12]}, schemas={"features": (20, "2")}))
    (cells,) = (row.cells for row in found.datasets if row.dataset == "features")
    known = [cell for cell in cells if cell]
    assert known[11].content == known[12].content != known[13].content
    assert [known[19].shape, known[20].shape] == [0, 1]


def test_nothing_differs_in_usual_weeks() -> None:
    assert calendar(Weeks()).differences == ()


@pytest.mark.parametrize(
    ("weeks", "what", "subject", "detail", "first", "last"),
    [
        (Weeks(moved={"features.spend_28d": (12, 30.0)}), "distribution", "features.spend_28d", "PSI", 12, 27),
        (Weeks(rows={"features": (12, 0.66)}), "rows", "features", "fewer", 12, 27),
        (Weeks(rows={"features": (12, 2.0)}), "rows", "features", "more", 12, 27),
        (Weeks(repeated={"features": [12, 13, 14]}), "content", "features", "repeated", 12, 14),
        (Weeks(unwritten={"features": [12, 13]}), "content", "features", "kept", 12, 13),
        (Weeks(stale={"features": [12, 13, 14]}), "freshness", "features", "more", 12, 14),
        (Weeks(schemas={"features": (12, "2")}), "schema", "features", "", 12, 27),
        (Weeks(runs={"score": {12: "failed"}}), "runs", "score", "failed", 12, 12),
    ],
)
def test_what_is_not_as_before_is_told_with_the_period_in_which_it_began(
    weeks: Weeks, what: str, subject: str, detail: str, first: int, last: int
) -> None:
    (found,) = of(calendar(weeks), what)
    assert (found.subject, found.detail.partition(" ")[0], found.first, found.last) == (subject, detail, first, last)


def test_shares_of_a_whole_that_left_their_level_are_told_with_both_levels() -> None:
    found = {one.subject: one for one in of(calendar(Weeks(shares={"premium": (12, 2.5)})), "shares")}
    premium = found["part_share of premium"]
    assert (premium.first, premium.last) == (12, 27)
    assert premium.before == pytest.approx(0.15, abs=0.01)
    assert premium.after == pytest.approx(0.31, abs=0.02)


def test_an_indicator_that_left_its_level_is_told_like_everything_else() -> None:
    (found,) = of(calendar(Weeks(returns=(16, 0.7))), "level")
    assert (found.subject, found.detail, found.first) == (RETURN, "fewer", 16)
    assert found.before == pytest.approx(3.0, rel=0.05)
    assert found.after == pytest.approx(2.1, rel=0.05)


def test_indicators_are_those_of_the_world_with_the_limits_of_their_objectives() -> None:
    (row,) = calendar(Weeks()).indicators
    assert (row.signal, row.subject, row.above, row.below) == (RETURN, "weeks", None, 2.0)
    assert len(row.values) == NIGHTS


def test_what_pauses_for_two_periods_is_one_difference() -> None:
    (found,) = of(calendar(Weeks(repeated={"features": [12, 13, 16, 17]})), "content")
    assert (found.first, found.last, found.often) == (12, 17, 4)


def test_differences_come_in_the_order_in_which_they_began() -> None:
    firsts = [one.since for one in calendar(UNIT_CHANGED).differences]
    assert firsts == sorted(firsts)


def test_what_came_once_before_it_came_for_longer_began_then() -> None:
    found = calendar(Weeks(repeated={"features": [8, 12, 13, 14, 20]}, rows={"raw_orders": (10, 0.66)}))
    assert [(one.subject, one.what, one.since) for one in found.differences] == [
        ("features", "content", 8),
        ("raw_orders", "rows", 10),
    ]
    assert [(of.first, of.last) for of in found.differences[0].stretches] == [(8, 8), (12, 14), (20, 20)]


def test_the_level_that_something_began_with_is_that_of_the_first_time() -> None:
    usual = [100.0] * 8
    row = IndicatorRow("share", "premium", "1", "", (*usual, 90.0, *usual, 60.0, 55.0, 50.0), None, None)
    (told,) = folded([*of_indicator(row, "share")], ())
    assert (told.since, told.first, told.at_first, told.after) == (8, 17, 90.0, 50.0)


def test_what_a_dataset_has_from_the_one_that_it_is_made_from_is_told_with_that_one_in_the_order_of_lineage() -> None:
    fewer = dict.fromkeys(("published", "features", "scores"), (12, 0.66))
    (found,) = of(calendar(Weeks(rows=fewer)), "rows")
    assert found.subject == "features"
    assert [(copy.subject, copy.first) for copy in found.also] == [("scores", 12), ("published", 12)]


def test_the_same_column_of_datasets_one_after_the_other_is_told_once() -> None:
    moved = {"scores.segment": (12, 30.0), "published.segment": (13, 30.0)}
    (found,) = of(calendar(Weeks(moved=moved)), "distribution")
    assert (found.subject, [(copy.subject, copy.first) for copy in found.also]) == (
        "scores.segment", [("published.segment", 13)],
    )  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [
        {"scores": (12, 0.66), "published": (12, 2.0)},
        {"scores": (14, 0.66), "published": (12, 0.66)},
        {"scores": (12, 0.66), "published": (16, 0.66)},
        {"raw_orders": (12, 0.66), "raw_visits": (12, 0.66)},
    ],
    ids=["other-way", "before", "much-later", "beside"],
)
def test_what_differs_otherwise_or_at_another_time_or_beside_is_no_copy(rows: Mapping[str, tuple[int, float]]) -> None:
    assert [one.also for one in of(calendar(Weeks(rows=rows)), "rows")] == [(), ()]


def test_what_comes_again_much_later_is_told_with_the_longest_time() -> None:
    (found,) = of(calendar(Weeks(repeated={"features": [8, 12, 13, 14, 20]})), "content")
    assert (found.first, found.last) == (12, 14)
    assert [(one.first, one.last) for one in found.again] == [(8, 8), (20, 20)]


def test_each_change_of_a_schema_is_told_since_it_came_with_its_columns() -> None:
    found = calendar(Weeks(befell={"features.recency_d": (12, "new"), "features.spend_28d": (16, "gone")}))
    assert [(one.detail, one.first, one.last) for one in of(found, "schema")] == [
        ("new column recency_d", 12, NIGHTS - 1),
        ("gone spend_28d", 16, NIGHTS - 1),
    ]


@pytest.mark.parametrize(("how", "often"), [("new", 1), ("gone", 1), ("type", 1), ("null", NIGHTS - 12)])
def test_a_column_that_comes_or_goes_or_is_of_another_type_or_null_moved_in_that_period(how: str, often: int) -> None:
    found = calendar(Weeks(befell={"features.recency_d": (12, how)}))
    (moved,) = (row for row in found.drift if row.has_moved)
    assert (moved.dataset, moved.column) == ("features", "recency_d")
    assert [place for place, sign in enumerate(moved.signs) if sign] == [*range(12, 12 + often)]
    assert moved.signs[12] == how


def test_an_indicator_has_a_usual_level_and_differs_where_it_is_outside() -> None:
    found = calendar(Weeks(returns=(16, 0.7)))
    (row,) = found.indicators
    assert row.usual_low is not None
    assert row.usual_high is not None
    outside = [i for i, one in enumerate(row.values) if one and not row.usual_low <= one <= row.usual_high]
    (one,) = of(found, "level")
    assert outside == [*range(one.first, one.last + 1)] == [*range(16, NIGHTS)]


@pytest.mark.parametrize(
    ("values", "is_share"), [((0.99, 1.0, 0.98, 0.99), True), ((0.99, 1.0, 0.98, 1.2), False)], ids=["share", "ratio"]
)
def test_what_was_never_above_100_percent_is_not_usual_above_it(values: tuple[float, ...], is_share: bool) -> None:
    periods = Periods.of(observed_of(Weeks()).system)
    assert periods is not None
    row = indicator_row("rows", "weeks", SignalSpec("ratio", "component", "rows that were kept"), values, periods, {})
    assert row.usual_high is not None
    assert (row.usual_high <= 1.0) == is_share


def test_what_has_no_value_or_no_check_is_told() -> None:
    unmeasured = calendar(Weeks()).unmeasured
    assert (unmeasured.signals, unmeasured.columns, unmeasured.checks) == ((), (), ())
    assert set(unmeasured.unchecked) == {row.dataset for row in calendar(Weeks()).datasets}


def test_a_change_of_the_clocks_is_told_at_its_minute_in_the_period_in_which_it_was() -> None:
    (changed,) = (one for one in calendar(Weeks()).moments if one.kind == "clock")
    assert changed.at_s == 20 * DAY_S + HOUR_S
    assert (changed.at, changed.text) == ("Sun 25 Oct 02:00", "clocks were put back in Europe/Berlin")


def test_changes_and_alerts_are_told_with_their_time() -> None:
    told = [(one.kind, one.at, one.text) for one in calendar(UNIT_CHANGED).moments]
    assert told[:2] == [
        ("alert", "Wed 14 Oct 14:00", "published-age of publish"),
        ("change", "Fri 16 Oct 11:36", "orders 4.2 is live"),
    ]


def test_a_value_of_many_periods_is_held_against_whole_ones_and_varies_as_those_do_that_share_nothing() -> None:
    """What a week brought in, night by night, while nothing was wrong; the first ones are of fewer nights."""
    weeks = [3.07, 3.31, 2.99, 3.08, 3.03, 2.95, 2.99, 2.88, 2.74, 2.8, 2.72, 2.67, 2.63, 2.6, 2.63, 2.61, 2.6, 2.57]
    flopped = [*weeks, 2.4, 2.1, 1.8, 1.5, 1.3, 1.2, 1.2, 1.2]

    def told(values: list[float], window: int) -> list[tuple[str, int, int]]:
        row = IndicatorRow("return", "weeks", "1", "", tuple(values), None, None, window)
        return [(one.detail, one.first, one.last) for one in of_indicator(row, "return")]

    assert told(weeks, 1) != []
    assert told(weeks, 7) == []
    assert told(flopped, 7) == [("fewer", 18, 25)]


def test_a_level_that_waits_half_way_has_not_begun_to_leave() -> None:
    usual, half_way, away = [0.16, 0.17] * 4, [0.185] * 6, [0.19, 0.21, 0.23, 0.25]
    row = IndicatorRow("share", "premium", "ratio", "", (*usual, *half_way, *away), None, None)
    (found,) = of_indicator(row, "share")
    assert (found.first, found.at_first) == (13, 0.185)


def test_an_ordinary_weekend_is_no_begin_of_what_came_after_it() -> None:
    """It is as low as the weekend of the first week was, more than half way to where a level would be unusual."""
    week = [10.0, 10.0, 10.0, 10.0, 10.0, 7.0, 7.0]
    row = IndicatorRow("orders", "weeks", "1", "", (*week, *week, 4.0, 3.0, 2.0), None, None)
    (found,) = of_indicator(row, "orders")
    assert (found.first, found.at_first) == (14, 4.0)
