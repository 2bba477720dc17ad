"""A run leaves the machine as it found it; a second checkout beside the first; and Compose by hand, as documented."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import ExitCode
from lab.testbeds.stack.belongings import NOTHING, belongings, take_down
from lab.testbeds.stack.compose import Compose
from lab.testbeds.stack.secrets import set_variables
from lab.testbeds.stack.session import BASE_IMAGE, MADE_BASE_IMAGE, Session
from tests.stack.checkouts import ROOT, at, copy_checkout, run_lab
from tests.waiting import PATIENCE_S, eventually

pytestmark = [pytest.mark.stack, pytest.mark.slow]
QUIET = """
schema_version: 1
name: quiet
system: recommender
duration: 30s
load: {stages: [{for: 30s, rate: 30/s}]}
"""
RUN = ("--testbed", "stack", "--time-scale", "5", "--no-report", "--engine", "constant", "--runs-dir")


@pytest.mark.parametrize("ends", ["by itself", "by SIGINT"])
def test_a_run_on_a_stopped_stack_stops_it_again_and_keeps_its_data(stack: Session, tmp_path: Path, ends: str) -> None:
    database = identity_of_database(stack)
    for container in stack.compose.containers().values():
        container.stop()
    before = belongings(stack.compose)
    assert set(before.containers.values()) == {"exited"}
    (tmp_path / "quiet.scenario.yaml").write_text(QUIET, encoding="utf-8")
    command = [sys.executable, "-m", "lab", "run", str(tmp_path / "quiet.scenario.yaml"), *RUN, str(tmp_path / "runs")]
    try:
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as lab:
            if ends == "by SIGINT":
                eventually(lambda: stack.compose.health()["db"] in {"starting", "healthy"}, within_s=3 * PATIENCE_S)
                lab.send_signal(signal.SIGINT)
            _, errors = lab.communicate(timeout=5 * PATIENCE_S)
        assert (lab.returncode == ExitCode.INTERRUPTED) == (ends == "by SIGINT"), errors
        assert belongings(stack.compose) == before
    finally:
        stack.up(build=False)
    assert identity_of_database(stack) == database


def identity_of_database(stack: Session) -> str:
    """When PostgreSQL made its cluster, and where: another one, and the data were lost."""
    return stack.compose.execute("db", ["sh", "-ec", 'stat -c "%i %Y" "$PGDATA/PG_VERSION"'])


def test_a_second_checkout_runs_beside_the_first_and_leaves_only_its_images(stack: Session, tmp_path: Path) -> None:
    before = {name: (c.id, c.attrs["State"]["StartedAt"]) for name, c in stack.compose.containers().items()}
    other = copy_checkout(tmp_path / "checkout")
    (tmp_path / "quiet.scenario.yaml").write_text(QUIET, encoding="utf-8")
    second = at(other)
    try:
        ran = run_lab(other, "run", str(tmp_path / "quiet.scenario.yaml"), *RUN, "runs", within_s=8 * PATIENCE_S)
        assert list((other / "runs").rglob("run.json")), ran.stderr
        assert not belongings(second)
    finally:
        take_down(second, NOTHING)
        remove_images(second)
    now = {name: (c.id, c.attrs["State"]["StartedAt"]) for name, c in stack.compose.containers().items()}
    assert now == before


def test_the_commands_for_hands_work_as_the_document_has_them(tmp_path: Path) -> None:
    """Two of the document's blocks, line by line, in a fresh checkout: only what pulls public images is left out."""
    document = (ROOT / "docs" / "stack.md").read_text(encoding="utf-8")
    sections = [part.partition("\n```")[0] for part in document.split("```sh\n")[1:]]
    blocks = [block for block in sections if block.startswith(("compose()", "compose --profile"))]
    assert len(blocks) == 2
    lines = [line for block in blocks for line in block.splitlines() if "pulled" not in line]
    checkout = copy_checkout(tmp_path / "checkout")
    second = at(checkout)
    settings = {"LAB_PROMETHEUS_PORT": "0"}
    if second.client.images.list(name=MADE_BASE_IMAGE):
        settings[BASE_IMAGE] = MADE_BASE_IMAGE  # as `make base-image` and `lab stack up` note it
    set_variables(checkout / ".env", settings)
    lab = tmp_path / "bin" / "lab"
    lab.parent.mkdir()
    lab.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lab "$@"\n', encoding="utf-8")
    lab.chmod(0o755)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COMPOSE_", "LAB_"))}
    try:
        done = subprocess.run(
            ["bash", "-exc", "\n".join(lines)], cwd=checkout, env=env | {"PATH": f"{lab.parent}:{env['PATH']}"},
            check=False, capture_output=True, text=True, timeout=8 * PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Up" in done.stdout
        assert "✓ model" in done.stdout
        assert belongings(second).containers == {}
    finally:
        take_down(second, NOTHING)
        remove_images(second)


def remove_images(checkout: Compose) -> None:
    images = checkout.client.images
    for tag in [tag for made in images.list() for tag in made.tags if tag.startswith(f"{checkout.project}-")]:
        images.remove(tag)
