"""The lever contract on the real stack: what is pulled takes effect, reads as pulled, and goes back, in any process."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

import pytest

from lab.agreed import leases, ports
from lab.injection.levers import (
    Announce,
    CacheFlush,
    CacheFreeze,
    ComponentRestart,
    LinkDelay,
    TableColumn,
    Undo,
)
from lab.systems.files import load_system
from lab.testbeds.stack import leases as renewing
from lab.testbeds.stack.cache import PASSWORD as CACHE_PASSWORD
from lab.testbeds.stack.http import call
from lab.testbeds.stack.levers import LEVERS
from lab.testbeds.stack.session import Session
from tests.stack.asking import redis_of, rows
from tests.stack.effects import DELAY_S, PULLS, SHOP, Pull, is_late_by
from tests.stack.holder import SHORT_LEASE_S
from tests.stack.holding import EACH_ONCE
from tests.stack.holding import LEVERS as KILLED_AT_EVERY_MOMENT
from tests.stack.recovering import lab_recover
from tests.waiting import eventually

pytestmark = pytest.mark.stack

each_pull = pytest.mark.parametrize("pull", PULLS, ids=str)
IN_THE_KILL_MATRIX = KILLED_AT_EVERY_MOMENT.keys() | EACH_ONCE.keys()
"""In CI these levers are left behind, and go back in another process, there."""


def test_every_lever_that_the_stack_claims_to_have_is_pulled_here() -> None:
    assert {pull.value.name for pull in PULLS} == set(LEVERS) - {Announce.name, CacheFlush.name}


@each_pull
def test_a_lever_takes_effect_while_it_is_pulled_and_only_then(quiet: Session, pull: Pull) -> None:
    previous = quiet.testbed.read(pull.lever, pull.element)
    eventually(lambda: not pull.effect(quiet))
    with quiet.testbed.leases(), quiet.testbed.pull(pull.element, pull.value):
        assert quiet.testbed.read(pull.lever, pull.element) == pull.expected(quiet)
        eventually(lambda: pull.effect(quiet))
    assert quiet.testbed.read(pull.lever, pull.element) == previous
    eventually(lambda: not pull.effect(quiet))
    assert quiet.journal.open_undos() == []


@pytest.mark.parametrize(
    "pull", [pytest.param(p, marks=pytest.mark.slow) if p.value.name in IN_THE_KILL_MATRIX else p for p in PULLS],
    ids=str,
)  # fmt: skip
def test_a_lever_left_behind_goes_back_in_another_process_and_again_in_this_one(quiet: Session, pull: Pull) -> None:
    previous = quiet.testbed.read(pull.lever, pull.element)
    undo = Undo(pull.value.name, pull.element, previous.to_json() if previous else None)
    quiet.testbed.journal("intent", undo, pull.value.to_json())
    quiet.testbed.write(pull.lever, pull.element, pull.value)
    eventually(lambda: pull.effect(quiet))
    assert lab_recover() == [(undo.lever, undo.element, undo.previous)]
    assert Session(load_system("recommender")).testbed.read(pull.lever, pull.element) == previous
    quiet.testbed.revert(Undo(**json.loads(json.dumps(asdict(undo)))))
    assert quiet.testbed.read(pull.lever, pull.element) == previous
    eventually(lambda: not pull.effect(quiet))
    assert quiet.journal.open_undos() == []


def test_a_lever_pulled_twice_goes_back_step_by_step(quiet: Session) -> None:
    late, later = LinkDelay(latency_s=DELAY_S), LinkDelay(latency_s=2 * DELAY_S)
    with quiet.testbed.leases(), quiet.testbed.pull(SHOP, late):
        with quiet.testbed.pull(SHOP, later):
            assert is_late_by(2 * DELAY_S)(quiet)
        assert quiet.testbed.read(LinkDelay, SHOP) == late
        assert is_late_by(DELAY_S)(quiet)
        eventually(lambda: not is_late_by(2 * DELAY_S)(quiet))
    assert quiet.testbed.read(LinkDelay, SHOP) is None


def test_rows_written_while_a_column_is_changed_are_changed_too_and_kept(quiet: Session) -> None:
    age = rows(quiet, "SELECT age_years FROM users WHERE user_id = 1")[0][0]
    try:
        with quiet.testbed.pull("db/users.age_years", TableColumn(change="rescale", factor=10.0)):
            rows(quiet, "UPDATE users_base SET age_years = 77 WHERE user_id = 1")
            assert rows(quiet, "SELECT age_years FROM users WHERE user_id = 1") == [(770,)]
        assert rows(quiet, "SELECT age_years FROM users WHERE user_id = 1") == [(77,)]
    finally:
        rows(quiet, f"UPDATE users_base SET age_years = {age} WHERE user_id = 1")


def test_a_restarted_cache_breaks_its_connections_forgets_its_entries_and_comes_back_by_itself(quiet: Session) -> None:
    import redis

    host, port = quiet.compose.address("cache", 6379)
    password = quiet.passwords[CACHE_PASSWORD]
    with redis.Redis(host, port, password=password) as client, client.monitor() as listening:
        client.fcall("put_entry", 1, "user:999998", b"entry")
        with quiet.testbed.pull("cache", ComponentRestart(away_s=1.0)):
            with pytest.raises(redis.ConnectionError):
                list(listening.listen())  # what is asked of the cache, until the connection breaks
            eventually(lambda: quiet.testbed.read(ComponentRestart, "cache") is None)
            assert quiet.compose.container("cache").status == "running"
    again = quiet.compose.address("cache", 6379)
    with redis.Redis(*again, password=password) as client:
        eventually(lambda: answers(client))
        assert not client.exists("user:999998")


def answers(client: Any) -> bool:
    import redis

    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def test_entries_frozen_in_the_cache_end_with_the_freeze(quiet: Session) -> None:
    with redis_of(quiet) as client:
        client.fcall("put_entry", 1, "user:999998", b"entry")
        assert client.pttl("user:999998") > 0
        with quiet.testbed.pull("cache", CacheFreeze()):
            assert client.pttl("user:999998") == -1
        eventually(lambda: not client.exists("user:999998"))


def test_a_good_version_is_served_and_rolled_back(quiet: Session) -> None:
    versions = quiet.levers.versions
    quiet.reset_versions()
    entry = quiet.train({"training": "next-window"})
    versions.push(entry)
    eventually(lambda: versions.served() == 3)
    quiet.testbed.revert(Undo("model.deploy", "model", {"version": 2}))
    assert versions.served() == 2


def test_a_corrupt_version_is_not_served_and_the_old_one_stays(quiet: Session) -> None:
    quiet.reset_versions()
    url = f"{quiet.compose.url('model', ports.MODEL_REST)}/v1/models/model"
    quiet.compose.execute(
        "model", ["sh", "-c", "cd /models/model && mkdir 9.tmp && echo x >9.tmp/saved_model.pb && mv 9.tmp 9"]
    )
    try:
        eventually(lambda: any(v["version"] == "9" for v in call("GET", url)["model_version_status"]))
        time.sleep(1.5)  # a further look at the directory
        states = {v["version"]: v["state"] for v in call("GET", url)["model_version_status"]}
        assert states["2"] == "AVAILABLE"
        assert states["9"] != "AVAILABLE"
    finally:
        quiet.levers.versions.keep_up_to(2)
    assert quiet.levers.versions.served() == 2


def test_a_push_cut_short_neither_outlives_its_revert_nor_hinders_the_next(quiet: Session) -> None:
    quiet.reset_versions()
    quiet.compose.execute("model", ["mkdir", "/models/model/3.tmp"])
    quiet.testbed.revert(Undo("model.deploy", "model", {"version": 2}))
    quiet.levers.versions.push(quiet.train({"training": "next-window"}))
    quiet.levers.versions.await_served(3)
    quiet.levers.versions.keep_up_to(2)
    quiet.levers.versions.await_served(2)


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE_S", SHORT_LEASE_S)
    monkeypatch.setattr(renewing, "RENEW_EVERY_S", SHORT_LEASE_S / 16)


LEASED = ("link.cut", "feed.freeze", "component.slow", "table.lock", "population.tastes")


@pytest.mark.usefixtures("short_leases")
def test_leases_last_as_long_as_the_lab_renews_them_and_no_longer(quiet: Session) -> None:
    pulls = [next(pull for pull in PULLS if pull.value.name == lever) for lever in LEASED]
    already_lapsed = len(quiet.testbed.lapsed)

    def pulled() -> ExitStack:
        with ExitStack() as held:
            for pull in pulls:
                held.enter_context(quiet.testbed.pull(pull.element, pull.value))
            return held.pop_all()

    with quiet.testbed.leases(), pulled():
        time.sleep(1.5 * SHORT_LEASE_S)
        assert [str(pull) for pull in pulls if not pull.effect(quiet)] == []
    assert quiet.testbed.lapsed[already_lapsed:] == []
    with pulled():
        for pull in pulls:
            eventually(lambda pull=pull: not pull.effect(quiet))
        with quiet.testbed.leases():
            ended = {f"{pull.value.name} of {pull.element}" for pull in pulls}
            eventually(lambda: set(quiet.testbed.lapsed[already_lapsed:]) == ended)
            assert not any(pull.effect(quiet) for pull in pulls), "a fault that had ended was pulled again"
