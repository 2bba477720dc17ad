"""Scenarios on which the contract of content (`lab.world_suite`) is looked at."""

from __future__ import annotations

from pathlib import Path

from lab.scenario import LoadedScenario, load_scenario

DURATION_S = 30.0


def quiet(directory: Path, system: str) -> LoadedScenario:
    """A control of `DURATION_S` on a system, of which everything can be seen."""
    path = directory / "quiet.scenario.yaml"
    stage = f"{{for: {DURATION_S}s, rate: 30/s}}"
    path.write_text(
        f"schema_version: 1\nname: quiet\nsystem: {system}\nduration: {DURATION_S}s\nload: {{stages: [{stage}]}}\n",
        encoding="utf-8",
    )
    return load_scenario(path).seen_by("rich")
