"""The processes of one run, what was changed of them, and the file by which a later lab can put that back.

Linux: whether a process is stopped, and whether a number still means the same process, is read from /proc.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from chaos_lab_processes.component import HOST, Config, Step
from lab.systems.topology import System

SIGNALLED_WITHIN_S = 5.0


class Processes:
    """One process for each component that is not people. `kept` is the file that names them for `left_behind`."""

    def __init__(self, system: System, directory: Path, state: Path) -> None:
        self.ports: dict[str, int] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._system = system
        self._directory = directory
        self._kept = state / f"{os.getpid()}-{id(self):x}.json"
        self._paused: list[str] = []

    def start(self) -> None:
        """Starts all of them; they can be called when this returns, for their sockets listen already."""
        serving = {name: spec for name, spec in self._system.components.items() if spec.kind != "users"}
        sockets = {name: socket.create_server((HOST, 0), backlog=128) for name in serving}
        self.ports = {name: one.getsockname()[1] for name, one in sockets.items()}
        self._keep()  # before the first: an interrupt may come at any time
        for name, spec in serving.items():
            config = Config(
                name=name, steps=self.steps(name), spans=str(self.spans_file(name)),
                service_time_s=spec.service_time.mean_s if spec.service_time else 0.0,
            )  # fmt: skip
            listening = sockets[name]
            command = [sys.executable, "-m", f"{__package__}.component", str(listening.fileno()), json.dumps(config)]
            self.running[name] = subprocess.Popen(
                command, pass_fds=[listening.fileno()], env=_environment(), start_new_session=True
            )
            self._keep()
        for listening in sockets.values():
            listening.close()

    def steps(self, component: str) -> list[Step]:
        """The calls that a component makes for each request."""
        steps = (step for step in self._system.components[component].steps if step.call)
        return [
            Step(name=s.name, call=str(s.call), port=self.ports[str(s.call)], timeout_s=s.timeout_s, retries=s.retries)
            for s in steps
        ]

    def spans_file(self, component: str) -> Path:
        return self._directory / f"{component}.jsonl"

    def dead(self) -> list[str]:
        """The components whose process has ended."""
        return [name for name, process in self.running.items() if process.poll() is not None]

    def is_paused(self, component: str) -> bool:
        return _state(self.running[component].pid) == "T"

    def pause(self, component: str, *, paused: bool) -> None:
        """Stops a process or lets it go on; what is stopped is written down before."""
        if paused:
            self._paused.append(component)
            self._keep()
        self.running[component].send_signal(signal.SIGSTOP if paused else signal.SIGCONT)
        given_up_s = time.monotonic() + SIGNALLED_WITHIN_S
        while self.is_paused(component) != paused and component not in self.dead() and time.monotonic() < given_up_s:
            time.sleep(0.001)  # the kernel stops each thread when it gets to it
        if not paused and component in self._paused:
            self._paused.remove(component)
            self._keep()

    def end(self) -> None:
        """Ends all of them, stopped or not."""
        for process in self.running.values():
            process.kill()
        for process in self.running.values():
            process.wait()
        self._kept.unlink(missing_ok=True)

    def _keep(self) -> None:
        """Writes down, whole and durable, which processes there are and which of them are stopped."""
        description = {
            "owner": identity(os.getpid()),
            "processes": {name: identity(process.pid) for name, process in self.running.items()},
            "paused": self._paused,
        }
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        aside = self._kept.with_suffix(".new")
        with aside.open("w", encoding="utf-8") as file:
            json.dump(description, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._kept)


def left_behind(state: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """What labs that live no more have left: the file that says so, and its content."""
    for path in sorted(state.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not _is_alive(content["owner"]):
            yield path, content


def end_left_behind(processes: dict[str, Any]) -> None:
    """Ends those that are still the processes they were."""
    for process in processes.values():
        if _is_alive(process):
            with suppress(ProcessLookupError):
                os.kill(process[0], signal.SIGKILL)
    given_up_s = time.monotonic() + SIGNALLED_WITHIN_S
    while any(map(_is_alive, processes.values())) and time.monotonic() < given_up_s:
        time.sleep(0.01)


def identity(pid: int) -> list[int]:
    """A process's number and when it started: together they mean one process for ever."""
    return [pid, int(_stat(pid)[19])] if _stat(pid) else [pid, 0]


def _is_alive(process: list[int]) -> bool:
    return bool(_stat(process[0])) and identity(process[0]) == process and _state(process[0]) != "Z"


def _state(pid: int) -> str:
    stat = _stat(pid)
    return stat[0] if stat else ""


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may hold anything; none where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _environment() -> dict[str, str]:
    """This process's environment, with this package where the component can import it."""
    here = str(Path(__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))}
