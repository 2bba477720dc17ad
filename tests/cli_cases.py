"""A directory with small scenarios, and the lab called in it as on a command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main

ROOT = Path(__file__).parents[1]
CHAIN = ROOT / "tests" / "systems" / "chain.system.yaml"
SCENARIO = """\
schema_version: 1
name: {name}
system: {system}
seed: 3
duration: {duration}s
load: {{stages: [{{for: {duration}s, rate: {rate}/s}}]}}
"""
CUT = "faults: [{id: f1, type: network-partition, target: orders->db, at: 30s, for: 25s}]\n"
INVISIBLE = (
    "faults: [{id: f1, type: network-latency, target: orders->db, at: 30s, for: 25s,"
    " with: {latency: 10us, jitter: 0s}}]\n"
)
HEALTHY = """cmd:sh -c 'echo "{\\"schema_version\\":1,\\"verdict\\":\\"healthy\\"}"'"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in, with a scenario that cuts a link and a quiet one."""
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "GITHUB_ACTIONS", "LAB_DEBUG", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    write("cut", CUT)
    write("quiet")
    return tmp_path


def write(name: str, more: str = "", duration: int = 60, rate: int = 8) -> Path:
    path = Path(f"{name}.scenario.yaml")
    path.write_text(SCENARIO.format(name=name, system=CHAIN, duration=duration, rate=rate) + more, encoding="utf-8")
    return path


def write_suite(threshold: str) -> Path:
    path = Path("small.suite.yaml")
    lines = ["schema_version: 1", "name: small", "scenarios: [quiet.scenario.yaml]", "engines: [constant]"]
    path.write_text("\n".join([*lines, f"thresholds: ['{threshold}']", ""]), encoding="utf-8")
    return path


def lab(*words: object) -> int:
    return main([str(word) for word in words])


def run(*words: object) -> int:
    """One job at a time in this process, without the report."""
    return lab("run", *words, "--jobs", 1, "--no-report")


def run_json(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any]:
    code = lab(*words, "--json")
    return code, json.loads(capsys.readouterr().out)
