"""The clock of a session: it runs at a speed, pauses, jumps, never goes back, and shows whole ticks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.investigation.clock import SPEEDS, Clock, start_at

CLOCK = Clock(end_s=600.0, tick_s=5.0, now_s=30.0, since_s=100.0)


def test_it_begins_where_the_length_of_the_incident_says_and_nothing_else():
    assert start_at(600, 5) == 30
    assert start_at(100_000, 5) == 60
    assert start_at(10 * 86_400, 86_400) == 86_400  # a scrape a day: before that nothing could be seen
    assert start_at(28 * 86_400, 86_400) == 86_400, "the first night is seen"


def test_a_paused_clock_stands_still():
    assert CLOCK.at(1e9) == 30


def test_it_runs_at_its_speed_until_the_end():
    running = CLOCK.paused(100, False).at_speed(10, 100)
    assert running.at(102) == 50
    assert running.at(1e9) == 600
    assert running.is_over(1e9)


def test_what_was_reached_stays_when_it_is_paused():
    paused = CLOCK.paused(100, False).paused(107)
    assert (paused.at(107), paused.at(500), paused.is_paused) == (37, 37, True)


def test_another_speed_counts_from_now_on():
    faster = CLOCK.paused(100, False).at_speed(60, 110)
    assert faster.at(110) == 40
    assert faster.at(111) == 100


def test_speeds_of_hours_are_for_systems_that_are_measured_by_the_minute():
    assert CLOCK.speeds == SPEEDS
    assert max(Clock(1e6, 60, 0).speeds) == 3600
    with pytest.raises(ValueError, match="3600"):
        CLOCK.at_speed(3600, 100)


def test_of_what_is_seen_once_a_day_a_day_may_take_a_second():
    daily = Clock(28 * 86_400.0, 86_400.0, 86_400.0, speed=600.0)
    assert daily.speeds == (600.0, 3600.0, 21_600.0, 86_400.0)
    running = daily.paused(0, False).at_speed(86_400, 0)
    assert running.as_of(3.5) == 4 * 86_400


def test_a_jump_to_the_next_period_is_to_its_beginning():
    hourly = Clock(28 * 86_400.0, 3600.0, 90_000.0)
    assert hourly.next_whole(86_400.0, 0).at(0) == 2 * 86_400
    assert hourly.next_whole(86_400.0, 0).next_whole(86_400.0, 0).at(0) == 3 * 86_400


def test_what_is_seen_is_up_to_the_last_whole_tick():
    assert CLOCK.tick_before(34.9) == 30
    assert CLOCK.tick_before(35.0) == 35
    assert Clock(602.0, 5.0, 602.0).as_of(0) == 602, "at the end all is seen"


def test_jumps_lead_to_the_next_tick_and_to_what_comes_next():
    assert CLOCK.next_tick(100).at(100) == 35
    assert CLOCK.next_of([20, 30, 52.5, 80], 100).at(100) == 55, "the first tick at which it can be seen"
    assert CLOCK.next_of([20, 30], 100).at(100) == 600, "nothing comes any more"


moves = st.lists(
    st.tuples(
        st.sampled_from(["wait", "run", "pause", "fast", "tick", "next", "end"]), st.floats(0, 50, allow_nan=False)
    ),
    max_size=15,
)


@given(moves)
def test_it_never_goes_back_and_never_past_the_end(steps: list[tuple[str, float]]):
    clock, wall_s = CLOCK, 100.0
    for what, waited_s in steps:
        before_s = clock.at(wall_s)
        wall_s += waited_s
        moved = {
            "wait": clock,
            "run": clock.paused(wall_s, False),
            "pause": clock.paused(wall_s),
            "fast": clock.at_speed(60, wall_s),
            "tick": clock.next_tick(wall_s),
            "next": clock.next_of([200, 400], wall_s),
            "end": clock.moved(clock.end_s, wall_s),
        }
        clock = moved[what]
        assert before_s <= clock.at(wall_s) <= clock.end_s
        assert -1e-6 <= clock.at(wall_s) - clock.as_of(wall_s) < clock.tick_s + 1e-6
