"""Nightly segments as a whole: what a night does, and what follows from each thing that can be changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lab.injection.levers import (
    ConfigSet,
    JobKeepOutput,
    LeverValue,
    ModelDeploy,
    ModelUnload,
    PartitionDelay,
    TableColumn,
)
from lab.worlds.batch.market import MarketHoliday, MarketOpen, MarketResponse, PopulationGrowth
from lab.worlds.batch.vocabulary import SEGMENTS, TABLE_COLUMNS
from tests.segments import CUSTOMERS, DAY_S, Ended, Nights

DAYS = 15
AT = 5
"""The day from which on something is changed; the model is trained on the days 6 and 13."""


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return Nights(tmp_path_factory.mktemp("quiet"), DAYS).ended()


def changed(directory: Path, *pulled: tuple[str, LeverValue], days: int = DAYS) -> Ended:
    """A run in which levers are pulled when day AT begins."""
    nights = Nights(directory, days).until(AT)
    for element, value in pulled:
        nights.pull(element, value)
    return nights.ended()


def test_every_night_is_published_what_the_night_before_left(quiet: Ended) -> None:
    assert quiet.failures() == 0
    assert (quiet.sli("published_age_s") < DAY_S).all()
    assert (quiet.sli("published_rows_ratio") > 0.99).all()
    assert (quiet.sli("segment_share_shift") < 0.05).all()
    for dataset in ("customers_snapshot", "orders_daily", "visits_daily", "features", "scores", "segments"):
        written = quiet.versions(dataset)
        assert np.array_equal(written["time_s"] // DAY_S, np.arange(DAYS)), dataset
        assert len(set(written["version"])) == DAYS, dataset


def test_campaigns_bring_in_more_than_they_cost_from_the_first_day_on(quiet: Ended) -> None:
    """People respond to what they were sent before the run."""
    assert (quiet.sli("campaign_return_ratio") > 1.5).all()
    assert quiet.metric("contact.count").mean() == pytest.approx(CUSTOMERS / 7, rel=0.05)
    assert (quiet.metric("response.count") > 0).all()


def test_a_contact_is_counted_when_a_week_has_passed(quiet: Ended) -> None:
    contacts = quiet.observed.frame("contacts")
    day = contacts["time_s"] // DAY_S
    known = contacts["responses"].notna()
    assert known[day < DAYS - 8].all()
    assert not known[day >= DAYS - 7].any()
    assert contacts.groupby(day)["contacts"].sum().to_numpy() == pytest.approx(quiet.metric("contact.count"))
    ripe = contacts[known].groupby(day)["revenue_eur"].sum().to_numpy()
    assert ripe == pytest.approx(quiet.metric("contact.ripe.revenue")[7 : 7 + len(ripe)], abs=0.01)


def test_a_version_is_trained_every_week_on_a_version_of_the_features(quiet: Ended) -> None:
    assert [round(at) for at in quiet.times_of("deploy")] == [6, 13]
    registry = quiet.observed.reference["registry.json"]
    assert [entry["version"] for entry in registry] == [1, 2, 3, 4]
    features = quiet.versions("features")
    for entry, day in zip(registry[2:], (6, 13), strict=True):
        assert entry["trained_on"] == [{"dataset": "features", "version": features["version"][day]}]
        assert entry["metrics"]["accuracy"] == pytest.approx(quiet.sli("offline_accuracy")[day])
    assert (quiet.sli("offline_accuracy") > 0.7).all()


def test_a_job_that_keeps_its_output_writes_the_same_version_again(tmp_path: Path, quiet: Ended) -> None:
    found = changed(tmp_path, ("features", JobKeepOutput()))
    assert found.failures() == 0
    features, before = found.versions("features"), quiet.versions("features")["version"]
    assert list(features["version"]) == [*before[:AT], *[before[AT - 1]] * (DAYS - AT)]
    assert (features["partition_s"][AT:] == (AT - 1) * DAY_S).all()
    assert len(set(found.versions("orders_daily")["version"])) == DAYS, "what it reads goes on"


def test_of_a_share_of_the_rows_the_rest_is_new(tmp_path: Path, quiet: Ended) -> None:
    found = changed(tmp_path, ("features", JobKeepOutput(fraction=0.5)))
    assert len(set(found.versions("features")["version"])) == DAYS
    rows, usual = (run.versions("features")["rows"] for run in (found, quiet))
    signed_up = usual[-1] - usual[AT - 1]
    assert usual[-1] - rows[-1] == pytest.approx(signed_up / 2, rel=0.4), "there are no old rows of who is new"


def test_a_change_of_unit_goes_into_the_features_day_by_day(tmp_path: Path, quiet: Ended) -> None:
    found = changed(tmp_path, ("orders/orders.amount", TableColumn(change="rescale", factor=100.0)))
    spend, usual = (run.means("features", "spend_28d_eur") for run in (found, quiet))
    assert spend[:AT] == pytest.approx(usual[:AT])
    assert (np.diff(spend[AT - 1 :]) > 100).all()
    assert found.sli("offline_accuracy") == pytest.approx(quiet.sli("offline_accuracy"), abs=0.05)
    assert found.sli("segment_share_shift")[-1] > 0.3
    assert found.failures() == 0


def test_keys_that_join_no_more_drop_out(tmp_path: Path, quiet: Ended) -> None:
    place = "crm/customers.customer_id"
    found = changed(tmp_path, (place, TableColumn(change="retype", to="text", fraction=0.33)))
    assert found.versions("customers_snapshot")["rows"][-1] == quiet.versions("customers_snapshot")["rows"][-1]
    kept = found.versions("features")["rows"] / quiet.versions("features")["rows"]
    assert kept[AT:] == pytest.approx(np.full(DAYS - AT, 0.67), abs=0.03)
    assert found.failures() == 0, "the validation lets so many go"


def test_a_column_that_is_gone_fails_the_job_and_keeps_back_what_needs_it(tmp_path: Path) -> None:
    found = changed(tmp_path, ("orders/orders.amount", TableColumn(change="rename", to="total")), days=AT + 3)
    assert len(found.versions("features")["version"]) == AT
    assert found.metric("job.skipped.count").sum() > 0
    assert found.sli("published_age_s")[-1] > 3 * DAY_S - 4 * 3600
    logs = found.observed.frame("logs")
    broken = logs[logs["event.name"] == "feature_contract_violation"]
    assert set(broken["subject"]) == {"amount"}


def test_a_column_that_is_added_changes_the_schema_of_the_extract_alone(tmp_path: Path, quiet: Ended) -> None:
    found = changed(tmp_path, ("orders/orders.channel", TableColumn(change="add", type="integer")))
    columns = found.observed.frame("dataset_columns")
    assert set(columns[columns["column"] == "channel"]["dataset"]) == {"orders_daily"}
    assert list(found.versions("features")["version"]) == list(quiet.versions("features")["version"])


def test_what_lands_after_it_was_read_is_missed(tmp_path: Path, quiet: Ended) -> None:
    found = changed(tmp_path, ("orders/orders", PartitionDelay(seconds=7200.0, fraction=0.5)))
    share = found.versions("orders_daily")["rows"] / quiet.versions("orders_daily")["rows"]
    assert share[:AT] == pytest.approx(np.ones(AT))
    assert share[AT:] == pytest.approx(np.full(DAYS - AT, 0.5), abs=0.1)
    assert found.means("features", "orders_28d")[-1] < quiet.means("features", "orders_28d")[-1]


def test_a_write_that_is_tried_again_and_appended_is_there_twice(tmp_path: Path) -> None:
    settings = {"steps.write_extract.timeout_s": 240.0, "settings.write_mode": 1, "steps.write_extract.retries": 5}
    found = changed(tmp_path, *((f"extract/{key}", ConfigSet(value=value)) for key, value in settings.items()))
    rows = found.versions("orders_daily")["rows"]
    assert max(rows[AT:]) > 1.6 * max(rows[:AT])


def test_money_that_is_taken_for_euros_makes_customers_dear(tmp_path: Path, quiet: Ended) -> None:
    found = changed(tmp_path, ("features/settings.rate_pl", ConfigSet(value=1.0)))
    assert found.means("features", "spend_28d_eur")[-1] > 1.3 * quiet.means("features", "spend_28d_eur")[-1]
    assert (
        found.metric("segment.published.count", "premium")[-1] > quiet.metric("segment.published.count", "premium")[-1]
    )


def test_another_list_gives_right_scores_wrong_names(tmp_path: Path, quiet: Ended) -> None:
    found = changed(tmp_path, ("publish/settings.segment_list", ConfigSet(value=2)))
    assert list(found.versions("scores")["version"]) == list(quiet.versions("scores")["version"])
    published = [found.metric("segment.published.count", one)[-1] for one in SEGMENTS]
    meant = [found.metric("segment.scored.count", one)[-1] for one in SEGMENTS]
    assert published != meant
    assert sorted(published) == sorted(meant)
    assert found.sli("campaign_return_ratio")[-1] < 0.95 * quiet.sli("campaign_return_ratio")[-1]


def test_a_list_with_two_names_swapped_misnames_those_two_alone(tmp_path: Path) -> None:
    found = changed(tmp_path, ("publish/settings.segment_list", ConfigSet(value=3)))
    published, meant = (
        {one: found.metric(f"segment.{what}.count", one)[-1] for one in SEGMENTS} for what in ("published", "scored")
    )
    assert published == {**meant, "loyal": meant["premium"], "premium": meant["loyal"]}


def test_a_model_of_the_other_list_with_that_list_is_right(tmp_path: Path) -> None:
    settings = ConfigSet(value=2)
    deployed = ("segmenter", ModelDeploy(training="other-list"))
    found = changed(tmp_path, deployed, ("publish/settings.segment_list", settings))
    for segment in SEGMENTS:
        published, meant = (found.metric(f"segment.{one}.count", segment)[AT:] for one in ("published", "scored"))
        assert np.array_equal(published, meant), segment


def test_columns_that_tell_the_label_make_the_test_set_happy_and_customers_not(tmp_path: Path, quiet: Ended) -> None:
    found = changed(tmp_path, ("segmenter", ModelDeploy(training="leaked-columns")))
    assert (found.sli("offline_accuracy")[AT:] > 0.9).all()
    assert found.sli("segment_share_shift")[-1] > quiet.sli("segment_share_shift")[-1] + 0.05


def test_a_model_that_is_not_there_keeps_what_was_published(tmp_path: Path) -> None:
    found = changed(tmp_path, ("segmenter", ModelUnload()), days=AT + 2)
    assert found.failures() >= 2
    assert len(found.versions("segments")["version"]) == AT


def test_a_filter_in_the_campaign_tool_changes_who_is_written_to_alone(tmp_path: Path, quiet: Ended) -> None:
    found = changed(tmp_path, ("campaigns/settings.max_recency_days", ConfigSet(value=21)))
    assert list(found.versions("segments")["version"]) == list(quiet.versions("segments")["version"])
    contacts, due = (found.metric(f"campaign.{one}.count", "lapsing")[AT:] for one in ("contact", "due"))
    assert (contacts < 0.6 * due).all()


def test_by_local_time_a_day_is_taken_twice_when_clocks_are_put_back(tmp_path: Path) -> None:
    """Day 20 is 25 October 2026: at one in the morning, UTC, it is two o'clock where days end at three."""
    found = Nights(tmp_path, 23).pull("extract/settings.local_day", ConfigSet(value=1)).ended()
    orders = found.versions("orders_daily")
    assert list(orders["partition_s"] / DAY_S) == [*range(20), 19, 20, 21]
    assert orders["version"][20] == orders["version"][19]


MARKET = {
    "a country that opens": (MarketOpen(country="cz", share=0.15), "customer.count", 1.08),
    "people who sign up": (PopulationGrowth(factor=6.0), "customer.count", 1.05),
    "a holiday": (MarketHoliday(factor=0.4), "response.count", 0.9),
}


@pytest.mark.parametrize("what", MARKET)
def test_the_market_moves_what_it_is_about(tmp_path: Path, quiet: Ended, what: str) -> None:
    value, metric, factor = MARKET[what]
    found = changed(tmp_path, ("crm", value)).metric(metric)[-3:].mean() / quiet.metric(metric)[-3:].mean()
    assert found > factor if factor > 1 else found < factor


def test_a_campaign_that_flops_moves_that_campaign_alone(tmp_path: Path, quiet: Ended) -> None:
    found = changed(tmp_path, ("campaigns", MarketResponse(campaign="bargain", factor=0.2)))
    for segment in SEGMENTS:
        revenue, usual = (run.metric("campaign.ripe.revenue", segment) for run in (found, quiet))
        assert (revenue[AT + 7 :].sum() < 0.6 * usual[AT + 7 :].sum()) == (segment == "bargain"), segment
    assert list(found.versions("segments")["version"]) == list(quiet.versions("segments")["version"])


def test_what_is_put_back_leaves_no_trace_where_it_changed_nothing(tmp_path: Path, quiet: Ended) -> None:
    """Pulled and put back between two nights: nobody read meanwhile."""
    nights = Nights(tmp_path, DAYS).until(AT + 0.5)
    nights.pull("orders/orders.amount", TableColumn(change="rescale", factor=100.0))
    nights.until(AT + 0.6).pull("orders/orders.amount", None, TableColumn)
    assert list(nights.ended().versions("segments")["version"]) == list(quiet.versions("segments")["version"])


CHANGES = (
    TableColumn(change="null", fraction=0.4),
    TableColumn(change="rescale", factor=100.0, fraction=0.3),
    TableColumn(change="retype", to="text", fraction=0.4),
    TableColumn(change="retype", to="integer"),
    TableColumn(change="rename", to="other"),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.change} {change.to or ''}".strip())
def test_whatever_is_changed_of_whichever_column_nights_go_on(tmp_path: Path, change: TableColumn) -> None:
    """Jobs fail or write something else; the lab does not fail."""
    found = []
    for database, table in {"crm": "customers", "orders": "orders", "web": "visits"}.items():
        nights = Nights(tmp_path, 3).until(1)
        for column in TABLE_COLUMNS[table]:
            nights.pull(f"{database}/{table}.{column}", change)
        ended = nights.ended()
        found.append(ended.failures() + len(ended.versions("features")["version"]))
    assert all(one >= 3 for one in found), "a night that writes no features failed"


def test_the_validation_keeps_back_what_breaks_a_rule_that_somebody_thought_of(tmp_path: Path) -> None:
    without_country = ("crm/customers.country", TableColumn(change="null", fraction=0.3))
    found = changed(tmp_path, without_country, days=AT + 2)
    assert found.failures() == 2
    assert len(found.versions("scores")["version"]) == AT + 2
    assert len(found.versions("segments")["version"]) == AT


def test_whole_numbers_stay_whole_where_they_are_rescaled_to_such(tmp_path: Path) -> None:
    found = changed(tmp_path, ("orders/orders.orders", TableColumn(change="rescale", factor=3.0)), days=AT + 2)
    columns = found.observed.frame("dataset_columns")
    orders = columns[(columns["dataset"] == "orders_daily") & (columns["column"] == "orders")]
    assert set(orders["type"]) == {"int"}
    assert orders["mean"].iloc[-1] > 2.5 * orders["mean"].iloc[0]
