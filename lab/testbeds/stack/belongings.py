"""The parts of a checkout on the Docker engine: containers, networks and volumes with its id."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from lab.errors import NEXT_LINE, Problem, UserError
from lab.testbeds.stack.compose import ONE_OFF, PROJECT_LABEL, SERVICE, Compose, StackError, name_of

RUNNING = frozenset({"running", "paused", "restarting"})
_AT_ONCE = 8
_GONE, _CONFLICT = 404, 409


@dataclass(frozen=True)
class Belongings:
    """Names of what there is; of containers with their state (`running`, `exited`, ...)."""

    containers: Mapping[str, str]
    networks: frozenset[str]
    volumes: frozenset[str]

    def to_json(self) -> dict[str, Any]:
        """For another process, which may have to do what this one was killed before."""
        return {
            "containers": dict(self.containers), "networks": sorted(self.networks), "volumes": sorted(self.volumes),
        }  # fmt: skip

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Belongings:
        """The other way."""
        return Belongings(content["containers"], frozenset(content["networks"]), frozenset(content["volumes"]))

    def __bool__(self) -> bool:
        return bool(self.containers or self.networks or self.volumes)


NOTHING = Belongings({}, frozenset(), frozenset())


def belongings(compose: Compose) -> Belongings:
    """What this checkout has on the engine now."""
    containers = compose.own_containers()
    return Belongings(
        {name_of(container): container["State"] for container in containers},
        frozenset(network["Name"] for network in _own_networks(compose, containers)),
        frozenset(volume["Name"] for volume in _own_volumes(compose, containers)),
    )


def take_down(compose: Compose, left: Belongings, services: Collection[str] = ()) -> None:
    """Stops and removes what this checkout has beyond `left`, and stops what does not run there.

    With `services`, only their containers, none that a person ran once; then networks and volumes in use stay.
    Else UserError names what others use. StackError names what the engine could not stop or remove.
    """
    own = compose.own_containers()
    containers = [c for c in own if not services or _is_one_of(c, services)]
    names = {c["Id"]: name_of(c) for c in containers}
    running = [c["Id"] for c in containers if c["State"] in RUNNING]
    to_stop = [identifier for identifier in running if left.containers.get(names[identifier]) not in RUNNING]
    to_remove = [identifier for identifier, name in names.items() if name not in left.containers]
    api = compose.client.api
    failed = _each(to_stop, api.stop, names)
    failed += _each(to_remove, lambda identifier: api.remove_container(identifier, v=True, force=True), names)
    networks = {n["Id"]: n["Name"] for n in _own_networks(compose, own) if n["Name"] not in left.networks}
    volumes = {v["Name"]: v["Name"] for v in _own_volumes(compose, own) if v["Name"] not in left.volumes}
    in_use = [_with_users(compose, line, "network") for line in _each(networks, api.remove_network, networks)]
    in_use += [_with_users(compose, line, "volume") for line in _each(volumes, api.remove_volume, volumes)]
    if failed:
        raise StackError(NEXT_LINE.join(["could not be removed:", *failed]))
    if in_use and not services:
        hint = "remove those containers yourself, or disconnect them, and do this again"
        raise UserError(Problem("not all could be removed, for others use it", seen=NEXT_LINE.join(in_use), hint=hint))


def _is_one_of(container: Mapping[str, Any], services: Collection[str]) -> bool:
    labels = container["Labels"]
    return labels.get(SERVICE) in services and labels.get(ONE_OFF) != "True"


def _with_users(compose: Compose, line: str, kind: str) -> str:
    """A network or volume that could not be removed, with the containers that use it."""
    name = line.partition(":")[0]
    users = [name_of(container) for container in compose.client.api.containers(all=True, filters={kind: name})]
    return f"{kind} {name}: used by {', '.join(users)}" if users else f"{kind} {line}"


def _own_networks(compose: Compose, containers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return _of_projects(compose, containers, compose.client.api.networks(filters={"label": compose.owner}))


def _own_volumes(compose: Compose, containers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = compose.client.api.volumes(filters={"label": compose.owner})["Volumes"] or []
    return _of_projects(compose, containers, found)


def _of_projects(
    compose: Compose, containers: Iterable[Mapping[str, Any]], parts: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Those of this checkout's project, and of others in which it has containers.

    A copied env file gives another directory the same id, and only the project name shows whose these parts are.
    """
    projects = {compose.project, "", *(container["Labels"].get(PROJECT_LABEL, "") for container in containers)}
    return [part for part in parts if (part["Labels"] or {}).get(PROJECT_LABEL, "") in projects]


def _each(identifiers: Iterable[str], act: Callable[[str], object], names: Mapping[str, str]) -> list[str]:
    """Does it to all at once; returns what failed and why. What is gone already, or going, is done."""
    from docker.errors import APIError

    def attempt(identifier: str) -> str:
        try:
            act(identifier)
        except APIError as error:
            going = error.status_code == _CONFLICT and "already in progress" in str(error.explanation)
            return "" if error.status_code == _GONE or going else f"{names[identifier]}: {error.explanation}"
        return ""

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [line for line in pool.map(attempt, identifiers) if line]
