"""What docs/campaigns.md shows of the dataset works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.runs.dataset import GRADES, schema
from tests.cli_cases import HEALTHY, run

DOCUMENT = (Path(__file__).parents[2] / "docs" / "campaigns.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda text: text.split()[1])
def test_a_program_reads_all_campaigns(program: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("quiet.scenario.yaml", "--engine", HEALTHY, "--seeds", 2)
    run("cut.scenario.yaml", "quiet.scenario.yaml", "--engine", HEALTHY, "--engine", "constant")
    capsys.readouterr()
    exec(program, {})
    printed = capsys.readouterr().out
    assert "quiet-" in printed
    assert "scenarios-" in printed
    assert "constant" in printed


def test_there_are_programs_for_pandas_and_duckdb() -> None:
    assert [program.split()[1] for program in PROGRAMS] == ["pandas", "duckdb"]


def test_every_column_is_described() -> None:
    described = set(re.findall(r"`([a-z_]+)`", " ".join(re.findall(r"^\| (`[^|]*) \|", DOCUMENT, re.MULTILINE))))
    of_graders = {f"{what}_{name.replace('-', '_')}" for what in ("grade", "value") for name in GRADES}
    assert "`grade_<axis>`, `value_<axis>`" in DOCUMENT
    assert described == {"campaign", *schema().names} - of_graders
