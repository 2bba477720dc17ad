"""How far time may be compressed on the stack, and what it cannot run at any time scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import ExitCode, UserError
from lab.injection import faults
from lab.injection.levers import PopulationBots, PopulationSurge, Testbed
from lab.scenario import LoadedScenario, load_scenario
from lab.scenario.plan import peak_rate
from lab.testbeds.stack.feasible import check_feasible, greatest_time_scale
from tests.cli_cases import lab
from tests.sim_runs import scenario


def test_the_greatest_time_scale_is_allowed_and_a_tenth_more_is_not() -> None:
    few_requests = load_scenario("recommender/night-partition-mild")
    greatest = greatest_time_scale(few_requests, at_most=5.0)
    assert 1 <= greatest < 5
    check_feasible(few_requests, greatest)
    with pytest.raises(UserError, match="too few"):
        check_feasible(few_requests, greatest + 0.1)


def test_no_time_scale_is_greater_than_the_one_that_is_asked_for() -> None:
    assert greatest_time_scale(load_scenario("recommender/control-quiet"), at_most=5.0) == 5.0


@pytest.mark.parametrize("lever", [PopulationSurge, PopulationBots])
def test_what_comes_beside_the_load_counts_while_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lever: type[PopulationSurge | PopulationBots]
) -> None:
    monkeypatch.setattr(faults, "_registered", dict(faults.fault_types()))

    @faults.decoy("rush", target="users")
    def rush(testbed: Testbed, users: str, *, rate: float) -> Iterator[None]:
        """More come."""
        with testbed.pull(users, lever(rate_per_s=rate)):
            yield

    def rushes(*rates: float) -> LoadedScenario:
        """One after the other, so that no two are at once."""
        each = [
            {"type": "rush", "target": "shoppers", "at": f"{100 + 50 * i}s", "for": "50s", "with": {"rate": rate}}
            for i, rate in enumerate(rates)
        ]
        return scenario(tmp_path, duration_s=300, rate_per_s=100, decoys=each)

    assert peak_rate(rushes(300, 350)) == 450
    check_feasible(rushes(300, 350), 1)
    with pytest.raises(UserError, match="a load of 600 requests a second is more than the stack serves"):
        check_feasible(rushes(100, 500), 1)


def test_a_load_that_saturates_the_shop_before_anything_else_is_refused_at_every_time_scale() -> None:
    sale = load_scenario("recommender/control-flash-sale")
    for at_most in (1.0, 5.0):
        with pytest.raises(UserError, match="800 requests a second is more than the stack serves"):
            greatest_time_scale(sale, at_most)


@pytest.mark.parametrize("time_scale", [1e-3, 1e-300, 5e-324])
def test_a_time_scale_at_which_a_run_would_not_end_in_a_day_is_refused_with_one_that_is_possible(
    time_scale: float,
) -> None:
    quiet = load_scenario("recommender/control-quiet")
    with pytest.raises(UserError, match="the run would last") as refused:
        check_feasible(quiet, time_scale)
    [problem] = refused.value.problems
    check_feasible(quiet, float(problem.hint.split()[1]))


@pytest.mark.parametrize("command", ["run", "plan"])
def test_what_is_no_number_is_a_mistake_of_usage(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(command, "recommender/control-quiet", "--testbed", "stack", "--time-scale", "nan") == ExitCode.INVALID
    assert "seen:     'nan'" in capsys.readouterr().err


def test_jobs_with_more_of_a_schedule_than_a_period_run_on_the_simulator_only() -> None:
    shipped = load_scenario("recommender/control-quiet")
    feed = shipped.system.components["feed"].model_copy(update={"starts_s": 5.0})
    late = shipped.system.model_copy(update={"components": {**shipped.system.components, "feed": feed}})
    with pytest.raises(UserError, match="feed with the steps, schedule, connections and queue of the shipped"):
        check_feasible(replace(shipped, system=late), 1)
