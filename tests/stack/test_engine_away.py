"""An engine that goes away while levers are in: what is in is named with what to do, and goes back once it is there."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lab.testbeds.stack.compose import ENGINE
from lab.testbeds.stack.session import Session
from tests.stack.holding import await_moment, lab_holding, now, strike
from tests.stack.running import write_scenario
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.stack

NOT_REVERTED = 6


class EngineProxy:
    """A socket before the engine's; once it is `cut`, nobody answers there any more."""

    def __init__(self, path: Path) -> None:
        self.address = f"unix://{path}"
        self._path = path
        self._open: list[socket.socket] = [socket.socket(socket.AF_UNIX)]
        self._open[0].bind(str(path))
        self._open[0].listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        self._path.unlink(missing_ok=True)
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._open[0].accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(urlsplit(os.environ.get("DOCKER_HOST") or ENGINE).path)
                self._open += [client, engine]
                for ends in ((client, engine), (engine, client)):
                    threading.Thread(target=_pass_on, args=ends, daemon=True).start()


def _pass_on(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)


@contextmanager
def engine_proxy(directory: Path) -> Iterator[EngineProxy]:
    proxy = EngineProxy(directory / "engine.sock")
    try:
        yield proxy
    finally:
        proxy.cut()


def test_what_is_in_when_the_engine_goes_is_named_with_what_to_do(stack: Session, tmp_path: Path) -> None:
    with engine_proxy(tmp_path) as proxy, lab_holding("component.limit", "held", DOCKER_HOST=proxy.address) as lab:
        await_moment(lab, "held")
        proxy.cut()
        strike(lab)
        assert lab.wait(timeout=PATIENCE_S) == NOT_REVERTED
        output = lab.stderr.read()
    for word in ("could not put back component.limit of rules (value before: null)", "Docker did not answer",
                 "lab recover", "lab stack down --volumes"):  # fmt: skip
        assert word in output
    with stack.lock.held():
        assert [undo.lever for undo in stack.recover()] == ["component.limit"]
    assert now("component.limit") is None


@pytest.mark.slow
def test_a_run_without_an_engine_at_its_end_says_what_is_in(stack: Session, tmp_path: Path) -> None:
    """Also where the stack, which was up before, can not be brought back to what it was."""
    fault = {"id": "f1", "type": "stale-cache", "target": "cache", "at": "30s", "for": "2000s"}
    path = write_scenario(tmp_path, faults=[fault])
    command = [sys.executable, "-m", "lab", "run", str(path), "--testbed", "stack", "--time-scale", "10",
               "--runs-dir", str(tmp_path / "runs"), "--no-report", "--json", "--engine", "constant"]  # fmt: skip
    with engine_proxy(tmp_path) as proxy:
        environment = os.environ | {"DOCKER_HOST": proxy.address}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as lab:
            eventually(lambda: stack.journal.open_undos() or lab.poll() is not None, within_s=2 * PATIENCE_S)
            proxy.cut()
            lab.send_signal(2)
            output, errors = lab.communicate(timeout=2 * PATIENCE_S)
    assert lab.returncode == NOT_REVERTED, errors
    [case] = json.loads(output)["not_graded"]
    for word in ("could not put back", "Docker did not answer", "lab recover"):
        assert word in case["reason"]
    with stack.lock.held():
        assert stack.recover()
