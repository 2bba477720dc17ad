"""Scenarios: the YAML file as a model, and loading it with every problem located."""

from lab.scenario.load import LoadedScenario, distinguished, load_scenario
from lab.scenario.model import DecoyUse, FaultUse, Load, Scenario, Stage, StopWhen

__all__ = [
    "DecoyUse",
    "FaultUse",
    "Load",
    "LoadedScenario",
    "Scenario",
    "Stage",
    "StopWhen",
    "distinguished",
    "load_scenario",
]
