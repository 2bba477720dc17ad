"""The debrief knows when somebody looked at what told of the fault: also who had it before their eyes all the time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.investigation.looking import EVERY_S, GAP_TICKS
from lab.investigation.queries import signals
from tests.investigating import RIGHT, Client, Wall, answered, client, training
from tests.unit.test_training_pins import NAME

TICK_S = 5.0


def evidence(alone: Client, session: str) -> dict[str, Any]:
    """What the debrief says of the signal that tells of the fault."""
    answered(alone, session, RIGHT)
    found = {f"{one['signal']}:{one['subject']}": one for one in alone.get(f"{session}/debrief")["evidence"]}
    piece: dict[str, Any] = found[NAME]
    return piece


def watch(alone: Client, session: str, until_s: float) -> None:
    """Looks at each tick."""
    while alone.get(session)["clock"]["as_of_s"] < until_s:
        alone.get(f"{session}/series", of=NAME)
        alone.post(f"{session}/clock", {"jump": "tick"})
    alone.get(f"{session}/series", of=NAME)


def test_who_watches_from_before_saw_it_when_it_could_be_seen(alone: Client, session: str):
    watch(alone, session, 120.0)
    piece = evidence(alone, session)
    assert piece["first_visible_s"] is not None
    assert piece["looked_s"] == piece["first_visible_s"]


def test_who_looks_away_before_it_and_back_later_saw_it_then(alone: Client, session: str):
    alone.get(f"{session}/series", of=NAME)
    for _ in range(round(150 / TICK_S)):
        alone.post(f"{session}/clock", {"jump": "tick"})
    now_s = alone.get(session)["clock"]["as_of_s"]
    alone.get(f"{session}/series", of=NAME)
    piece = evidence(alone, session)
    assert piece["looked_s"] == now_s > piece["first_visible_s"] + GAP_TICKS * TICK_S


def test_who_looked_only_before_it_never_saw_it(alone: Client, session: str):
    alone.get(f"{session}/series", of=NAME)
    alone.post(f"{session}/clock", {"jump": "end"})
    assert evidence(alone, session)["looked_s"] is None


@pytest.fixture
def moved(prepared: Any, tmp_path: Path) -> tuple[Any, Client, str, Wall]:
    """A session with a wall clock that is moved by hand."""
    wall = Wall()
    of = training(tmp_path, [prepared], wall=wall)
    alone = client(of)
    return of, alone, alone.begin(), wall


def test_a_look_is_noted_at_the_time_that_was_shown(moved: Any, monkeypatch: pytest.MonkeyPatch):
    """However late the answer comes: meanwhile the clock runs on."""
    of, alone, session, wall = moved
    computed = signals.series

    def slowly(*given: Any) -> Any:
        wall.now_s += 2.0
        return computed(*given)

    monkeypatch.setattr(signals, "series", slowly)
    alone.post(f"{session}/clock", {"speed": 60})
    alone.post(f"{session}/clock", {"pause": False})
    shown_s = alone.get(f"{session}/series", of=NAME)["as_of_s"]
    assert alone.get(session)["clock"]["as_of_s"] > shown_s + GAP_TICKS * TICK_S
    of_session = of._sessions[session.rpartition("/")[2]]
    assert [look["at_s"] for look in of.looking.kept(of_session) if look["reference"] == NAME] == [shown_s]


def test_what_is_watched_is_kept_while_it_is_watched(moved: Any, prepared: Any, tmp_path: Path):
    """A server that is killed forgets seconds of it."""
    of, alone, session, wall = moved
    for _ in range(4):
        watch(alone, session, alone.get(session)["clock"]["as_of_s"] + TICK_S)
        wall.now_s += EVERY_S
    watch(alone, session, 0.0)
    (seen,) = (look for look in of.store.looks(session.rpartition("/")[2]) if look[1] == NAME)
    assert seen[3] == alone.get(session)["clock"]["as_of_s"] > seen[2]
