"""Faults of a simulated link on timelines worked out by hand (see `tests/timelines.py` for the system)."""

from __future__ import annotations

import pytest

from lab.injection.levers import LinkCut, LinkDelay, LinkDrop, LinkReset, LinkThrottle
from tests.timelines import WELL, asking, link, run, system


@pytest.mark.parametrize(("direction", "arrives"), [("both", False), ("request", False), ("response", True)])
def test_a_cut_link_is_silent(direction: str, arrives: bool) -> None:
    cut = {0: link("cut", LinkCut(direction=direction, fraction=1.0))}
    spans = run(system(asking(timeout="20ms")), at=cut)
    assert [span[1:] for span in spans if span[1] == "front->back"] == [("front->back", 3, 23, "timeout")]
    assert [span[1:] for span in spans if span[1] == "back"] == ([("back", 4, 7, "ok")] if arrives else [])


@pytest.mark.parametrize(("direction", "status"), [("both", "timeout"), ("response", "timeout"), ("request", "ok")])
def test_a_cut_loses_the_answer_that_is_still_to_come(direction: str, status: str) -> None:
    spans = run(system(asking(timeout="20ms")), at={5: link("cut", LinkCut(direction=direction, fraction=1.0))})
    assert [span[4] for span in spans if span[1] == "front->back"] == [status]
    assert (0, "back", 4, 7, "ok") in spans


def test_an_answer_after_the_cut_was_lifted_comes_through() -> None:
    lifted = {5: link("cut", LinkCut(direction="both", fraction=1.0)), 7.5: link("cut", None)}
    assert run(system(asking(timeout="20ms")), at=lifted) == WELL


def test_a_cut_of_no_connections_changes_nothing() -> None:
    assert run(system(), at={0: link("cut", LinkCut(direction="both", fraction=0.0))}) == WELL


def test_a_cut_concerns_its_share_of_the_requests() -> None:
    spans = run(
        system(asking(timeout="20ms")),
        arrivals=[i * 50 for i in range(200)],
        at={0: link("cut", LinkCut(direction="both", fraction=0.3))},
    )
    lost = [span for span in spans if span[1] == "front->back" and span[4] == "timeout"]
    assert 40 <= len(lost) <= 80


def test_delay_is_added_to_the_request() -> None:
    late = {0: link("delay", LinkDelay(latency_s=0.05, jitter_s=0.0))}
    assert run(system(), at=late)[2:] == [(0, "front->back", 3, 58, "ok"), (0, "back", 54, 57, "ok")]


def test_a_dropped_packet_waits_for_its_retransmission() -> None:
    spans = run(system(asking(timeout="1s")), at={0: link("drop", LinkDrop(fraction=1.0))})
    assert spans[2:] == [(0, "front->back", 3, 208, "ok"), (0, "back", 204, 207, "ok")]


def test_a_reset_connection_fails_before_the_callee_sees_it() -> None:
    assert run(system(), at={0: link("reset", LinkReset(fraction=1.0))})[2:] == [(0, "front->back", 3, 4, "reset")]


def test_a_throttled_link_passes_one_after_the_other() -> None:
    sizes = {"front->back": {"request_bytes": 1500, "response_bytes": 500}}
    spans = run(
        system(links=sizes), arrivals=[0, 0], at={0: link("throttle", LinkThrottle(bytes_per_s=1e6))}
    )  # 2 ms for 2000 bytes
    assert [span[2:4] for span in spans if span[1] == "front->back"] == [(3, 10), (3, 12)]


def test_a_fault_of_one_link_is_none_of_another() -> None:
    steps = [{"name": "one", "call": "a"}, {"name": "two", "call": "b"}]
    spans = run(system(steps), at={0: link("delay", LinkDelay(latency_s=0.05, jitter_s=0.0), "front->b")})
    assert (0, "front->a", 3, 8, "ok") in spans
    assert (0, "front->b", 8, 63, "ok") in spans
