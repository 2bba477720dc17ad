"""Calls that nobody waits for: timelines computed by hand, in ms (see `tests.timelines`), and what recordings show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from lab.injection.levers import ComponentSlow, LinkCut, LinkReset
from lab.systems.configuration import configuration
from lab.systems.topology import System
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.loop import load_plane
from lab.testbeds.sim.testbed import SimTestbed
from tests.planes import Bench
from tests.simulated import scenario
from tests.timelines import link, run, system

TELL: dict[str, Any] = {"name": "tell", "call": "back", "wait": False}
CHAIN = Path(__file__).parents[1] / "systems" / "chain.system.yaml"


def test_its_sender_goes_on_at_once_and_the_callee_handles_it_when_it_comes():
    assert run(system([TELL])) == [
        (0, "users->front", 0, 4, "ok"),
        (0, "front", 1, 3, "ok"),
        (0, "front->back", 3, 3, "ok"),
        (0, "back", 4, 7, "ok"),
    ]


def test_steps_after_it_do_not_wait_either():
    then = {"name": "ask", "call": "other", "timeout": "1s"}
    of = system([TELL, then], components={"other": {"service_time": {"mean": "3ms", "cv": 0}}})
    assert [span for span in run(of) if span[1] in ("front", "back", "other")] == [
        (0, "front", 1, 8, "ok"),
        (0, "back", 4, 7, "ok"),
        (0, "other", 4, 7, "ok"),
    ]


def test_over_a_link_that_takes_no_time_its_sender_goes_on_first():
    of = system([TELL], links={"front->back": {"latency": "0s"}})
    assert run(of)[1:] == [(0, "front", 1, 3, "ok"), (0, "front->back", 3, 3, "ok"), (0, "back", 3, 6, "ok")]


@pytest.mark.parametrize("callee", [{"workers": 1}, {"workers": 1, "queue": 1}], ids=["booked", "handed out"])
def test_messages_wait_for_the_callees_worker_and_their_senders_do_not(callee):
    spans = run(system([TELL], components={"back": callee}), arrivals=[0, 0.5])
    assert [end for _, who, _, end, _ in spans if who == "users->front"] == [4, 4.5]
    assert [(start, end) for _, who, start, end, _ in spans if who == "back"] == [(4, 7), (4.5, 10)]


def test_what_a_full_queue_turns_away_nobody_hears_of_but_it_is_counted():
    of = system([TELL], components={"back": {"workers": 1, "queue": 1}}).model_copy(update={"world": None})
    bench = Bench(of, [0, 0.5, 1, 5])
    bench.advance(1000)
    spans = bench.spans()
    assert {status for _, _, _, _, status in spans} == {"ok"}
    assert [n for n, who, *_ in spans if who == "back"] == [0, 1, 3]
    assert bench.plane.tables.pool[0, at.R_SHED] == 1
    assert bench.plane.tables.head[at.H_LIVE] == 0


@pytest.mark.parametrize(
    ("fault", "value"),
    [("cut", LinkCut(direction="request", fraction=1.0)), ("reset", LinkReset(fraction=1.0))],
    ids=["lost", "reset"],
)
def test_what_a_link_loses_is_lost_without_a_word_and_leaves_nothing(fault, value):
    of = system([TELL]).model_copy(update={"world": None})
    bench = Bench(of, [0, 10])
    link(fault, value)(bench)
    bench.sync()
    bench.advance(8)
    link(fault, None)(bench)
    bench.sync()
    bench.advance(1000)
    assert [n for n, who, *_ in bench.spans() if who == "back"] == [1]
    assert [end for _, who, _, end, _ in bench.spans() if who == "users->front"] == [4, 14]
    assert bench.plane.tables.head[at.H_LIVE] == 0


def test_a_message_needs_its_connection_for_an_instant_and_waits_for_it():
    steps = [{**TELL, "name": "first"}, {"name": "ask", "call": "back", "timeout": "1s"}]
    of = system(steps, links={"front->back": {"pool": {"size": 1}}})
    spans = [span for span in run(of, arrivals=[0, 0.5]) if span[1] == "front->back"]
    # The first one's call has the connection from 3 to 8: the second's message waits until then.
    assert spans == [
        (0, "front->back", 3, 3, "ok"), (0, "front->back", 3, 8, "ok"),
        (1, "front->back", 8, 8, "ok"), (1, "front->back", 8, 13, "ok"),
    ]  # fmt: skip


def test_a_message_that_gets_no_connection_fails_its_step():
    steps = [{"name": "ask", "call": "back", "timeout": "1s"}, {**TELL, "on_failure": "continue"}]
    of = system(steps, links={"front->back": {"pool": {"size": 1, "max_wait": "1ms"}}})
    # At 8, when the first one's call gives the connection back, the second one's call has waited for it since 7.5.
    spans = [span for span in run(of, arrivals=[0, 4.5]) if span[1] == "front->back" and span[0] == 0]
    assert spans == [(0, "front->back", 3, 8, "ok"), (0, "front->back", 8, 9, "exhausted")]


def test_a_callee_that_starts_again_forgets_its_messages_and_a_sender_that_does_does_not_take_them_back():
    of = system([TELL]).model_copy(update={"world": None})
    for component, handled in (("back", []), ("front", [(4, 7)])):
        bench = Bench(of)
        bench.advance(5)
        bench.restart(component)
        bench.advance(1000)
        assert [(start, end) for _, who, start, end, _ in bench.spans() if who == "back"] == handled
        assert bench.plane.tables.head[at.H_LIVE] == 0


def test_branches_choose_between_messages_and_calls():
    """`unless` and `after` branch on steps of any kind; a message counts as done when it is sent."""
    steps = [
        {"name": "look", "run": "look", "on_failure": "continue"},
        {**TELL, "after": "look"},
        {"name": "ask", "call": "back", "unless": "look", "timeout": "1s", "pool": {"size": 1}},
        {"name": "audit", "call": "other", "wait": False, "after": "tell"},
    ]
    of = system(steps, handling="thread-per-request", workers=1,
                components={"other": {"service_time": {"mean": "1ms", "cv": 0}}})  # fmt: skip
    found = run(of, statuses={"look": 0})
    assert [span[1] for span in found] == ["users->front", "front", "front->back", "front->other", "back", "other"]
    assert found[1] == (0, "front", 1, 3, "ok")
    missed = run(of, arrivals=[0, 1], statuses={"look": 1})
    assert [span for span in missed if span[1] == "front"] == [(0, "front", 1, 8, "ok"), (1, "front", 2, 15, "ok")]
    assert [span[2:4] for span in missed if span[1] == "back"] == [(4, 7), (11, 14)]


def test_both_ways_of_running_agree():
    steps = [TELL, {"name": "ask", "call": "other", "timeout": "9ms", "retries": 1}]
    of = system(
        steps, handling="thread-per-request", workers=2, queue=3,
        components={name: {"service_time": {"mean": "3ms", "cv": 1.0}, "workers": 1, "queue": 2}
                    for name in ("back", "other")},
    ).model_copy(update={"world": None})  # fmt: skip
    times = np.sort(np.random.default_rng(2).uniform(0, 800, 200)).tolist()
    found = []
    for kernel in (None, load_plane()):
        bench = Bench(of, times, kernel=kernel)
        bench.advance(10_000)
        assert bench.plane.tables.head[at.H_LIVE] == 0
        found.append((bench.sides().tobytes(), bench.plane.tables.pool.tobytes()))
    assert found[0] == found[1]


def reviewed(folder: Path) -> SimTestbed:
    """The chain, whose front end tells two people of each order, who need 15 ms for one; 30 orders may wait."""
    document = yaml.safe_load(CHAIN.read_text(encoding="utf-8"))
    document["missing_sample_ratio"] = 0
    document["components"]["front"]["steps"].append({"name": "review", "call": "people-in-back", "wait": False})
    document["components"]["people-in-back"] = {
        "kind": "service", "workers": 2, "queue": 30, "max_wait": "1h", "service_time": {"mean": "15ms"},
    }  # fmt: skip
    document["links"]["front->people-in-back"] = {}
    path = folder / "review.system.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return SimTestbed(scenario(folder, system=str(path), duration_s=60, rate_per_s=80), 1)


def test_a_review_queue_that_fills_shows_in_the_recording_and_not_to_users(tmp_path: Path) -> None:
    bed = reviewed(tmp_path)
    bed.advance(30)
    with bed.pull("people-in-back", ComponentSlow(factor=4)):
        bed.advance(60)
    observed = bed.finish()
    spans, metrics = observed.frame("spans"), observed.frame("metrics")
    sent = spans[spans["span.kind"] == "producer"]
    handled = spans[spans["span.kind"] == "consumer"]
    assert set(sent["service.name"]) == {"front"}
    assert set(sent["peer.service"]) == {"people-in-back"}
    assert max(sent["duration_s"]) < 2e-7  # the grid of recorded times
    assert set(handled["service.name"]) == {"people-in-back"}
    assert set(handled["parent_span_id"]) <= set(sent["span_id"])
    assert set(spans[spans["service.name"] == "people"]["status"]) == {"ok"}

    def values(metric: str, service: str) -> list[float]:
        mine = metrics[(metrics["metric"] == metric) & (metrics["service.name"] == service)]
        return [float(value) for value in mine["value"]]

    backlog, shed = values("server.queue.length", "people-in-back"), values("server.queue.shed.count", "people-in-back")
    assert max(backlog[:6]) < 20
    assert 25 < min(backlog[7:]) <= max(backlog[7:]) <= 30
    assert sum(shed[:6]) == 0
    assert min(shed[7:]) > 100
    # Of 80 a second all are sent, as many as front answers.
    served = values("server.request.count", "front")
    assert sum(values("messaging.client.sent.messages", "front")) == pytest.approx(sum(served), abs=5)
    of_link = metrics[(metrics["service.name"] == "front") & (metrics["peer.service"] == "people-in-back")]
    assert set(of_link["metric"]) == {"messaging.client.sent.messages"}
    step = observed.system["components"]["front"]["steps"][1]
    assert step["wait"] is False


def test_a_message_has_no_policy_to_configure(tmp_path: Path) -> None:
    keys = configuration(reviewed(tmp_path).system, "front")
    assert "steps.orders_get.timeout_s" in keys
    assert not [key for key in keys if key.startswith("steps.review")]
    assert isinstance(reviewed(tmp_path).system, System)
