"""The shop by columns: the same whatever blocks it is given; rows are kept while something names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.clock import NS
from lab.injection.levers import (
    CacheFlush,
    CacheFreeze,
    CacheMixKeys,
    ConfigSet,
    ModelDeploy,
    ModelUnload,
    Place,
    PopulationShift,
    PopulationTastes,
    TableColumn,
)
from lab.streams import Streams
from lab.worlds.kit.contract import ContractViolationError, parse_value
from lab.worlds.kit.epochs import Epochs, altered_row
from lab.worlds.kit.sums import EventSums
from lab.worlds.shop.behaviour import BROWSED_PER_S, MEMORY_S
from lab.worlds.shop.browsing import Pages
from lab.worlds.shop.candidates import Candidates
from lab.worlds.shop.catalog import make_catalog
from lab.worlds.shop.features import INDEX, NAMES, USER_FEATURES
from lab.worlds.shop.layout import CACHE
from lab.worlds.shop.missions import BLOCK_S, Missions
from lab.worlds.shop.visits import Visits
from lab.worlds.shop.world import ShopWorld
from tests import shop_plane
from tests.shop_plane import FakePlane, Lever, numbers, same

SEED = 11
END_S = 150.0


def pull(at_s: float, element: str, value: Any, back_s: float) -> list[Lever]:
    """A lever that is pulled, and put back."""
    place, kind = Place.parse(element), type(value)

    def write(shop: ShopWorld, now_ns: int) -> None:
        before.append(shop.read(kind, place))
        shop.write(kind, place, value, now_ns)

    before: list[Any] = []
    return [(at_s, write), (back_s, lambda shop, now_ns: shop.write(kind, place, before[0], now_ns))]


LEVERS: list[Lever] = [
    *pull(71.3, "cache", CacheFreeze(fraction=0.5), 101.7),
    *pull(83.1, "cache", CacheMixKeys(fraction=0.3), 96.0),
    *pull(75.5, "db/users.avg_order_value_eur", TableColumn(change="retype", to="text", fraction=0.2), 91.0),
    *pull(88.8, "model", ModelDeploy(training="next-window"), 133.0),
    *pull(92.0, "model", ModelUnload(), 94.0),
    *pull(99.0, "shoppers", PopulationTastes(fraction=0.4), 140.0),
    *pull(105.0, "shoppers/age_years", PopulationShift(factor=1.2), 125.0),
    *pull(118.0, "cache/settings.ttl_s", ConfigSet(value=5.0), 130.0),
    (122.0, lambda shop, now_ns: shop.act(Place.parse("cache"), CacheFlush(), now_ns)),
]


def result(plane: FakePlane, taken: Mapping[str, list[Any]]) -> dict[str, Any]:
    """All that a world has to say of its run."""
    end_ns = plane.end_ns
    for kind, rows in (("final", plane.world.final_rows(end_ns)), ("pending", plane.world.pending_rows(end_ns))):
        for name, columns in rows.items():
            if columns:
                taken.setdefault(f"{kind} {name}", []).append(numbers(columns))
    tables = {
        name: {column: np.concatenate([part[column] for part in parts]) for column in parts[0]}
        for name, parts in taken.items()
    }
    edges = np.arange(plane.start_ns, end_ns + 1, 5 * NS)
    counts = {metric: values for _, metric, _, values in plane.world.counts(edges)}
    samples = {metric: np.array([value]) for _, metric, _, value in plane.world.samples(end_ns)}
    return tables | {"counts": counts, "samples": samples, "rows": {"": plane.world.table.rows}}


def run(cuts_s: list[float], looks_s: list[float] | None = None) -> tuple[FakePlane, dict[str, Any]]:
    """A run with all levers; blocks end at the cuts, rows are taken at the looks."""
    plane, taken = FakePlane(duration_s=END_S - 60), {}
    for look_s in [*sorted(looks_s or []), END_S]:
        plane.run(look_s, cuts_s, LEVERS)
        for name, columns in plane.world.final_rows(plane.now_ns).items():
            if columns:
                taken.setdefault(f"final {name}", []).append(numbers(columns))
    return plane, result(plane, taken)


@pytest.fixture(scope="module")
def whole() -> tuple[FakePlane, dict[str, Any]]:
    return run([])


TIMES = st.lists(st.floats(1.0, END_S - 1).map(lambda t: round(t, 3)), max_size=40, unique=True)


@given(TIMES, TIMES)
@settings(max_examples=6)
def test_nothing_depends_on_where_blocks_end(whole: Any, cuts_s: list[float], looks_s: list[float]) -> None:
    plane, found = run(cuts_s, looks_s)
    expected_plane, expected = whole
    assert found.keys() == expected.keys()
    for name, columns in expected.items():
        assert same(found[name], columns), name
    assert plane.logs == expected_plane.logs
    assert plane.changes == expected_plane.changes


def test_nothing_depends_on_how_many_arrive_at_a_time(whole: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though some have arrived before their tastes change, and are seen by the feed after that."""
    monkeypatch.setattr(shop_plane, "WINDOW", 1)
    _, found = run([])
    for name, columns in whole[1].items():
        assert same(found[name], columns), name


def test_levers_show_in_what_is_served(whole: Any) -> None:
    plane, found = whole
    shown, served = found["final predictions"], found["final features"]
    assert set(np.unique(shown["model_version"])) == {0, 2, 3}
    assert {line[3] for line in plane.logs} == {"feature_contract_violation", "version_loaded"}
    assert all(line[5] == "avg_order_value_eur" for line in plane.logs if line[3] == "feature_contract_violation")
    assert np.nanmax(served["entry_age_s"]) > 25.1  # of frozen entries
    assert np.isnan(served["feature.avg_order_value_eur"]).any()
    assert plane.world.model.serving == 2
    assert plane.world.missions.changed is None


def test_a_table_that_serves_no_features_can_be_altered_too_and_nobody_reads_it() -> None:
    place, added = Place.parse("db/events.session_bucket"), TableColumn(change="add", type="integer")
    plain, altered = FakePlane(duration_s=30).run(90.0, [], []), FakePlane(duration_s=30).run(70.0, [], [])
    altered.world.write(TableColumn, place, added, altered.now_ns)
    assert altered.world.read(TableColumn, place) == added
    altered.run(90.0, [], [])
    altered.world.write(TableColumn, place, None, altered.now_ns)
    assert altered.world.read(TableColumn, place) is None
    of_plain, of_altered = result(plain, {}), result(altered, {})
    for name, columns in of_plain.items():
        assert same(of_altered[name], columns), name


@pytest.mark.parametrize("at_s", [65.0, 90.0])
def test_a_branch_goes_on_as_the_run_does_and_changes_nothing_of_it(at_s: float) -> None:
    trunk = FakePlane(duration_s=60).run(at_s, [], LEVERS)
    branch = trunk.branch()
    branch.run(100.0, [], [(91.0, lambda shop, now_ns: shop.act(Place.parse("cache"), CacheFlush(), now_ns))])
    other = trunk.branch()
    results = [result(plane.run(120.0, [], LEVERS), {}) for plane in (trunk, other)]
    for name, columns in results[0].items():
        assert same(results[1][name], columns), name
    assert trunk.logs == other.logs


def test_rows_of_past_epochs_are_dropped_when_nothing_names_them() -> None:
    plane = FakePlane(duration_s=400, rate_per_s=10).run(460.0)
    assert plane.world.table.current == 46
    assert len(plane.world.table.seen) == 8  # entries live for 15 s, the feed runs every 10


def test_an_epoch_that_is_named_keeps_its_rows() -> None:
    plane = FakePlane(duration_s=200, rate_per_s=10)
    plane.run(
        70.0, [], [(65.0, lambda shop, now_ns: shop.write(CacheFreeze, Place.parse("cache"), CacheFreeze(), now_ns))]
    )
    store = plane.state.store(CACHE)
    live = np.flatnonzero(store.written_ns >= 0)
    before = plane.world.table.seen[plane.world.table.slots(store.epoch[live]), live].copy()
    plane.run(260.0)
    assert np.isin(live, np.flatnonzero(store.written_ns >= 0)).all()
    assert np.array_equal(plane.world.table.seen[plane.world.table.slots(store.epoch[live]), live], before)


CHANGES = [
    TableColumn(change="rename", to="other"),
    TableColumn(change="null"),
    TableColumn(change="rescale", factor=1.7),
    TableColumn(change="retype", to="text"),
    TableColumn(change="retype", to="integer"),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.change} {change.to or ''}")
@pytest.mark.parametrize("column", ["age_years", "views_recent_count"])
def test_readers_get_what_the_services_code_makes_of_a_row(change: TableColumn, column: str) -> None:
    rows = make_catalog(SEED, users_count=300).profile
    rows[:5, INDEX["views_recent_count"]] = 1e-7, 2.5e-9, 3.0, 0.0, 1e17
    table, epochs = _Table(), Epochs(rows, USER_FEATURES, Streams(1))
    epochs.change(column, change)
    epochs.renew(table, np.zeros(0, np.int64))
    is_integer = USER_FEATURES[INDEX[column]].type == "integer"
    for user, value in enumerate(rows[:, INDEX[column]].tolist()):
        seen = epochs.seen[epochs.slots(np.array([0]))[0], user, INDEX[column]]
        expected, broken = _as_the_service_reads(column, altered_row(column, value, is_integer, change))
        code = int(table.violation[user])
        assert (epochs.violation(0, user, code) if code else None) == broken
        assert np.array_equal(seen, expected, equal_nan=True)


def _as_the_service_reads(column: str, row: dict[str, Any]) -> tuple[float, tuple[str, str] | None]:
    """The value, NaN for none, and what is wrong with the row."""
    try:
        return parse_value(row, column), None
    except ContractViolationError as error:
        return np.nan, (error.column, str(error))


class _Table:
    epoch = watermark_ns = -1
    violation = np.zeros(300, np.int64)


def test_what_is_written_while_a_column_is_altered_is_not_lost() -> None:
    epochs = Epochs(np.ones((300, len(NAMES))), USER_FEATURES, Streams(1))
    epochs.change("age_years", CHANGES[1])
    epochs.rows[:] = 7.0
    epochs.change("age_years", None)
    epochs.renew(_Table(), np.zeros(0, np.int64))
    assert (epochs.seen[0] == 7.0).all()


def test_missions_can_be_asked_for_in_any_order_and_last_as_long_as_they_should() -> None:
    catalog = make_catalog(SEED)
    users = np.arange(catalog.users_count)
    times_s = np.arange(0.0, 5 * BLOCK_S, 10.0)
    missions = Missions(catalog, Streams(7), -300.0)
    forth = np.stack([missions.at(users, np.full(len(users), t)) for t in times_s])
    back = np.stack([Missions(catalog, Streams(7), -300.0).at(users, np.full(len(users), t)) for t in times_s[::-40]])
    assert np.array_equal(back, forth[::-40])
    # After 10 s one in exp(-10 / 90) is still on the same mission; another may be after the same category again.
    again = (catalog.taste**2).sum(axis=1).mean()
    stayed = (forth[1:] == forth[:-1]).mean()
    assert stayed == pytest.approx(np.exp(-10 / 90) + (1 - np.exp(-10 / 90)) * again, abs=0.003)
    share = np.stack([(forth == category).mean(axis=0) for category in range(6)], axis=1)
    assert np.abs(share - catalog.taste).mean() < 0.06


def test_candidates_follow_the_popularity_of_the_minute_whenever_they_are_asked_for() -> None:
    catalog = make_catalog(SEED)
    uniforms = np.random.default_rng(1).random((50, 20))
    one, other = (Candidates(catalog, Streams(7), 0) for _ in range(2))
    minutes = [0, 3, 40, 2, 41]
    of_one = [one.of(uniforms, np.full(50, round(m * 60 * NS))) for m in minutes]
    of_other = [other.of(uniforms, np.full(50, round(m * 60 * NS))) for m in sorted(minutes)]
    for minute, items in zip(minutes, of_one, strict=True):
        assert np.array_equal(items, of_other[sorted(minutes).index(minute)])
    assert not np.array_equal(of_one[0], of_one[2])


def test_popularity_does_not_drift_away() -> None:
    candidates = Candidates(make_catalog(SEED), Streams(7), 0)
    usual = candidates.edges(0)
    assert 0.02 < np.abs(candidates.edges(3000) - usual).mean() < 0.2


def test_only_the_first_shoppers_visit_where_there_are_fewer() -> None:
    plane = FakePlane(duration_s=30, visitors=50).run(90.0)
    assert 40 < len(set(plane.users)) <= 50
    assert max(plane.users) < 50
    assert np.array_equal(
        plane.world.model.versions[0].weights, FakePlane(duration_s=30).world.model.versions[0].weights
    )


def test_who_comes_does_not_depend_on_how_many_are_drawn_at_a_time() -> None:
    visits = Visits(make_catalog(SEED))
    at_once = visits.users(123, np.arange(1000))
    assert np.array_equal(
        np.concatenate([visits.users(123, np.arange(i, i + 100)) for i in range(0, 1000, 100)]), at_once
    )


@given(st.lists(st.integers(-50, 400), max_size=30), st.lists(st.integers(0, 400), max_size=8))
def test_counts_of_intervals_are_those_of_single_events(times: list[int], looks: list[int]) -> None:
    counts, added = EventSums(0, 10), 0
    for now in [*sorted(looks), 400]:
        due = [t for t in sorted(times) if t < now + 5][added:]  # some are known a little before they happen
        counts.add(np.array(due, np.int64))
        added += len(due)
        counts.sum_until(now)
    expected = [sum(start <= t < start + 10 for t in times if t < 405) for start in range(0, 400, 10)]
    assert counts.between(np.arange(0, 401, 10)).tolist() == expected
    assert counts.between(np.array([395, 400])).tolist() == [sum(395 <= t < 400 for t in times)]


def test_pages_are_the_same_however_they_are_asked_for() -> None:
    catalog = make_catalog(SEED)
    whole, parts = (Pages(catalog, Missions(catalog, Streams(5), -300.1), Streams(5), -300.1) for _ in range(2))
    at_once = [np.concatenate(column) for column in zip(*whole.until(77.7), strict=True)]
    parts.settle(-120.25)
    in_parts = [part for until_s in (-300.0, -100.1, -100.1, -90.1, 60.0, 77.7) for part in parts.until(until_s)]
    for column, of_parts in zip(at_once, zip(*in_parts, strict=True), strict=True):
        assert np.array_equal(np.concatenate(of_parts), column)
    times_s = at_once[0]
    assert (np.diff(times_s) >= 0).all()
    assert len(times_s) / 377.8 == pytest.approx(BROWSED_PER_S * catalog.users_count, rel=0.02)


def test_what_was_looked_at_before_tastes_change_stays() -> None:
    catalog, streams = make_catalog(SEED), Streams(5)
    usual, changed = (Pages(catalog, Missions(catalog, streams, 0.0), streams, 0.0) for _ in range(2))
    changed.settle(25.0)
    changed._missions.change(PopulationTastes(fraction=1.0), streams)
    one, other = (
        [np.concatenate(column) for column in zip(*pages.until(50.0), strict=True)] for pages in (usual, changed)
    )
    is_before = one[0] < 25.0
    assert np.array_equal(one[2][is_before], other[2][is_before])
    assert (one[2][~is_before] != other[2][~is_before]).mean() > 0.5


def test_shoppers_browse_alike_whatever_the_load() -> None:
    seen = [FakePlane(duration_s=30, rate_per_s=rate).run(90.0).world.table.rows for rate in (0.02, 20.0)]
    views = [rows[:, INDEX["views_recent_count"]].sum() for rows in seen]
    assert views[1] == pytest.approx(views[0], rel=0.2)  # but for the clicks


def test_those_who_do_not_visit_do_not_browse() -> None:
    plane = FakePlane(duration_s=30, rate_per_s=0.5, visitors=50).run(90.0)
    views = plane.world.table.rows[:, INDEX["views_recent_count"]]
    assert views[:50].mean() == pytest.approx(BROWSED_PER_S * MEMORY_S, rel=0.35)
    assert views[50:].max() < 0.01
