"""Time is the system's own: the same incident is seen alike, whether the system is scraped each second or each hour."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lab
from lab.engines.rules.shipped import shipped_tree
from lab.engines.rules.tree import Condition
from lab.engines.shifts import is_abrupt, scan
from lab.injection.faults import Witness, fault_types
from lab.registration.clock import Amount, SystemClock, amount
from lab.scenario.model import GradingModel
from lab.signals import Series
from lab.signals.catalogue import spec_of
from lab.signals.columns import recent_mean
from lab.systems.files import load_system
from lab.systems.topology import System

ROOMS = ("signals", "judging", "engines/rules", "engines/shifts.py", "recording/slis.py", "worlds/kit")
"""Where windows are in intervals, periods and label delays, beside `slis.py` and `signals.py` of each world."""
CONSTANT = re.compile(r"^(?!(?:MINUTE|HOUR|DAY)_S\b)_?[A-Z][A-Z_0-9]*_S\b.*=.*\d", re.MULTILINE)
"""A number of seconds with a name; those that are only units are none of a window."""


def sources() -> list[Path]:
    packages = [Path(lab.__file__).parent / room for room in ROOMS] + [Path(lab.__file__).parents[1] / "graders"]
    packages += [file for name in ("slis", "signals") for file in (packages[0].parent / "worlds").glob(f"*/{name}.py")]
    found = [file for one in packages for file in ([one] if one.suffix else sorted(one.rglob("*.py")))]
    return [file for file in found if file.is_file()]


def test_no_window_of_a_signal_an_engine_or_a_grader_is_in_seconds() -> None:
    assert len(sources()) > 30
    seconds = {str(file): found for file in sources() if (found := CONSTANT.findall(file.read_text("utf-8")))}
    assert seconds == {}


def step(interval_s: float, rises_over: int) -> Series:
    """Forty quiet intervals, a rise over some intervals, and forty at the new level."""
    rise = np.linspace(0, 1, rises_over + 2)[1:-1]
    values = np.concatenate([np.zeros(40), rise, np.ones(40)])
    noise = np.random.default_rng(7).normal(0, 0.01, len(values))
    return Series("error_ratio", "a", np.arange(1, len(values) + 1) * interval_s, values + noise)


@pytest.mark.parametrize("interval_s", [1.0, 5.0, 60.0, 3600.0, 86_400.0])
@pytest.mark.parametrize(("rises_over", "abrupt"), [(0, True), (3, True), (20, False)])
def test_what_comes_at_once_does_so_in_any_systems_time(interval_s: float, rises_over: int, abrupt: bool) -> None:
    series = step(interval_s, rises_over)
    shift, usual = scan(series), scan(step(1.0, rises_over))
    assert shift is not None
    assert usual is not None
    assert shift.onset_s == pytest.approx(usual.onset_s * interval_s)
    assert is_abrupt(series, replace(shift, onset_s=40 * interval_s)) == abrupt


def test_a_mean_over_some_intervals_needs_half_of_them() -> None:
    values = np.array([1.0, np.nan, np.nan, np.nan, 5.0, 7.0])
    assert np.array_equal(recent_mean(values, 4), [np.nan, np.nan, np.nan, np.nan, np.nan, 6.0], equal_nan=True)


CLOCK = SystemClock.of(
    60.0,
    {"nightly": 86_400.0, "hourly": 3600.0},
    ["nightly->loader", "loader->db", "hourly->db", "web->db"],
    {"orders": "hourly"},
)


@pytest.mark.parametrize(
    ("written", "unit", "subject", "is_"),
    [
        ("6ms", "s", "db", 0.006),
        ("2h", "s", "db", 7200.0),
        ("0.5 periods", "s", "db", 43_200.0),  # of the slowest job that reaches it
        ("1 period", "s", "hourly", 3600.0),
        ("2 periods", "s", "web", 120.0),  # no job reaches it: scrape intervals
        ("1 period", "s", "orders", 3600.0),  # a dataset: of the job that writes it
        ("1 period", "s", "orders.amount", 3600.0),
        ("1 period", "s", "*", 86_400.0),
        ("30 per interval", "1/s", "db", 0.5),
        (0.5, "1/s", "db", 0.5),
        (0.04, "ratio", "db", 0.04),
        (0, "s", "db", 0.0),
    ],
)
def test_an_amount_is_measured_in_the_time_of_its_system(
    written: str | float, unit: str, subject: str, is_: float
) -> None:
    assert amount(written, unit).on(CLOCK, subject) == pytest.approx(is_)


@pytest.mark.parametrize(
    ("written", "unit", "expected"),
    [
        (8, "s", "0.8 periods"),
        ("8", "s", "0.8 periods"),
        ("2 periods", "ratio", "a number"),
        ("2 per interval", "s", "0.8 periods"),
        ("4 per day", "1/s", "2.5 per interval"),
        (-1, "ratio", "at least 0"),
        (True, "ratio", "a number"),
        (float("nan"), "1", "a number"),
    ],
)
def test_what_would_fit_one_system_only_is_refused(written: str | float, unit: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        amount(written, unit)


def amounts_of(conditions: tuple[Condition, ...]) -> list[tuple[str, Amount]]:
    found = [(one.signal, one.by) for one in conditions if one.signal]
    return found + [pair for one in conditions for pair in amounts_of(one.any)]


def test_the_shipped_rules_know_only_times_of_networks_and_machines() -> None:
    tree = shipped_tree(None)
    found = [(signal, noise) for signal, noise in tree.noise.items()]
    found += [pair for cause in tree.causes for pair in amounts_of((*cause.when, *cause.unless))]
    times = [(signal, by) for signal, by in found if spec_of(signal).unit == "s" and not by.unit]
    assert {signal for signal, _ in times} >= {"network_time_s", "busy_time_mean_s"}
    assert [(signal, by) for signal, by in times if by.value >= 0.01] == []
    rates = [(signal, by) for signal, by in found if spec_of(signal).unit == "1/s" and by.value]
    assert {by.unit for _, by in rates} == {"per interval"}


def test_a_fault_shows_by_effects_in_the_time_of_its_system() -> None:
    witness = Witness("job_last_success_age_s", "{target}", 1.5, "periods")
    assert witness.on(CLOCK, target="hourly") == Witness("job_last_success_age_s", "hourly", 5400.0)
    rate = Witness("cache_expiry_rate_per_s", "*", 30, "per interval")
    assert rate.on(CLOCK, target="db") == Witness("cache_expiry_rate_per_s", "*", 0.5)


def test_no_fault_declares_an_age_or_a_rate_in_seconds() -> None:
    for kind in fault_types().values():
        for witness in kind.witnesses:
            if spec_of(witness.signal).unit in ("s", "1/s") and not witness.unit:
                assert witness.at_least < 0.01, (kind.name, witness)


@pytest.mark.parametrize(
    ("system", "within_s"),
    [("bookings", 12 * 5.0), ("nightly", 12 * 1800.0), ("chained", 2 * 86_400.0)],
    ids=["twelve scrapes", "also where scrapes are rare", "two periods where each has one scrape"],
)
def test_an_onset_may_be_so_far_off_where_a_scenario_says_nothing(system: str, within_s: float) -> None:
    assert GradingModel().options(loaded_system(system)).onset_within_s == within_s


@pytest.mark.parametrize(("written", "within_s"), [("90s", 90.0), ("3d", 259_200.0), ("2 periods", 172_800.0)])
def test_a_tolerance_may_be_given_in_periods_of_most_jobs(written: str, within_s: float) -> None:
    options = GradingModel.model_validate({"onset_within": written}).options(loaded_system("chained"))
    assert options.onset_within_s == within_s


def loaded_system(name: str) -> System:
    return load_system(str(Path(__file__).parents[1] / "systems" / f"{name}.system.yaml"))
