"""A `lab run` on the stack as a process of its own, to be looked at and disturbed while it goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import lab.systems
from lab.agreed import ports
from lab.errors import LabError
from lab.testbeds.stack.http import call
from lab.testbeds.stack.session import Session
from tests.waiting import PATIENCE_S, eventually

TIME_SCALE = 10.0
LASTS_S = 3000.0
"""Scenario seconds of a run that is to be ended: so long that only what the test does ends it in time."""
WARMUP_S = 10.0
"""Of runs that are disturbed or ended, and of which nobody asks what is normal."""


def hardly_warmed(directory: Path, system: str = "recommender") -> str:
    """A copy of a shipped system's file, with a shorter warm-up; its path."""
    content = yaml.safe_load(Path(lab.systems.__file__).with_name(f"{system}.system.yaml").read_text(encoding="utf-8"))
    path = directory / f"{system}.system.yaml"
    path.write_text(json.dumps(content | {"warmup": f"{WARMUP_S:g}s"}), encoding="utf-8")
    return str(path)


def write_scenario(
    directory: Path, *, duration_s: float = LASTS_S, rate_per_s: float = 20, system: str = "recommender", **more: Any
) -> Path:
    """A scenario file without steady state, faults and decoys but for what is given, with a short warm-up."""
    content = {
        "schema_version": 1, "name": "disturbed", "system": hardly_warmed(directory, system),
        "duration": f"{duration_s:g}s",
        "load": {"stages": [{"for": f"{duration_s:g}s", "rate": f"{rate_per_s:g}/s"}]}, **more,
    }  # fmt: skip
    path = directory / "disturbed.scenario.yaml"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Outcome:
    """How a run ended: exit code, what it printed on stderr, its `--json` document."""

    code: int
    errors: str
    document: dict[str, Any]

    @property
    def reason(self) -> str:
        """Why the only case was not graded."""
        [case] = self.document["not_graded"]
        return str(case["reason"])


@contextmanager
def lab_running(
    path: Path, *options: str, time_scale: float = TIME_SCALE, keep: bool = True
) -> Iterator[subprocess.Popen[str]]:
    """The lab, running a scenario; its recordings lie in `runs` beside the scenario."""
    command = [sys.executable, "-m", "lab", "run", str(path), "--testbed", "stack", "--time-scale", f"{time_scale:g}"]
    command += [
        *(["--keep"] if keep else []),
        "--runs-dir",
        str(path.parent / "runs"),
        "--no-report",
        "--json",
        "--engine",
        "constant",
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*command, *options], **pipes, text=True) as lab:
        try:
            yield lab
        finally:
            lab.kill()


def outcome(lab: subprocess.Popen[str], within_s: float = PATIENCE_S) -> Outcome:
    """Waits for the end of a run."""
    output, errors = lab.communicate(timeout=within_s)
    return Outcome(lab.returncode, errors, json.loads(output))


def recorded(path: Path) -> dict[str, Any]:
    """`run.json` of the only recording of a scenario."""
    [found] = (path.parent / "runs").glob("*/*/run.json")
    document: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    return document


def journal_of(path: Path) -> list[dict[str, Any]]:
    """`events.jsonl` of the only recording of a scenario."""
    [found] = (path.parent / "runs").glob("*/*/events.jsonl")
    return [json.loads(line) for line in found.read_text(encoding="utf-8").splitlines()]


def await_load(stack: Session, lab: subprocess.Popen[str], requests: int = 20) -> None:
    """Waits until the load of this lab's run has sent some requests; an earlier run's load may still be there."""

    def sent() -> bool:
        assert lab.poll() is None, lab.stderr.read() if lab.stderr else ""
        holder = stack.lock.look().holder
        if holder is None or holder.pid != lab.pid or holder.activity.get("phase") != "running":
            return False
        try:
            slis = call("GET", f"{stack.compose.url('collector', ports.COLLECTOR)}/slis", retries=0)
        except LabError:
            return False
        return bool(slis["requests"]["sent"] >= requests and slis["requests"]["load_age_s"] < 2)

    eventually(sent, within_s=2 * PATIENCE_S)


def mend(stack: Session, *, but: Sequence[str] = ()) -> None:
    """Brings the stack up again, as the next `lab run` does."""
    stack.up(build=False)
    assert set(stack.compose.health().values()) == {"healthy"}
