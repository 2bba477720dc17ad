"""Every fault and decoy under real load: `lab run` is killed while it is in, and the stack is clean afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.injection.faults import fault_types
from lab.injection.levers import lever_type
from lab.testbeds.stack.session import Session
from lab.testbeds.stack.testbed import StackTestbed
from tests.stack.recovering import lab_recover
from tests.waiting import PATIENCE_S, eventually

pytestmark = [pytest.mark.stack, pytest.mark.slow]

USES: Mapping[str, Mapping[str, Any]] = {
    "cpu-throttle": {"target": "model", "with": {"cpu": "4%"}},
    "cache-key-collision": {"target": "cache"},
    "deploy": {"target": "model"},
    "feed-stall": {"target": "feed"},
    "model-regression": {"target": "model"},
    "model-slow": {"target": "model"},
    "model-unload": {"target": "model"},
    "network-latency": {"target": "features->model"},
    "network-partition": {"target": "features->db"},
    "schema-corruption": {"target": "db", "with": {"column": "age_years", "change": "rescale"}},
    "schema-migration": {"target": "db"},
    "short-timeout": {"target": "features->model", "with": {"timeout": "4ms"}},
    "slow-query": {"target": "db", "with": {"delay": "30ms"}},
    "stale-cache": {"target": "cache"},
    "traffic-surge": {"target": "shoppers"},
}
LEASED = ("link.", "feed.", "component.slow")


def write_scenario(directory: Path, kind: str) -> Path:
    section = "decoys" if fault_types()[kind].is_decoy else "faults"
    use = {"id": "u1", "type": kind, "at": "10s", "for": "280s", **USES[kind]}
    path = directory / "killed.scenario.yaml"
    path.write_text(
        "schema_version: 1\nname: killed\nsystem: recommender\nduration: 300s\n"
        f"load: {{stages: [{{for: 300s, rate: 60/s}}]}}\n{section}: [{json.dumps(use)}]\n",
        encoding="utf-8",
    )
    return path


def pulled(session: Session) -> list[tuple[str, str, Any]]:
    """(lever, element, previous value) of everything the journal says was applied."""
    if not session.journal.path.is_file():
        return []
    lines = session.journal.path.read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines if line]  # there are empty ones: room for what is to come
    return [(e["lever"], e["element"], e["previous"]) for e in entries if e["event"] == "applied"]


def reads(testbed: StackTestbed, lever: str, element: str) -> Any:
    """A lever's present value, as the journal has it."""
    value = testbed.read(lever_type(lever), element)
    return None if value is None else value.to_json()


def test_every_registered_fault_and_decoy_is_here() -> None:
    core = {name for name, kind in fault_types().items() if not kind.module.startswith("lab.worlds.")}
    assert set(USES) == core - {"pool-shrunk"}, "the recommender has no pool that could be made smaller while it runs"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
@pytest.mark.parametrize("kind", USES)
def test_a_run_killed_in_the_middle_of_a_fault_leaves_nothing_behind(
    stack: Session, tmp_path: Path, kind: str, number: signal.Signals
) -> None:
    assert lab_recover() == []  # which also forgets the journal of the case before
    command = [sys.executable, "-m", "lab", "run", str(write_scenario(tmp_path, kind)), "--testbed", "stack"]
    command += ["--time-scale", "8", "--keep", "--runs-dir", str(tmp_path / "runs"), "--no-report"]
    with subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            eventually(lambda: bool(pulled(stack)) or process.poll() is not None, within_s=3 * PATIENCE_S)
            levers = pulled(stack)
            assert levers, process.stderr.read() if process.stderr else ""
            process.send_signal(number)
            code = process.wait(timeout=PATIENCE_S)
        finally:
            process.kill()
    reader = Session(stack.system).testbed
    if number == signal.SIGKILL:
        leased = [(lever, element, before) for lever, element, before in levers if lever.startswith(LEASED)]
        for lever, element, before in leased:
            eventually(lambda at=(lever, element), was=before: reads(reader, *at) == was)
        assert {undo[:2] for undo in lab_recover()} == {lever[:2] for lever in levers}
    else:
        assert code == 130
    assert stack.journal.open_undos() == []
    assert [reads(reader, lever, element) for lever, element, _ in levers] == [before for *_, before in levers]
    assert not list((tmp_path / "runs").glob("*/*/run.json")), "an interrupted run left a recording that looks whole"
