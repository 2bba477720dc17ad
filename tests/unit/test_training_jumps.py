"""A jump to the next alert says where it stopped and why, and nothing of what is still to come."""

from __future__ import annotations

from typing import Any

from tests.investigating import Client


def jump(alone: Client, session: str) -> dict[str, Any]:
    found = alone.post(f"{session}/clock", {"jump": "next-alert"})
    stopped: dict[str, Any] = found["stopped"]
    assert stopped["at_s"] == found["clock"]["now_s"]
    assert found["clock"]["is_paused"]
    return stopped


def test_it_stops_at_an_alert_and_says_which(alone: Client, session: str):
    stopped = jump(alone, session)
    assert stopped["why"] == "alert"
    assert stopped["alert"] == alone.get(f"{session}/alerts")["alerts"][-1]
    assert stopped["alert"]["state"] == "firing"
    assert alone.get(session)["stopped"] == stopped, "another tab and a reload tell it too"


def test_where_nothing_comes_in_sight_it_says_how_far_it_looked(alone: Client, session: str, monkeypatch: Any):
    monkeypatch.setattr("lab.investigation.clocks.JUMP_TICKS", 2)
    stopped = jump(alone, session)
    assert (stopped["why"], stopped["alert"]) == ("nothing", None)
    assert stopped["looked_s"] == 10.0 == stopped["at_s"] - 10.0


def test_without_another_alert_it_stops_at_the_end(alone: Client, session: str):
    said = [jump(alone, session)["why"] for _ in range(2)]
    assert said == ["alert", "end"]
    assert jump(alone, session)["why"] == "end", "once more is the same"


def test_an_alert_at_the_end_is_told_as_an_alert(alone: Client, session: str, monkeypatch: Any):
    from lab.investigation.view import View

    at_end = {"time_s": 240.0, "slo": "late", "service.name": "desk", "state": "firing", "value": 1.0}
    before = View.alerts
    monkeypatch.setattr(View, "alerts", lambda view, at_s: [*before(view, at_s), *([at_end] if at_s >= 240 else [])])
    alone.post(f"{session}/clock", {"jump": "next-alert"})
    assert jump(alone, session)["alert"]["slo"] == "late"


def test_once_the_clock_is_set_otherwise_nothing_is_told_of_it(alone: Client, session: str):
    for change in ({"jump": "tick"}, {"pause": False}, {"speed": 10}):
        jump(alone, session)
        assert alone.post(f"{session}/clock", change)["stopped"] is None


def test_the_next_period_is_the_next_tick_where_a_system_has_no_calendar(alone: Client, session: str):
    before = alone.get(session)["clock"]
    after = alone.post(f"{session}/clock", {"jump": "period"})["clock"]
    assert after["now_s"] == before["as_of_s"] + before["tick_s"]
