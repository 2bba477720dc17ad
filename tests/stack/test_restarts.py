"""A component that starts again in the middle of a run goes on with that run: its time is as compressed as before."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from lab.injection.levers import ComponentRestart, ComponentStop, LeverValue
from lab.testbeds.driver import Session as Run
from lab.testbeds.installed import choose
from lab.testbeds.stack.session import Session
from lab.worlds.shop.stack import FEED
from tests.sim_runs import scenario
from tests.stack.asking import redis_of
from tests.waiting import PATIENCE_S, eventually, least_s, took_s

pytestmark = pytest.mark.stack

TIME_SCALE = 10.0
BY_ITSELF = ComponentRestart(away_s=5.0)


@pytest.fixture(scope="module")
def run(stack: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A compressed run under way, longer than the tests take."""
    loaded = scenario(tmp_path_factory.mktemp("restarts"), duration_s=3000, rate_per_s=10)
    chosen = choose("stack", {"time_scale": TIME_SCALE, "keep": True, "build": False})
    with chosen.driver.open(loaded, 1, chosen.options) as opened:
        yield opened


def start_again(run: Run, component: str, value: LeverValue) -> None:
    """Ends a component, and waits until it is back: by itself, or because the lever is put back."""
    with run.levers.pull(component, value):
        if isinstance(value, ComponentRestart):
            eventually(lambda: run.levers.read(ComponentRestart, component) is None)


@pytest.mark.parametrize("value", [BY_ITSELF, ComponentStop()], ids=["restarted", "stopped"])
def test_entries_of_the_cache_live_as_long_as_before(run: Run, stack: Session, value: LeverValue) -> None:
    before = stack.levers.cache.policy()
    assert before.time_scale == TIME_SCALE
    start_again(run, "cache", value)
    eventually(lambda: stack.levers.cache.policy() == before)
    with redis_of(stack) as client:
        client.fcall("put_entry", 1, "user:999997", b"entry")
        assert 0 < client.pttl("user:999997") <= before.ttl_s / TIME_SCALE * 1000
    eventually(lambda: stack.compose.health()["cache"] == "healthy")
    assert stack.levers.cache.policy() == before, "what the container starts with does not replace it"


def test_a_component_is_back_when_it_has_what_the_run_gave_it(
    run: Run, stack: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, cache = stack.levers.cache.policy(), type(stack.levers.cache)
    load = cache.load

    def load_late(*given: Any) -> None:
        time.sleep(1.0)  # as on a machine with much else to do: the process listens, and has nothing yet
        load(*given)

    monkeypatch.setattr(cache, "load", load_late)
    start_again(run, "cache", BY_ITSELF)
    assert stack.levers.cache.policy() == before


def test_the_feed_works_as_often_as_before(run: Run, stack: Session) -> None:
    start_again(run, "feed", BY_ITSELF)

    def two_runs() -> None:
        count = eventually(lambda: job_runs(stack))
        eventually(lambda: job_runs(stack) >= count + 2)

    # Uncompressed they are a period apart, on any machine.
    least_s(lambda: took_s(two_runs), below_s=stack.system.components["feed"].period_s)


def job_runs(stack: Session) -> float:
    """How often the job has run since the feed started; 0 where it does not answer."""
    try:
        with urllib.request.urlopen(stack.compose.url("feed", FEED) + "/metrics", timeout=PATIENCE_S) as answer:
            text = answer.read().decode()
    except Exception:  # it is about to start
        return 0.0
    return sum(float(value) for value in re.findall(r"^job_runs_total\S* (\S+)", text, re.MULTILINE))
