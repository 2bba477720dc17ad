"""A scenario's plan: what its faults and decoys would do and when, and the truth that it would leave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from lab.contracts import TrueDecoy, TrueDegradation, TrueFault, Truth
from lab.injection.dry_run import PlannedAct, PlanTestbed
from lab.injection.faults import Witness, fault_type, witnesses_of
from lab.injection.levers import PopulationBots, PopulationSurge
from lab.scenario.load import LoadedScenario
from lab.scenario.model import FaultUse, Scenario
from lab.scenario.timeline import moments
from lab.systems.topology import System
from lab.systems.worlds import world_of


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario's dry run: what is done in time order, the truth it would write, and each fault's witnesses by id."""

    timeline: tuple[PlannedAct, ...]
    truth: Truth
    witnesses: Mapping[str, tuple[Witness, ...]]


def plan(loaded: LoadedScenario) -> Plan:
    """The dry run of a scenario: nothing is started, nothing is changed."""
    testbed = PlanTestbed(loaded.system)
    scenario = loaded.scenario
    held: dict[str, ExitStack] = {}
    for moment in moments(scenario):
        use = moment.use
        testbed.now_s = moment.at_s
        if moment.begins:
            held[use.id] = ExitStack()
            held[use.id].enter_context(fault_type(use.type).inject(testbed, use.target, use.parameters))
        else:
            held[use.id].close()
    witnesses = {use.id: _witnesses(use, loaded.system) for use in scenario.faults}
    return Plan(tuple(testbed.acts), _truth(scenario, loaded.system), witnesses)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Requests at one rate: a stage of the load, or people or bots that come beside it."""

    from_s: float
    until_s: float
    rate_per_s: float

    @property
    def requests(self) -> float:
        return (self.until_s - self.from_s) * self.rate_per_s


def extra_load(timeline: Iterable[PlannedAct]) -> list[Arrivals]:
    """What a plan lets arrive beside the scenario's load, each with its time."""
    found, begun = [], defaultdict[tuple[str, str], list[PlannedAct]](list)
    for act in timeline:
        if act.event == "pull":
            begun[act.lever, act.element].append(act)
        elif act.event == "revert":
            pulled = begun[act.lever, act.element].pop()
            if isinstance(pulled.value, PopulationSurge | PopulationBots):
                found.append(Arrivals(pulled.at_s, act.at_s, pulled.value.rate_per_s))
    return found


def peak_rate(loaded: LoadedScenario) -> float:
    """The most requests a second that arrive at any moment, by the load and beside it."""
    begun_s, arriving = 0.0, extra_load(plan(loaded).timeline)
    for stage in loaded.scenario.stages:
        arriving.append(Arrivals(begun_s, begun_s + stage.for_s, stage.rate_per_s))
        begun_s += stage.for_s
    return max(
        (sum(one.rate_per_s for one in arriving if one.from_s <= begins.from_s < one.until_s) for begins in arriving),
        default=0.0,
    )


def _truth(scenario: Scenario, system: System) -> Truth:
    faults = tuple(
        TrueFault(
            id=use.id,
            kind=use.type,
            culprit=use.target,
            boundary=str(fault_type(use.type).boundary),
            injected_s=use.at_s,
            reverted_s=use.at_s + use.for_s,
            witnessed_s=None,
            parameters=use.parameters.model_dump(mode="json"),
        )
        for use in scenario.faults
    )
    decoys = tuple(TrueDecoy(use.id, use.type, use.target, use.at_s) for use in scenario.decoys)
    declared = scenario.degraded
    return Truth(faults, decoys, TrueDegradation(declared.element, system.users or "") if declared else None)


def _witnesses(use: FaultUse, system: System) -> tuple[Witness, ...]:
    names = {**dict(use.parameters), "target": use.target}
    declared = witnesses_of(fault_type(use.type), world_of(system))
    return tuple(witness.on(system.clock, **names) for witness in declared)
