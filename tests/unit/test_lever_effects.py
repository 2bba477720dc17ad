"""Levers of the simulator do what they say, while they are pulled and not after: each held from 30 to 60 s of 90."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lab.injection.levers import (
    CacheFlush,
    CacheMixKeys,
    ComponentLimit,
    ComponentPause,
    ComponentRestart,
    ComponentSlow,
    ComponentStop,
    ConfigSet,
    FeedDelay,
    FeedFreeze,
    LeverValue,
    LinkDelay,
    LinkReset,
    LinkThrottle,
    ModelUnload,
    Place,
    PopulationBots,
    PopulationShift,
    PopulationSurge,
    PopulationTastes,
    TableLock,
    TableSlow,
    Testbed,
    lever_type,
)
from lab.recording.observed import Observed
from lab.testbeds.sim import SimTestbed
from lab.testbeds.stack.levers import LEVERS as STACK
from lab.worlds.shop.catalog import make_catalog
from lab.worlds.shop.features import INDEX
from tests.sim_runs import scenario

FROM_S, UNTIL_S = 30.0, 60.0
SETTLED_S = 3.0
SHOP_SEED = 11


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("levers")


@pytest.fixture(scope="module")
def usual(folder: Path) -> Observed:
    return pulled(folder, None)


def pulled(folder: Path, pull: Callable[[Testbed], AbstractContextManager[None]] | None) -> Observed:
    """A run in which this lever is pulled for half a minute."""
    testbed = SimTestbed(scenario(folder, duration_s=90), 1)
    testbed.advance(FROM_S)
    with pull(testbed) if pull is not None else nullcontext():
        testbed.advance(UNTIL_S)
    testbed.advance(90)
    return testbed.finish()


def parts(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of while it was pulled (and had taken hold), and of the rest."""
    times = frame["time_s"]
    inside = times.between(FROM_S + SETTLED_S, UNTIL_S - SETTLED_S)
    outside = (times < FROM_S - SETTLED_S) | (times > UNTIL_S + SETTLED_S)
    return frame[inside], frame[outside]


def calls(of: Observed, peer: str, kind: str = "client") -> pd.DataFrame:
    spans = of.frame("spans")
    if kind == "client":
        return spans[
            (spans["peer.service"] == peer) & (spans["service.name"] == "features") & (spans["span.kind"] == kind)
        ]
    return spans[(spans["service.name"] == peer) & (spans["span.kind"] == kind)]


def statuses(frame: pd.DataFrame) -> set[str]:
    """Statuses of more than one in fifty rows."""
    shares = frame["status"].value_counts(normalize=True)
    return set(shares[shares > 0.02].index.astype(str))


@pytest.mark.parametrize(
    ("peer", "pull", "status"),
    [
        ("rules", lambda t: t.pull("rules", ComponentStop()), {"refused"}),
        ("rules", lambda t: t.pull("rules", ComponentPause()), {"timeout"}),
        ("db", lambda t: t.pull("db/users", TableLock()), {"timeout"}),
        ("model", lambda t: t.pull("model", ModelUnload()), {"unavailable"}),
        ("db", lambda t: t.pull("features/steps.db_get.timeout_s", ConfigSet(value=0.0005)), {"timeout"}),
        ("rules", lambda t: t.pull("features->rules", LinkReset(fraction=1.0)), {"reset"}),
    ],
    ids=["stop", "pause", "lock", "unload", "config", "reset"],
)
def test_calls_fail_in_the_levers_own_way_and_only_while_it_is_pulled(
    folder: Path, peer: str, pull: Any, status: set[str]
) -> None:
    during, otherwise = parts(calls(pulled(folder, pull), peer))
    assert statuses(during) == status
    assert statuses(otherwise) == {"ok"}


def test_what_was_held_while_paused_is_worked_off_afterwards(folder: Path) -> None:
    run = pulled(folder, lambda t: t.pull("rules", ComponentPause()))
    handled = calls(run, "rules", "server")
    assert len(handled[handled["time_s"].between(FROM_S + 0.1, UNTIL_S - 0.1)]) == 0
    at_once = handled[handled["time_s"].between(UNTIL_S - 0.01, UNTIL_S + 0.01)]
    assert len(at_once) > 100


@pytest.mark.parametrize(
    ("peer", "pull", "at_least_s"),
    [
        ("db", lambda t: t.pull("db/users", TableSlow(seconds=0.05)), 0.05),
        ("model", lambda t: t.pull("model", ComponentSlow(factor=4.0)), 0.015),
        ("model", lambda t: t.pull("model", ComponentLimit(cpu=0.25)), 0.015),
        ("model", lambda t: t.pull("features->model", LinkDelay(latency_s=0.04)), 0.038),
        ("rules", lambda t: t.pull("features->rules", LinkThrottle(bytes_per_s=150_000)), 0.02),
    ],
    ids=["slow statements", "slow component", "less CPU", "delay", "throttle"],
)
def test_calls_take_longer_and_only_while_it_is_pulled(folder: Path, peer: str, pull: Any, at_least_s: float) -> None:
    during, otherwise = parts(calls(pulled(folder, pull), peer))
    assert during["duration_s"].median() - otherwise["duration_s"].median() > at_least_s


def test_fewer_workers_need_as_much_cpu_as_more(folder: Path, usual: Observed) -> None:
    run = pulled(folder, lambda t: t.pull("features", ComponentLimit(workers=1)))
    busy, before = (
        parts(m[(m["metric"] == "process.cpu.utilization") & (m["service.name"] == "features")])[0]["value"].mean()
        for m in (run.frame("metrics"), usual.frame("metrics"))
    )
    assert busy == pytest.approx(before, rel=0.1)


@pytest.mark.parametrize("cpu", [0.25, 0.6])
def test_a_throttled_component_waits_for_its_quota_for_the_share_of_cpu_that_is_gone(folder: Path, cpu: float) -> None:
    metrics = pulled(folder, lambda t: t.pull("model", ComponentLimit(cpu=cpu))).frame("metrics")
    throttled = metrics[(metrics["metric"] == "process.cpu.throttled.ratio") & (metrics["service.name"] == "model")]
    during, otherwise = parts(throttled)
    # The intervals that the lever is pulled and let go in are part of both.
    assert during["value"].median() == pytest.approx(1 - cpu, abs=0.01)
    assert otherwise["value"].median() == 0.0


def test_mixed_up_keys_serve_other_peoples_rows(folder: Path) -> None:
    served = pulled(folder, lambda t: t.pull("cache", CacheMixKeys(fraction=1.0))).frame("features")
    own = make_catalog(SHOP_SEED).profile[served["user_id"], INDEX["account_age_days"]]
    strange = served.assign(strange=served["feature.account_age_days"] != own)
    during, otherwise = parts(strange[strange["source"] == "cache"])
    assert during["strange"].mean() > 0.9
    assert not otherwise["strange"].any()


def test_a_flushed_cache_misses_until_it_is_full_again(folder: Path, usual: Observed) -> None:
    testbed = SimTestbed(scenario(folder, duration_s=90), 1)
    testbed.advance(FROM_S)
    testbed.act("cache", CacheFlush())
    testbed.advance(90)
    flushed = testbed.finish().frame("features")
    just_after = flushed["time_s"].between(FROM_S, FROM_S + 2)
    assert (flushed["source"][just_after] == "cache").mean() < 0.1
    assert (flushed["source"][flushed["time_s"] > 75] == "cache").mean() > 0.2
    before = flushed["time_s"] < FROM_S
    assert flushed["source"][before].tolist() == usual.frame("features")["source"][before].tolist()


def test_an_unloaded_model_leaves_pages_unscored(folder: Path) -> None:
    shown = pulled(folder, lambda t: t.pull("model", ModelUnload())).frame("predictions")
    during, otherwise = parts(shown)
    assert (during["model_version"] == 0).all()
    assert during["score"].isna().all()
    assert (otherwise["model_version"] == 2).mean() > 0.99


def test_a_shifted_population_has_other_features(folder: Path) -> None:
    served = pulled(folder, lambda t: t.pull("shoppers/age_years", PopulationShift(factor=0.5))).frame("features")
    during, otherwise = parts(served[served["source"] == "db"])
    assert during["feature.age_years"].mean() == pytest.approx(otherwise["feature.age_years"].mean() / 2, rel=0.1)


def test_changed_tastes_cost_clicks(folder: Path, usual: Observed) -> None:
    changed = pulled(folder, lambda t: t.pull("shoppers", PopulationTastes(fraction=1.0)))
    window = changed.frame("predictions")["time_s"].between(FROM_S, UNTIL_S - 5)
    before = usual.frame("predictions")["outcome"][window].mean()
    assert changed.frame("predictions")["outcome"][window].mean() < 0.93 * before


@pytest.mark.parametrize("kind", [PopulationSurge, PopulationBots])
def test_more_requests_come_and_only_people_click(folder: Path, usual: Observed, kind: Any) -> None:
    run = pulled(folder, lambda t: t.pull("shoppers", kind(rate_per_s=20.0)))
    seen = [parts(o.frame("predictions")) for o in (run, usual)]
    (during, otherwise), (during_usual, otherwise_usual) = seen
    assert len(during) / len(during_usual) == pytest.approx(2, rel=0.2)
    assert len(otherwise) == len(otherwise_usual)
    extra = during[~during["trace_id"].isin(during_usual["trace_id"])]
    assert (extra["outcome"].sum() > 0) == (kind is PopulationSurge)


def test_a_delayed_job_runs_later_and_a_frozen_one_not_at_all(folder: Path, usual: Observed) -> None:
    def runs(of: Observed) -> list[float]:
        spans = of.frame("spans")
        return [round(t, 3) for t in spans["time_s"][spans["span.kind"] == "internal"]]

    assert runs(usual)[:4] == [0.0, 10.0, 20.0, 30.0]
    frozen = runs(pulled(folder, lambda t: t.pull("feed", FeedFreeze())))
    assert [t for t in frozen if FROM_S < t < UNTIL_S] == []
    assert [t for t in frozen if t > UNTIL_S] == [70.0, 80.0]
    delayed = runs(pulled(folder, lambda t: t.pull("feed", FeedDelay(seconds=5.0))))
    assert [t for t in delayed if t >= FROM_S] == [35.0, 45.0, 55.0, 60.0, 70.0, 80.0]
    behind = runs(pulled(folder, lambda t: t.pull("feed", FeedDelay(seconds=12.0))))
    assert [t for t in behind if t >= FROM_S] == [42.0, 62.0, 70.0, 80.0]
    falling = runs(pulled(folder, lambda t: t.pull("feed", FeedDelay(seconds=1.0, growth=1800.0))))
    assert [t for t in falling if t >= FROM_S] == [31.0, 46.0, 61.0, 70.0, 80.0]


def test_a_restarted_component_is_away_and_comes_back_by_itself(folder: Path) -> None:
    run = pulled(folder, lambda t: t.pull("rules", ComponentRestart(away_s=5.0)))
    calls_made = calls(run, "rules")
    away = calls_made[calls_made["time_s"].between(FROM_S + 0.1, FROM_S + 4.9)]
    back = calls_made[calls_made["time_s"].between(FROM_S + 5.1, UNTIL_S)]
    assert statuses(away) == {"refused"}
    assert statuses(back) == {"ok"}
    handled = calls(run, "rules", "server")
    ends_s = handled["time_s"] + handled["duration_s"]
    assert not ends_s.between(FROM_S + 1e-6, FROM_S + 5.0).any(), "a killed process reported work"


def restarted_while_busy(folder: Path, component: str) -> Observed:
    """The rules are so slow that requests always wait for them, and 5 s later a component is restarted."""
    testbed, patient = SimTestbed(scenario(folder, duration_s=90), 1), ConfigSet(value=5.0)
    testbed.advance(FROM_S)
    slow = testbed.pull("rules", ComponentSlow(factor=400.0))
    with slow, testbed.pull("features/steps.apply_rules.timeout_s", patient):
        testbed.advance(FROM_S + 5.0)
        with testbed.pull(component, ComponentRestart()):
            testbed.advance(FROM_S + 10.0)
    testbed.advance(90)
    return testbed.finish()


def test_whoever_waits_for_a_restarted_component_sees_its_connection_break(folder: Path) -> None:
    made = calls(restarted_while_busy(folder, "rules"), "rules")
    broken = made[made["status"] == "reset"]
    assert len(broken) >= 4, "as many as it has workers"
    assert (broken["time_s"] < FROM_S + 5.0).all()
    assert (broken["time_s"] + broken["duration_s"]).between(FROM_S + 5.0, FROM_S + 5.01).all()


@pytest.mark.parametrize("component", ["rules", "features"])
def test_a_killed_process_reports_nothing_of_what_it_was_doing(folder: Path, component: str) -> None:
    spans = restarted_while_busy(folder, component).frame("spans")
    own = spans[spans["service.name"] == component]
    assert not (own["time_s"] + own["duration_s"]).between(FROM_S + 5.0 + 1e-6, FROM_S + 6.99).any()
    assert own["time_s"].between(FROM_S, FROM_S + 5.0).any()
    assert own["time_s"].between(FROM_S + 7.0, FROM_S + 9.0).any()


def test_a_restarted_cache_has_forgotten_every_entry(folder: Path) -> None:
    served = pulled(folder, lambda t: t.pull("cache", ComponentRestart(away_s=0.0))).frame("features")
    hits = served.assign(hit=served["source"] == "cache").groupby((served["time_s"] // 2).astype(int))["hit"].mean()
    assert hits[FROM_S / 2] < 0.1
    assert hits[FROM_S / 2 - 1] > 0.3
    assert hits[int(UNTIL_S / 2) :].mean() > 0.3


def test_entries_with_a_shorter_time_to_live_expire_sooner(folder: Path, usual: Observed) -> None:
    short = pulled(folder, lambda t: t.pull("cache/settings.ttl_s", ConfigSet(value=5)))
    for metric in ("cache.expired.count", "cache.miss.count"):
        frames = [run.frame("metrics") for run in (short, usual)]
        during, during_usual = (parts(m[m["metric"] == metric])[0]["value"].sum() for m in frames)
        assert during > 1.2 * during_usual, metric


def test_a_shorter_period_makes_a_job_run_more_often_and_only_while_it_is_set(folder: Path, usual: Observed) -> None:
    spans = pulled(folder, lambda t: t.pull("feed/period_s", ConfigSet(value=2.5))).frame("spans")
    runs = spans[spans["span.kind"] == "internal"]
    during, otherwise = parts(runs)
    before = parts(usual.frame("spans").query("`span.kind` == 'internal'"))[1]
    assert len(during) >= 8
    assert runs["trace_id"].is_unique
    kept = otherwise["time_s"] < FROM_S
    assert otherwise["time_s"][kept].round(6).tolist() == before["time_s"][before["time_s"] < FROM_S].round(6).tolist()
    assert otherwise["time_s"][~kept].round(3).tolist() == [70.0, 80.0]


@pytest.mark.parametrize(("key", "value"), [("workers", 1), ("max_wait_s", 0)])
def test_a_component_with_less_room_refuses_what_it_cannot_take(folder: Path, key: str, value: int) -> None:
    def crowded(testbed: Testbed) -> AbstractContextManager[None]:
        held = ExitStack()
        held.enter_context(testbed.pull("model", ComponentSlow(factor=12.0)))
        held.enter_context(testbed.pull(f"model/{key}", ConfigSet(value=value)))
        if key == "workers":
            held.enter_context(testbed.pull("model/max_wait_s", ConfigSet(value=0.01)))
        return held  # type: ignore[return-value]

    during, otherwise = parts(calls(pulled(folder, crowded), "model"))
    assert "refused" in statuses(during)
    assert statuses(otherwise) == {"ok"}


def test_a_restarted_component_reads_its_configuration_anew(folder: Path) -> None:
    testbed = SimTestbed(scenario(folder, duration_s=90), 1)
    key = "features/steps.db_get.timeout_s"
    declared = testbed.read(ConfigSet, key)
    with testbed.pull(key, ConfigSet(value=0.5)):
        with testbed.pull("model", ComponentRestart()):
            assert testbed.read(ConfigSet, key) == ConfigSet(value=0.5)
        with testbed.pull("features", ComponentRestart()):
            assert testbed.read(ConfigSet, key) == declared


@pytest.mark.parametrize(
    "lever",
    [lever_type(name) for name, keeper in STACK.keepers.items() if keeper.in_memory and not keeper.service],
    ids=lambda lever: lever.name,
)
def test_what_a_process_keeps_in_memory_ends_when_it_starts_anew(folder: Path, lever: type[LeverValue]) -> None:
    """As on the stack, whose table says what keeps each lever's state."""
    testbed = SimTestbed(scenario(folder, duration_s=30, rate_per_s=5), 1)
    for place in lever.places(testbed.system):
        element = Place.parse(place).element
        if element == testbed.system.users:
            continue
        at_rest = testbed.read(lever, place)
        value = lever.example(testbed.system, Place.parse(place))
        with testbed.pull(place, value), testbed.pull(element, ComponentRestart(away_s=1.0)):
            assert testbed.read(lever, place) == at_rest
        assert testbed.read(lever, place) == at_rest
