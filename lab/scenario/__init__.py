"""Scenarios: the YAML file as a model, and loading it with every problem located."""

from lab.scenario.files import find_file, load_system, shipped_directory, shipped_name, shipped_names, system_names
from lab.scenario.load import LoadedScenario, load_scenario
from lab.scenario.model import DecoyUse, FaultUse, Load, Scenario, Stage, StopWhen

__all__ = [
    "DecoyUse",
    "FaultUse",
    "Load",
    "LoadedScenario",
    "Scenario",
    "Stage",
    "StopWhen",
    "find_file",
    "load_scenario",
    "load_system",
    "shipped_directory",
    "shipped_name",
    "shipped_names",
    "system_names",
]
