"""What happens to containers during a run: told in words, with its time, and never when a lever did it."""

from __future__ import annotations

from typing import Any

import pytest

from lab.testbeds.stack.compose import state_in_words
from lab.testbeds.stack.watch import Disturbances, changed

COUNT = iter(range(1_000_000))


def event(action: str, service: str = "rules", **attributes: Any) -> dict[str, Any]:
    labels = {"com.docker.compose.service": service, **{name: str(value) for name, value in attributes.items()}}
    return {"Action": action, "timeNano": next(COUNT), "Actor": {"ID": service, "Attributes": labels}}


def journalled(kind: str, lever: str, time_s: float, element: str = "rules") -> dict[str, Any]:
    return {"event": kind, "lever": lever, "element": element, "time_s": time_s}


def lines_of(*events: dict[str, Any], entries: list[dict[str, Any]] | None = None, at_s: float = 212.3) -> list[str]:
    """What is said of Docker's events, all at one time."""
    disturbances = Disturbances(entries or [])
    for one in events:
        disturbances.add(one, at_s)
    return [str(found) for found in disturbances.found]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event("kill", signal=9), event("die", exitCode=137)], ["was killed (exit 137)"]),
        ([event("die", exitCode=137)], ["was killed (exit 137)"]),
        ([event("die", exitCode=1)], ["ended (exit 1)"]),
        ([event("kill", signal=15), event("die", exitCode=0)], ["was stopped (exit 0)"]),
        (
            [event("kill", signal=15), event("kill", signal=9), event("die", exitCode=137)],
            ["was stopped (exit 137)"],
        ),
        (
            [event("kill", signal=15), event("die", exitCode=143), event("start")],
            ["was stopped (exit 143)", "was started"],
        ),
        (
            [event("oom"), event("die", exitCode=137)],
            ["ran out of memory: a process in it was killed", "was killed (exit 137)"],
        ),
        ([event("pause"), event("unpause")], ["was paused", "was unpaused"]),
        ([event("exec_start: true"), event("health_status: unhealthy"), event("kill", signal=1)], []),
    ],
    ids=["killed", "killed from outside", "crashed", "stopped", "stopped hard", "restarted", "oom", "paused", "alive"],
)
def test_each_event_is_described_by_a_line(events: list[dict[str, Any]], expected: list[str]) -> None:
    assert lines_of(*events) == [f"container rules {what} at 212 s" for what in expected]


def test_what_somebody_runs_once_beside_a_service_is_no_event_of_it() -> None:
    one_off = {"com.docker.compose.oneoff": "True"}
    assert lines_of(*(event(action, **one_off) for action in ("create", "start", "die", "destroy"))) == []
    assert lines_of(event("create", **{"com.docker.compose.oneoff": "False"})) != []


def test_an_event_told_twice_happened_once() -> None:
    died = event("die", exitCode=1)
    assert len(lines_of(died, died)) == 1


STOPPED = [event("kill", signal=15), event("die", exitCode=0), event("start")]
STOP, PAUSE = "component.stop", "component.pause"


@pytest.mark.parametrize(
    ("entries", "at_s"),
    [
        ([journalled("intent", STOP, 200.0)], 200.1),
        ([journalled("intent", STOP, 200.0), journalled("applied", STOP, 200.5)], 300.0),
        ([journalled("intent", STOP, 200.0), journalled("reverted", STOP, 260.0)], 259.9),
        (
            [journalled(*at) for at in (("intent", STOP, 1.0), ("reverted", STOP, 2.0), ("intent", STOP, 200.0))],
            212.0,
        ),
    ],
    ids=["on its way", "held", "on its way back", "again"],
)
def test_what_a_lever_does_is_no_disturbance(entries: list[dict[str, Any]], at_s: float) -> None:
    assert lines_of(*STOPPED, entries=entries, at_s=at_s) == []


@pytest.mark.parametrize(
    ("entries", "at_s"),
    [
        ([journalled("intent", STOP, 200.0)], 199.0),
        ([journalled("intent", STOP, 200.0), journalled("reverted", STOP, 260.0)], 261.0),
        ([journalled("intent", STOP, 200.0, element="db")], 212.0),
        ([journalled("intent", PAUSE, 200.0)], 212.0),
        ([journalled("intent", "component.limit", 200.0)], 212.0),
    ],
    ids=["before it", "after it", "of another", "a pause stops nothing", "a limit stops nothing"],
)
def test_what_no_lever_does_is_one(entries: list[dict[str, Any]], at_s: float) -> None:
    assert len(lines_of(*STOPPED, entries=entries, at_s=at_s)) == 2


def inspected(identity: str = "a", started: str = "t1", status: str = "running", **state: Any) -> dict[str, Any]:
    return {"Id": identity, "State": {"Status": status, "StartedAt": started, **state}}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (inspected(), ""),
        (inspected(identity="b"), "was replaced by another"),
        (inspected(started="t2"), "was restarted"),
        (inspected(status="exited", ExitCode=137), "is exited (exit 137)"),
        (inspected(status="paused"), "is paused"),
        (inspected(OOMKilled=True), "ran out of memory"),
    ],
)
def test_what_events_missed_shows_in_the_state(now: dict[str, Any], expected: str) -> None:
    assert changed(inspected(), now) == expected


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"Status": "running", "Health": {"Status": "unhealthy"}}, "unhealthy"),
        ({"Status": "running"}, "running"),
        ({"Status": "exited", "ExitCode": 137, "Health": {"Status": "unhealthy"}}, "exited (exit 137)"),
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, "exited (exit 137, out of memory)"),
        ({"Status": "paused", "Health": {"Status": "healthy"}}, "paused"),
        ({"Status": "restarting", "Health": {"Status": "starting"}}, "restarting"),
        ({"Status": "dead", "ExitCode": 1}, "dead (exit 1)"),
    ],
)
def test_only_what_runs_has_a_health(state: dict[str, Any], words: str) -> None:
    assert state_in_words(state) == words
