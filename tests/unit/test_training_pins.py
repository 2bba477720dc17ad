"""A pin is evidence that somebody saw: it counts as a look at what it shows, and nothing unseen can be pinned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.investigation.looking import MOST_LOOKS
from tests.investigating import RIGHT, Client, answered, client, training

SIGNAL = {"signal": "client_error_ratio", "subject": "desk->db"}
NAME = "client_error_ratio:desk->db"


def pin(ref: Any, **more: Any) -> dict[str, Any]:
    return {"kind": "chart", "ref": ref, **more}


@pytest.mark.parametrize(
    ("ref", "what"),
    [
        (SIGNAL, "this signal was not shown to this session"),
        ({"signal": "no_such_signal", "subject": "db"}, "this signal was not shown to this session"),
        ({"table": "features", "column": "age"}, "this column was not shown to this session"),
    ],
)
def test_what_was_never_shown_cannot_be_pinned(alone: Client, session: str, ref: Any, what: str):
    status, problem = alone.refused("POST", f"{session}/board/pins", pin(ref))
    assert (status, problem["what"]) == (409, what)
    assert "look at it first" in problem["hint"]
    assert alone.get(f"{session}/board")["pins"] == []


@pytest.mark.parametrize("path", ["/system", f"/series?of={NAME.replace('>', '%3E')}"])
def test_what_was_shown_can_be_pinned(alone: Client, session: str, path: str):
    alone.post(f"{session}/clock", {"jump": "next-alert"})
    alone.get(session + path)
    alone.post(f"{session}/board/pins", pin(SIGNAL))
    assert len(alone.get(f"{session}/board")["pins"]) == 1


def test_what_was_shown_before_a_restart_can_be_pinned_after_it(prepared: Any, tmp_path: Path):
    first = training(tmp_path, [prepared])
    alone = client(first)
    session = alone.begin()
    alone.post(f"{session}/clock", {"jump": "next-alert"})
    alone.get(f"{session}/series", of=NAME)
    first.close()
    client(training(tmp_path, [prepared])).post(f"{session}/board/pins", pin(SIGNAL))


def test_what_is_no_signal_is_pinned_as_what_it_is(alone: Client, session: str):
    for ref in ({"trace_id": "ab"}, {"is_raw": True, **SIGNAL}, {"service": "db"}):
        alone.post(f"{session}/board/pins", pin(ref))
    answered(alone, session, RIGHT)
    assert looked_s(alone, session) is None


def test_a_pin_is_a_look_at_the_time_at_which_it_was_pinned(alone: Client, session: str):
    """Whatever time it gives: that is of what is pinned."""
    alone.post(f"{session}/clock", {"jump": "tick"})
    alone.get(f"{session}/series", of=NAME)  # too early to tell anything
    alone.post(f"{session}/clock", {"jump": "next-alert"})
    now_s = alone.get(session)["clock"]["now_s"]
    assert alone.post(f"{session}/board/pins", pin(SIGNAL, at_s=50.0))["pinned_s"] == now_s
    answered(alone, session, RIGHT)
    assert looked_s(alone, session) == now_s


def test_after_the_answer_anything_can_be_pinned_and_nothing_counts(alone: Client, session: str):
    answered(alone, session, RIGHT)
    assert alone.post(f"{session}/board/pins", pin(SIGNAL))["pinned_s"] is None


def test_who_looked_at_more_than_is_noted_can_still_pin(alone: Client, session: str):
    of = alone.app._app.state.training
    one = of._sessions[session.rpartition("/")[2]]
    for number in range(MOST_LOOKS):
        of.looking.note(one, "trace", str(number), 10.0)
    alone.post(f"{session}/board/pins", pin(SIGNAL))


def looked_s(alone: Client, session: str) -> float | None:
    found = {f"{one['signal']}:{one['subject']}": one for one in alone.get(f"{session}/debrief")["evidence"]}
    at_s: float | None = found[NAME]["looked_s"]
    return at_s
