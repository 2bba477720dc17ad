"""What docs/system-files.md shows is a system that works, and its tables name what a file may have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.scenario import load_scenario
from lab.systems.topology import Component, Step
from lab.testbeds.sim import SimTestbed

TEXT = (Path(__file__).parents[2] / "docs/system-files.md").read_text(encoding="utf-8")
ELSEWHERE = {"name", "runtime", "steps"}
"""Keys that the example shows, or that nothing depends on."""


def test_its_example_runs_and_answers_its_guests(tmp_path: Path) -> None:
    example = TEXT.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "bookings.system.yaml").write_text(example, encoding="utf-8")
    scenario = "schema_version: 1\nname: day\nsystem: bookings.system.yaml\nduration: 30s\n"
    path = tmp_path / "day.scenario.yaml"
    path.write_text(scenario + "load: {stages: [{for: 30s, rate: 40/s}]}\n", encoding="utf-8")
    bed = SimTestbed(load_scenario(path), 1)
    bed.advance(30)
    metrics = bed.finish().frame("metrics")
    total = metrics.groupby(["service.name", "metric"])["value"].sum()
    assert total["desk", "server.request.count"] > 1000
    assert total["guests", "client.error.count"] < 10
    assert total["clerks", "server.queue.shed.count"] == 0


@pytest.mark.parametrize(("part", "model"), [("step", Step), ("component", Component)])
def test_its_tables_name_every_key(part: str, model: type[Step | Component]) -> None:
    rows = TEXT.partition(f"| of a {part} |")[2].partition("\n\n")[0].splitlines()[2:]
    named = {key for row in rows for key in re.findall(r"`([a-z_]+)", row.split("|")[1])}
    keys = {field.alias or name for name, field in model.model_fields.items()}
    assert keys - named <= ELSEWHERE
    assert named <= keys
