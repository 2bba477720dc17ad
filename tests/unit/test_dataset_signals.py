"""Signals of datasets, on versions that are written by hand: each shows what it is for, and only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from lab.recording.arrow import numbers
from lab.recording.observed import Observed
from lab.registration.clock import SystemClock
from lab.signals import SignalTable, compute_signals
from lab.signals.dataset_catalogue import REFERENCE_VERSIONS
from lab.signals.lineage import Lineage
from lab.systems.files import load_system
from tests.distributions import world_installed
from tests.ledger_records import HOURS, Columns, accounts, as_it_is, entries, recorded, some
from tests.ledgers import SYSTEM


@pytest.fixture(scope="module", autouse=True)
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with world_installed(tmp_path_factory.mktemp("site"), "ledgers", "tests.ledgers:WORLD"):
        yield


def values(table: SignalTable, signal: str, subject: str = "entries") -> list[float]:
    found = table.get(signal, subject)
    assert found is not None
    return found.values.round(9).tolist()


QUIET = {
    "dataset_rows": 200,
    "dataset_age_s": 3600,
    "dataset_delay_s": 600,
    "dataset_repeated": 0,
    "dataset_schema_changed": 0,
    "dataset_duplicate_ratio": 0,
}


def test_nothing_shows_where_nothing_is_wrong() -> None:
    signals = compute_signals(recorded())
    for signal, level in QUIET.items():
        assert values(signals, signal) == [level] * HOURS, signal
    psi = values(signals, "column_drift_psi", "entries.amount_eur")
    assert np.isnan(psi[:REFERENCE_VERSIONS]).all()
    assert max(psi[REFERENCE_VERSIONS:]) < 0.15


def at_six(change: Callable[[Columns], Columns]) -> Callable[[int, Columns], Columns]:
    return lambda hour, columns: change(columns) if hour == 6 else columns


def test_what_is_written_twice_in_a_period_is_not_repeated() -> None:
    once = recorded()
    versions = once.tables["dataset_versions"]
    later = versions.set_column(0, "time_s", pa.array(numbers(versions["time_s"]) + 60))
    twice = pa.concat_tables([versions, later]).sort_by("time_s")
    signals = compute_signals(replace(once, tables={**once.tables, "dataset_versions": twice}))
    assert values(signals, "dataset_repeated") == [0] * HOURS


def tenfold(columns: Columns) -> Columns:
    return {**columns, "amount_eur": columns["amount_eur"] * 10}


def without(columns: Columns) -> Columns:
    return {**columns, "amount_eur": np.where(np.arange(200) < 50, np.nan, columns["amount_eur"])}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda _: entries(5), {"dataset_repeated": 1}),
        (lambda columns: {**columns, "added": np.zeros(200)}, {"dataset_schema_changed": 1}),
        (lambda columns: {**columns, "entry": columns["entry"] // 2}, {"dataset_duplicate_ratio": 0.5}),
        (
            lambda columns: {name: one[:100] for name, one in columns.items() if name != "account"},
            {"dataset_rows": 100},
        ),
        (lambda _: {}, {"dataset_rows": np.nan, "dataset_age_s": 7200}),
    ],
)
def test_each_change_of_a_version_shows(change: Callable[[Columns], Columns], expected: Mapping[str, float]) -> None:
    signals = compute_signals(recorded(at_six(change)))
    for signal, level in expected.items():
        assert values(signals, signal)[6] == pytest.approx(level, nan_ok=True), signal
        assert values(signals, signal)[5] == QUIET[signal]


def test_each_change_of_a_column_shows() -> None:
    quiet = compute_signals(recorded())
    cents = compute_signals(recorded(at_six(tenfold)))
    amount = "entries.amount_eur"
    assert values(cents, "column_median", amount)[6] == pytest.approx(10 * values(quiet, "column_median", amount)[6])
    assert values(cents, "column_mean", amount)[6] == pytest.approx(10 * values(quiet, "column_mean", amount)[6])
    assert values(cents, "column_drift_psi", amount)[6] > 1
    missing = compute_signals(recorded(at_six(without)))
    assert values(missing, "column_null_ratio", amount)[6] == 0.25
    assert values(missing, "column_distinct", amount)[6] == 150
    alike = at_six(lambda columns: {**columns, "account": accounts(np.zeros(200, np.int64))})
    assert values(compute_signals(recorded(alike)), "column_top_ratio", "entries.account")[6] == 1


def test_drift_is_told_from_nothing_but_profiles() -> None:
    """It is near the PSI of the values themselves, between edges at the same quantiles, and not above it."""
    from lab.signals.drift import bucketed, psi, quantile_edges, shares

    draws = [np.random.default_rng(i).lognormal(3 + (0.4 if i == 6 else 0), 1, 5000) for i in range(7)]
    first = np.concatenate(draws[:REFERENCE_VERSIONS])
    edges = quantile_edges(first)
    none = np.zeros(5000, np.int64)
    expected = bucketed(first, edges, np.zeros(len(first), np.int64), 1)
    true = psi(shares(bucketed(draws[6], edges, none, 1)), shares(expected))[0]
    found = compute_signals(recorded(lambda hour, _: {"amount_eur": draws[hour]}, hours=7))
    assert 0.6 * true < values(found, "column_drift_psi", "entries.amount_eur")[6] < 1.1 * true


def test_a_few_values_beyond_all_others_are_no_drift() -> None:
    """Two rows in a hundred that are twice the greatest value there was."""
    shares = [np.random.default_rng(i).choice([0.0, 0.5, 1.0], 2000, p=[0.5, 0.2, 0.3]) for i in range(12)]
    few = [np.where(np.arange(2000) < (40 if i > 7 else 0), 2.0, one) for i, one in enumerate(shares)]
    psi = values(compute_signals(recorded(lambda hour, _: {"n": few[hour]}, hours=12)), "column_drift_psi", "entries.n")
    assert max(psi[REFERENCE_VERSIONS:]) < 0.1


def test_a_column_with_few_values_has_no_drift_while_it_stays_as_it_is() -> None:
    counts = [np.random.default_rng(i).poisson(1.0, 3000) for i in range(12)]
    psi = values(
        compute_signals(recorded(lambda hour, _: {"n": counts[hour]}, hours=12)), "column_drift_psi", "entries.n"
    )
    assert max(psi[REFERENCE_VERSIONS:]) < 0.1


def posted(kept: int) -> Callable[[int, Columns], Columns]:
    """So many of 200 rows from hour 6 on, and always 20 of them twice."""
    rows = np.concatenate([np.arange(kept), np.arange(20)])
    return lambda hour, columns: some(columns, rows if hour > 5 else np.append(np.arange(200), np.arange(20)))


def test_rows_lost_on_the_way_show_against_the_input_with_the_same_key() -> None:
    signals = compute_signals(recorded(posted=posted(150)))
    assert values(signals, "dataset_kept_ratio", "postings") == [1.0] * 6 + [0.75] * 4
    assert values(signals, "dataset_duplicate_ratio", "postings")[6] == pytest.approx(20 / 170)
    assert signals.get("dataset_kept_ratio", "entries") is None
    assert signals.get("dataset_kept_ratio", "totals") is None  # which has another key


def test_a_row_without_a_key_is_no_duplicate_and_is_lost_where_it_is_left_out() -> None:
    def keyless(_: int, columns: Columns) -> Columns:
        return {**columns, "entry": np.where(np.arange(200) < 50, np.nan, columns["entry"])}

    signals = compute_signals(recorded(keyless, lambda _, columns: some(columns, np.arange(50, 200))))
    assert set(values(signals, "dataset_duplicate_ratio", "entries")) == {0}
    assert set(values(signals, "dataset_kept_ratio", "postings")) == {0.75}


def test_lineage_tells_writers_inputs_and_versions() -> None:
    lineage = Lineage.of(recorded(posted=as_it_is))
    assert lineage.datasets == ("entries", "postings", "totals")
    assert [lineage.writer(name) for name in lineage.datasets] == ["collect", "sum-up", "sum-up"]
    assert [lineage.inputs(name) for name in lineage.datasets] == [(), ("entries",), ("postings",)]
    assert lineage.outputs("entries") == ("postings",)
    assert lineage.columns["entries"] == ("entry", "account", "amount_eur")
    assert lineage.key("entries") == "entry"
    assert (lineage.source("entries"), lineage.source("totals")) == ("branches", "")
    first = lineage.versions["postings"][0]
    assert first.inputs == (("entries", lineage.versions["entries"][0].version),)


def test_a_recording_without_events_has_the_lineage_that_is_registered() -> None:
    whole = recorded(posted=as_it_is)
    lineage = Lineage.of(Observed(whole.system, whole.tables, [], []))
    assert lineage.inputs("totals") == ("postings",)
    assert lineage.versions["totals"][0].inputs == ()
    assert Lineage.of(Observed({"world": None}, {}, [], [])).datasets == ()


def test_the_time_of_a_dataset_is_that_of_the_job_that_writes_it() -> None:
    system = load_system(str(SYSTEM), SYSTEM.parent)
    for clock in (system.clock, SystemClock.recorded(recorded().system)):
        assert [clock.period_s(one) for one in ("entries", "totals.amount_eur", "collect")] == [3600, 7200, 3600]
