"""What levers of the real stack do beyond being pulled: symptoms, what they leave alone, and two at once."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from typing import Any

import pytest

from lab.injection.levers import (
    CacheFlush,
    CacheFreeze,
    CacheMixKeys,
    ComponentSlow,
    ConfigSet,
    ModelDeploy,
    ModelUnload,
    PopulationShift,
    PopulationTastes,
    TableLock,
    Undo,
)
from lab.testbeds.stack.http import call
from lab.testbeds.stack.session import Session
from lab.worlds.shop.stack import FEED
from tests.stack.asking import answer_of_rules_s, predicted, profile, redis_of, rows
from tests.stack.holding import EACH_ONCE, LEVERS, await_moment, lab_holding, now, strike
from tests.stack.recovering import lab_recover
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.stack

SHOP_PORT = 28080
FACTOR = 8.0
_SHARE_OF_TIME = """
import time
began, cpu, until = time.perf_counter(), time.process_time(), time.perf_counter() + 1.0
while time.perf_counter() < until:
    pass
print((time.process_time() - cpu) / (time.perf_counter() - began))
"""
STOPPED = "for s in /proc/[0-9]*/stat; do read -r _ _ state _ <$s && echo $state; done 2>/dev/null | grep -c T || true"


def share_of_time(stack: Session, component: str) -> float:
    """The share of the time in which a process that wants to works, one that started just now."""
    return float(stack.compose.execute(component, ["python", "-c", _SHARE_OF_TIME]))


def stopped_count(stack: Session, component: str) -> int:
    return int(stack.compose.execute(component, ["sh", "-c", STOPPED]))


def page(stack: Session, user: int) -> dict[str, Any]:
    """What the shop shows a user."""
    body = json.dumps({"user_id": user, "candidates": list(range(20))}).encode()
    url = f"{stack.compose.url('links', SHOP_PORT)}/v1/recommend"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


def test_a_slowed_component_works_for_its_share_of_the_time_also_what_starts_meanwhile(quiet: Session) -> None:
    with quiet.testbed.leases(), quiet.testbed.pull("features", ComponentSlow(factor=FACTOR)):
        assert share_of_time(quiet, "features") < 2 / FACTOR
        assert page(quiet, 1)["items"]
    assert stopped_count(quiet, "features") == 0
    eventually(lambda: share_of_time(quiet, "features") > 2 / FACTOR)


@pytest.mark.parametrize("component", ["features", "feed", "model", "rules", "db", "cache"])
def test_every_component_can_be_slowed(quiet: Session, component: str) -> None:
    with quiet.testbed.leases(), quiet.testbed.pull(component, ComponentSlow(factor=3.0)):
        assert quiet.testbed.read(ComponentSlow, component) == ComponentSlow(factor=3.0)
    assert quiet.testbed.read(ComponentSlow, component) is None
    assert stopped_count(quiet, component) == 0


def test_a_component_whose_helper_was_killed_while_it_stood_still_runs_on_when_it_is_put_back(quiet: Session) -> None:
    with quiet.testbed.pull("rules", ComponentSlow(factor=10_000.0)):  # stopped for 20 s at a time
        eventually(lambda: stopped_count(quiet, "rules") > 0)
        quiet.compose.execute("rules", ["bash", "-c", "read -r pid _ </tmp/.slices && kill -9 $pid"])
        assert stopped_count(quiet, "rules") > 0
    assert stopped_count(quiet, "rules") == 0
    assert answer_of_rules_s(quiet) < 1.0


def test_a_locked_table_shows_in_pg_locks_and_users_get_default_features(quiet: Session) -> None:
    with redis_of(quiet) as client:
        client.flushdb()
    with quiet.testbed.leases(), quiet.testbed.pull("db/users", TableLock()):
        held = rows(quiet, "SELECT count(*) FROM pg_locks WHERE relation = 'users_base'::regclass AND granted "
                           "AND mode = 'AccessExclusiveLock'")  # fmt: skip
        assert held == [(1,)]
        assert page(quiet, 7)["features_from"] == "default"
        assert page(quiet, 7)["features_from"] == "default"
    eventually(lambda: page(quiet, 7)["features_from"] in ("db", "cache"))


def test_other_tables_can_be_locked_too_and_leave_users_alone(quiet: Session) -> None:
    with quiet.testbed.leases(), quiet.testbed.pull("db/items", TableLock()):
        assert quiet.testbed.read(TableLock, "db/users") is None
        assert rows(quiet, "SELECT user_id FROM users WHERE user_id = 1") == [(1,)]


def test_a_model_without_versions_answers_as_tf_serving_and_pages_show_what_is_popular(quiet: Session) -> None:
    with quiet.testbed.pull("model", ModelUnload()):
        status, answer = predicted(quiet)
        assert (status, answer) == (404, {"error": "Servable not found for request: Latest(model)"})
        assert page(quiet, 5)["model_version"] == 0
    assert predicted(quiet)[0] == 200
    eventually(lambda: page(quiet, 5)["model_version"] == 2)


def test_a_version_deployed_while_none_is_served_is_served_once_they_are_back(quiet: Session) -> None:
    quiet.reset_versions()
    versions = quiet.levers.versions
    with quiet.testbed.pull("model", ModelUnload()):
        quiet.testbed.write(ModelDeploy, "model", ModelDeploy(training="next-window"))
        assert (versions.served(), quiet.testbed.read(ModelDeploy, "model")) == (0, ModelDeploy(version=3))
    assert versions.served() == 3
    quiet.testbed.revert(Undo("model.deploy", "model", {"version": 2}))
    assert versions.served() == 2


def test_a_flushed_cache_has_no_entry(quiet: Session) -> None:
    with redis_of(quiet) as client:
        client.fcall("put_entry", 1, "user:1", b"entry")
        quiet.testbed.act("cache", CacheFlush())
        assert client.dbsize() == 0


def test_frozen_and_mixed_keys_are_kept_apart(quiet: Session) -> None:
    testbed, frozen, mixed = quiet.testbed, CacheFreeze(fraction=0.4), CacheMixKeys(fraction=0.2)
    kept = testbed.read(ConfigSet, "cache/settings.ttl_s")
    with testbed.pull("cache", frozen):
        with testbed.pull("cache", mixed):
            assert testbed.read(CacheFreeze, "cache") == frozen
            with testbed.pull("cache/settings.ttl_s", ConfigSet(value=5.0)):
                assert testbed.read(ConfigSet, "cache/settings.ttl_s") == ConfigSet(value=5.0)
                assert testbed.read(CacheMixKeys, "cache") == mixed
            assert testbed.read(ConfigSet, "cache/settings.ttl_s") == kept
        assert testbed.read(CacheMixKeys, "cache") is None
        assert testbed.read(CacheFreeze, "cache") == frozen
    assert testbed.read(CacheFreeze, "cache") is None


def test_a_shift_rounds_whole_numbers_and_is_put_back_to_the_digit(quiet: Session) -> None:
    ages = "SELECT age_years FROM users ORDER BY user_id"
    before = rows(quiet, ages)
    with quiet.testbed.pull("shoppers/age_years", PopulationShift(factor=1.3)):
        shifted = [age for (age,) in rows(quiet, ages)]
        assert shifted == [round(value) for value in (profile("age_years") * 1.3).tolist()]
    assert rows(quiet, ages) == before


def test_a_run_filled_anew_has_no_shift_left(quiet: Session) -> None:
    from lab.agreed.run import Run

    run = Run(seed=2, start_unix_s=time.time(), duration_s=60, warmup_s=0, stages=((60, 0.01),))
    discounts = "shoppers/discount_share_ratio"
    with quiet.testbed.pull(discounts, PopulationShift(factor=0.5)):
        call("POST", f"{quiet.compose.url('feed', FEED)}/runs", run.to_json(), quiet.token("feed"))
        assert quiet.testbed.read(PopulationShift, discounts) is None
    spent = rows(quiet, "SELECT sum(discount_share_ratio) FROM users")
    assert spent[0][0] == pytest.approx(profile("discount_share_ratio").sum())


def test_tastes_want_a_run(first_versions: Session) -> None:
    from lab.testbeds.stack.compose import StackError

    with pytest.raises(StackError, match="no run is under way"):
        first_versions.testbed.write(PopulationTastes, "shoppers", PopulationTastes(fraction=0.5))
    first_versions.testbed.write(PopulationTastes, "shoppers", None)


@pytest.mark.parametrize("lever", EACH_ONCE)
def test_a_lab_killed_while_it_holds_a_lever_leaves_nothing_behind(quiet: Session, lever: str) -> None:
    element, _ = EACH_ONCE[lever]
    previous = now(lever)
    with lab_holding(lever, "held") as process:
        await_moment(process, "held")
        assert now(lever) != previous
        strike(process, signal.SIGKILL)
        process.wait(timeout=PATIENCE_S)
    if lever == "population.tastes":  # leased
        eventually(lambda: now(lever) == previous)
    else:
        assert now(lever) != previous
    assert lab_recover() == [(lever, element, previous)]
    assert now(lever) == previous
    assert not set(EACH_ONCE) & set(LEVERS)
