"""The request plane compiled and interpreted: the same source, so the same recordings, byte for byte."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

from lab.files.finding import shipped_names
from lab.scenario import DecoyUse, FaultUse, LoadedScenario, load_scenario
from lab.scenario.model import Load, Stage
from lab.testbeds.sim.plane.loop import load_plane
from tests.generated import Drawn, cases, run
from tests.identity import MODES, both_ways, kernel_mode
from tests.sim_runs import observe

PIECE_S, BEFORE_S = 30.0, 10.0
WEEK_S, NIGHTS_BEFORE_S = 7 * 86_400.0, 3 * 86_400.0
"""Of systems that nobody asks: their jobs run once a day."""
HOURS_S = 2 * 3600.0
DAYS = "recommender/slow-staleness"
SHIPPED = [name for name in shipped_names(".scenario.yaml") if not name.startswith("training/")]  # they add no lever
DRAWN = settings(suppress_health_check=list(HealthCheck))


def check(drawn: Drawn) -> None:
    with tempfile.TemporaryDirectory() as name:
        compiled, interpreted = both_ways(lambda: run(drawn, Path(name)), Path(name))
    assert len(compiled) > 3
    assert compiled == interpreted


def test_each_mode_is_what_it_is_called() -> None:
    for mode in MODES:
        with kernel_mode(mode):
            assert load_plane().mode == mode


def check_drawn(examples: int) -> None:
    """Checks so many different systems, each with its levers."""
    known = set()

    @given(drawn=cases())
    @settings(DRAWN, max_examples=examples)
    def checked(drawn: Drawn) -> None:
        system = json.dumps(drawn.system, sort_keys=True)
        assume(system not in known)  # hypothesis likes to come back to what it had
        check(drawn)
        known.add(system)

    checked()
    assert len(known) >= examples


def test_any_system_with_any_levers_is_recorded_alike_both_ways() -> None:
    check_drawn(20)


@pytest.mark.long
def test_many_systems_with_many_levers_are_recorded_alike_both_ways() -> None:
    check_drawn(200)


def around_its_fault(loaded: LoadedScenario, length_s: float, before_s: float) -> LoadedScenario:
    """A piece of a scenario, from some time before its first change on."""
    scenario = loaded.scenario
    uses = [*scenario.faults, *scenario.decoys]
    from_s = max(0.0, min((use.at_s for use in uses), default=before_s) - before_s)

    def cut(of: Iterable[FaultUse | DecoyUse]) -> tuple[FaultUse | DecoyUse, ...]:
        return tuple(moved(use) for use in of if use.at_s < from_s + length_s)

    def moved(use: FaultUse | DecoyUse) -> FaultUse | DecoyUse:
        at_s = use.at_s - from_s
        for_s = None if use.for_s is None else min(use.for_s, length_s - at_s - 10)
        return use.model_copy(update={"at_s": at_s, "for_s": for_s}).with_parameters(use.parameters)

    changed: dict[str, object] = {
        "duration_s": length_s, "faults": cut(scenario.faults), "decoys": cut(scenario.decoys), "steady_state": (),
    }  # fmt: skip
    if scenario.load is None:
        return replace(loaded, scenario=scenario.model_copy(update=changed))
    begins_s, rate_per_s = 0.0, 0.0
    for stage in scenario.load.stages:
        if begins_s <= from_s + before_s:
            rate_per_s = stage.rate_per_s
        begins_s += stage.for_s
    stage = Stage.model_construct(for_s=length_s, rate_per_s=rate_per_s)
    changed["load"] = Load.model_construct(stages=(stage,))
    return replace(loaded, scenario=scenario.model_copy(update=changed))


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_a_piece_of_each_shipped_scenario_is_recorded_alike_both_ways(name: str, tmp_path: Path) -> None:
    whole = load_scenario(name)
    lengths_s = (PIECE_S, BEFORE_S) if whole.scenario.load else (WEEK_S, NIGHTS_BEFORE_S)
    loaded = around_its_fault(whole, *lengths_s)
    compiled, interpreted = both_ways(lambda: observe(loaded), tmp_path)
    assert compiled == interpreted


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in SHIPPED if name != DAYS])
def test_each_shipped_scenario_is_recorded_alike_both_ways(name: str, tmp_path: Path) -> None:
    loaded = load_scenario(name)
    compiled, interpreted = both_ways(lambda: observe(loaded), tmp_path)
    assert compiled == interpreted


@pytest.mark.long
def test_two_hours_of_the_two_days_are_recorded_alike_both_ways(tmp_path: Path) -> None:
    """Interpreted, 1.7 million requests take half an hour; here are 72,000, with the fault in the second hour."""
    loaded = around_its_fault(load_scenario(DAYS), HOURS_S, HOURS_S / 2)
    compiled, interpreted = both_ways(lambda: observe(loaded), tmp_path)
    assert compiled == interpreted
