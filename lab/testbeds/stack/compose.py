"""The compose project of the checkout: starting, stopping, containers, ports, health."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

from lab.content.stack import parts
from lab.errors import LabError, Problem, UserError
from lab.testbeds.stack.files import declared_services, files_of, project_of
from lab.testbeds.stack.options import LAB, SYSTEM
from lab.testbeds.stack.processes import ended_with_us
from lab.testbeds.stack.secrets import CHECKOUT_ID, OWN, PROJECT, is_held_by

OWNER_LABEL = "lab.checkout"
PROJECT_LABEL = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
ONE_OFF = "com.docker.compose.oneoff"
WORKING_DIRECTORY = "com.docker.compose.project.working_dir"
ENGINE = "unix:///var/run/docker.sock"
MODEL_SERVER_LABEL = "lab.model-server"
PUBLISHER_LABEL = "lab.publisher"
KEPT_COMPOSE_VARIABLES = {"COMPOSE_HTTP_TIMEOUT", "COMPOSE_PARALLEL_LIMIT", "COMPOSE_ANSI", "COMPOSE_PROGRESS"}
HEALTH_WITHIN_S = 300.0
_POLL_S = 0.5
_LAST_LINES = 5
_NO_ROOM = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)


class StackError(LabError):
    """The stack failed to do what the lab asked for; exit code 3."""


class NoContainerError(StackError):
    """A service has no container, and gets none by waiting."""


class PausedError(StackError):
    """A service's container is paused: it takes every call and answers none, and waiting does not help."""


def name_of(container: Mapping[str, Any]) -> str:
    """The name of a container as the engine lists it; its id where it has none any more, for it is being removed."""
    return str((container["Names"] or [container["Id"]])[0]).lstrip("/")


class Compose:
    """The compose project of one system of a checkout. `variables` are those of its env file.

    Containers are found by label: the checkout's id says that they are its own, and names differ between Compose v1
    and v2. `model_server` is the one that the stack has, or is to have.
    """

    def __init__(self, directory: Path, variables: Mapping[str, str], system: str = "") -> None:
        self.directory = directory
        self.system = system
        self.project = project_of(variables, system)
        self.variables = {**variables, PROJECT: self.project}
        self._others = {project_of(variables, other) for other in parts()} - {self.project}
        self.owner = f"{OWNER_LABEL}={variables[CHECKOUT_ID]}"
        self.model_server = LAB
        self._declared: dict[str, dict[str, Any]] = {}

    @cached_property
    def client(self) -> Any:
        """The Docker client; UserError where no engine answers. Its failures later on are StackErrors."""
        try:
            from docker.errors import DockerException
        except ImportError:
            raise UserError(
                Problem("the package docker is missing", hint="pip install 'chaos-lab[stack-client]'")
            ) from None
        from lab.testbeds.stack.engine import Engine

        try:
            client = Engine.from_env()
            client.ping()
        except (DockerException, ValueError) as error:  # a port out of range, say
            messages = [getattr(one, "explanation", None) for one in (error, error.__cause__)]
            seen = next(filter(None, messages), str(error))[:200]
            raise UserError(
                Problem("no Docker engine answers", seen=seen, hint="start Docker; `lab doctor` shows more")
            ) from None
        return client

    @cached_property
    def _command(self) -> list[str]:
        if shutil.which("docker") and _succeeds(["docker", "compose", "version"]):
            return ["docker", "compose"]
        if shutil.which("docker-compose"):
            return ["docker-compose"]
        raise UserError(Problem("neither `docker compose` nor docker-compose is installed"))

    @property
    def up(self) -> str:
        """What a person types to bring the stack up."""
        return "lab stack up" if self.system in ("", SYSTEM) else f"lab stack up {self.system}"

    @property
    def program(self) -> str:
        """What a person types for Compose here."""
        return " ".join(self._command)

    def run(self, *arguments: str, quiet: bool = True, environment: Mapping[str, str] | None = None) -> None:
        """Runs a compose command; StackError with the end of its output where it fails."""
        with self.start(
            *arguments, environment=environment,
            stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT if quiet else None,
        ) as process:  # fmt: skip
            output, _ = process.communicate()
        if process.returncode:
            tail = "\n".join((output or "").splitlines()[-15:])
            raise StackError(
                f"{' '.join(self.command(*arguments))} ended with {process.returncode}\n{tail}{room_hint(tail)}"
            )

    def command(self, *arguments: str) -> list[str]:
        """The command line that gives this project's Compose these arguments."""
        files = [
            word for file in files_of(self.system, self.model_server) for word in ("-f", str(self.directory / file))
        ]
        return [*self._command, "-p", self.project, *files, *arguments]

    def start(
        self, *arguments: str, environment: Mapping[str, str] | None = None, **options: Any
    ) -> AbstractContextManager[subprocess.Popen[str]]:
        """A compose command as a process that ends with this one; options are those of Popen."""
        variables = {**self._environment(), **(environment or {})}
        return ended_with_us(self.command(*arguments), cwd=self.directory, env=variables, text=True, **options)

    def _environment(self) -> dict[str, str]:
        """This process' environment without what would point Compose elsewhere than the env file does."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("COMPOSE_") or name in KEPT_COMPOSE_VARIABLES
        }
        if os.name == "posix":  # the Python client knows no contexts: both must ask one engine
            inherited.setdefault("DOCKER_HOST", ENGINE)
        return inherited | {name: self.variables[name] for name in OWN}

    @property
    def services(self) -> dict[str, Any]:
        """The services without a profile, as the compose files have them."""
        if self.model_server not in self._declared:
            self._declared[self.model_server] = declared_services(self.directory, self.system, self.model_server)
        return self._declared[self.model_server]

    def running_model_server(self) -> str:
        """Which model server the stack has, by its container's label; empty where it has none."""
        model = self._found(f"{SERVICE}=model").get("model")
        return "" if model is None else str(model.labels.get(MODEL_SERVER_LABEL, LAB))

    def publisher(self) -> str:
        """The service in whose container model versions are written; NoContainerError where there is none."""
        name = next(iter(self._found(f"{PUBLISHER_LABEL}=true")), None)
        if name is None:
            raise NoContainerError(f"no container publishes model versions; run: {self.up}")
        return name

    def is_own(self, labels: Mapping[str, str]) -> bool:
        """Whether something is this checkout's: by its id, unless a copy of this checkout that shares it made it."""
        name, _, identifier = self.owner.partition("=")
        home = labels.get(WORKING_DIRECTORY, "")
        return labels.get(name) == identifier and not (home and is_held_by(identifier, Path(home), self.directory))

    def own_containers(self) -> list[dict[str, Any]]:
        """All containers of this system's stack as the engine lists them: of every profile, stopped ones too.

        The default system has those of the checkout's other projects, too, but for those of its other systems.
        """
        found = self.client.api.containers(all=True, filters={"label": self.owner})
        return [one for one in found if self._has(one["Labels"].get(PROJECT_LABEL)) and self.is_own(one["Labels"])]

    def _has(self, project: str | None) -> bool:
        """Whether a project of the checkout belongs to this system."""
        return project not in self._others if self.system in ("", SYSTEM) else project == self.project

    def containers(self) -> dict[str, Any]:
        """This checkout's containers by service, running and stopped."""
        return self._found()

    def _found(self, *more: str) -> dict[str, Any]:
        """Those of its containers that have these labels, too. The engine is asked about each one, which takes time."""
        labels = [self.owner, f"{PROJECT_LABEL}={self.project}", f"{ONE_OFF}=False", *more]
        found = self.client.containers.list(all=True, filters={"label": labels}, ignore_removed=True)
        return {c.labels[SERVICE]: c for c in found if self.is_own(c.labels)}

    def container(self, service: str) -> Any:
        """One container; NoContainerError where the service has none."""
        containers = self._found(f"{SERVICE}={service}")
        if service not in containers:
            raise NoContainerError(f"service {service!r} has no container; run: {self.up}")
        return containers[service]

    def _unpaused(self, service: str) -> Any:
        container = self.container(service)
        if container.status == "paused":
            raise PausedError(
                f"the container of {service} is paused and does not answer; first: docker unpause {container.name}"
            )
        return container

    def address(self, service: str, port: int) -> tuple[str, int]:
        """(host, port) under which the host reaches a container's port; PausedError if the container is paused."""
        bindings = self._unpaused(service).attrs["NetworkSettings"]["Ports"].get(f"{port}/tcp")
        if not bindings:
            raise StackError(f"{service} does not publish port {port}; is it running? `lab stack status` shows")
        return bindings[0]["HostIp"], int(bindings[0]["HostPort"])

    def url(self, service: str, port: int) -> str:
        """Base address of an HTTP endpoint of a container."""
        host, public = self.address(service, port)
        return f"http://{host}:{public}"

    def health(self) -> dict[str, str]:
        """State by service: `healthy`, `starting`, `unhealthy`, `exited (exit 137)`, `paused`, `missing`, ..."""
        containers = self.containers()
        states = {}
        for name in self.services:
            if name not in containers:
                states[name] = "missing"
                continue
            states[name] = state_in_words(containers[name].attrs["State"])
        return states

    def is_healthy(self) -> bool:
        return set(self.health().values()) <= {"healthy"}

    def resume(self) -> None:
        """Unpauses containers, because starting the project does not."""
        for container in self.containers().values():
            if container.status == "paused":
                container.unpause()

    def container_events(self, actions: Iterable[str], since_s: float) -> Any:
        """Docker's events of these containers from a Unix time on, as they happen; ends when it is closed."""
        labels = [self.owner, f"{PROJECT_LABEL}={self.project}"]
        filters = {"type": "container", "label": labels, "event": list(actions)}
        return self.client.events(since=f"{since_s:.9f}", decode=True, filters=filters)

    def await_health(
        self, within_s: float = HEALTH_WITHIN_S, tick: Callable[[dict[str, str]], None] | None = None
    ) -> None:
        """Waits until every service is healthy; StackError naming those that are not in time, or one that has ended."""
        until = time.monotonic() + within_s
        while True:
            states = self.health()
            if tick is not None:
                tick(states)
            if set(states.values()) <= {"healthy"}:
                return
            for name, state in states.items():
                if state.startswith(("exited", "dead")):
                    log = self.container(name).logs(tail=_LAST_LINES).decode(errors="replace").strip()
                    raise StackError(f"{name} has {state}. The end of its log:\n{log}")
            if time.monotonic() > until:
                bad = ", ".join(f"{name} is {state}" for name, state in states.items() if state != "healthy")
                raise StackError(f"the stack is not healthy after {within_s:.0f} s: {bad}. See: lab stack logs")
            time.sleep(_POLL_S)

    def execute(self, service: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
        """Runs a command in a container and returns its output; StackError where it fails."""
        code, output = self._unpaused(service).exec_run(list(command), environment=dict(environment or {}))
        text = str(output.decode(errors="replace"))
        if code:
            raise StackError(f"{' '.join(command)} in {service} ended with {code}: {text[-500:]}{room_hint(text)}")
        return text


def room_hint(message: str) -> str:
    """What to do if the message reports a full disk; empty for other messages."""
    if not _NO_ROOM.search(message):
        return ""
    return "\n  hint:    the disk under Docker's data is full: docker system df shows what takes the room"


def state_in_words(state: Mapping[str, Any]) -> str:
    """A container's `State` as Docker inspects it: its health while it runs, else how it ended or stands still."""
    status = str(state["Status"])
    if status == "running":
        return str(state.get("Health", {}).get("Status", "") or status)
    if status in ("exited", "dead"):
        memory = ", out of memory" if state.get("OOMKilled") else ""
        return f"{status} (exit {state.get('ExitCode')}{memory})"
    return status


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
