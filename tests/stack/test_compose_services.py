"""The compose files: each service is confined, ends what it starts, and reaches only what the topology says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lab.content.stack import parts
from lab.systems.files import load_system
from lab.testbeds.stack.secrets import CONTROLLED, token_name
from tests.stack.compose_files import SERVICES, SERVICES_OF, SYSTEMS, dockerfile_of

each_service = pytest.mark.parametrize(
    "service",
    [
        pytest.param(service, id=f"{system}-{name}")
        for system, of in SERVICES_OF.items()
        for name, service in of.items()
    ],
)
each_system = pytest.mark.parametrize("system", SYSTEMS)


@each_service
def test_is_published_on_loopback_only(service: dict[str, Any]) -> None:
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert "network_mode" not in service


@each_service
def test_is_confined(service: dict[str, Any]) -> None:
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & set(service)
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", ()))


@each_service
def test_is_limited_in_ways_that_can_be_changed_and_restored(service: dict[str, Any]) -> None:
    assert "cpus" not in service
    assert service["cpu_period"] == 100_000
    assert service["cpu_quota"] > 0
    assert service["pids_limit"] > 0
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])


@each_service
def test_has_a_health_check(service: dict[str, Any]) -> None:
    assert "test" in service.get("healthcheck", {}) or "\nHEALTHCHECK " in dockerfile_of(service)


def command_of_probe(service: dict[str, Any]) -> list[str]:
    """What a health check runs, in exec form."""
    if "healthcheck" in service:
        kind, *command = service["healthcheck"]["test"]
        assert kind == "CMD"
        return [str(word) for word in command]
    (command,) = re.findall(r"^HEALTHCHECK [^[]*CMD (\[.*?\])$", dockerfile_of(service).replace("\\\n", ""), re.M)
    words: list[str] = json.loads(command)
    return words


def timeout_of_probe_s(service: dict[str, Any]) -> float:
    (text,) = re.findall(r"--timeout=(\d+)s", dockerfile_of(service)) or [service["healthcheck"]["timeout"].rstrip("s")]
    return float(text)


@each_service
def test_a_probe_ends_itself_before_docker_gives_it_up_and_leaves_it_behind(service: dict[str, Any]) -> None:
    command = command_of_probe(service)
    if command[0] == "timeout":
        assert command[1:3] == ["-s", "KILL"], "with all its children"
        limit_s = float(command[3])
    elif command[0] == "wget":
        limit_s = float(command[command.index("-T") + 1])
    else:
        assert command == ["true"]
        return
    assert limit_s + 1 < timeout_of_probe_s(service), "with time to start"


@each_service
def test_the_first_process_is_an_init(service: dict[str, Any]) -> None:
    """In our images, so that no engine has to bring one; public images get the engine's."""
    assert "entrypoint" not in service
    entry = re.findall(r"^ENTRYPOINT (.*)$", dockerfile_of(service), re.M)
    if entry:
        assert json.loads(entry[-1])[0] == "tini"
        assert "init" not in service
    else:
        assert service["init"] is True


@each_service
def test_runs_as_a_user_of_its_own(service: dict[str, Any]) -> None:
    users = [str(service["user"])] if "user" in service else re.findall(r"^USER (\S+)$", dockerfile_of(service), re.M)
    assert users
    assert users[-1] not in ("root", "0")


@each_service
def test_has_no_password_written_down(service: dict[str, Any]) -> None:
    environment = service.get("environment", {})
    secret = {key: value for key, value in environment.items() if re.search("PASSWORD|SECRET|TOKEN", key)}
    assert all(re.fullmatch(r"\$\{LAB_\w+:\?[^}]+\}", value) for value in secret.values()), secret


@each_system
def test_every_call_of_the_topology_passes_the_proxy(system: str) -> None:
    topology, services = load_system(system), SERVICES_OF[system]
    configured = json.loads(services["links"]["environment"]["LINKS_CONFIG"])
    assert {link["link"] for link in configured} == {str(link) for link in topology.links}
    address = {link["link"]: f"links:{link['listen']}" for link in configured}
    assert len(set(address.values())) == len(configured)
    for link in configured:
        assert link["upstream"].partition(":")[0] == link["link"].partition("->")[2]
    for link, place in address.items():
        caller, _, callee = link.partition("->")
        given = services["load" if caller == topology.users else caller]["environment"]
        told = {
            "db": f"{given.get('DB_HOST')}:{given.get('DB_PORT')}", "model": given.get("MODEL_ADDRESS"),
            "cache": f"{given.get('REDIS_HOST')}:{given.get('REDIS_PORT')}",
        }  # fmt: skip
        name = "TARGET_URL" if caller == topology.users else f"{callee.upper()}_URL"
        assert told.get(callee, str(given.get(name)).removeprefix("http://")) == place, link


@each_system
def test_each_service_gets_its_own_token_only_and_nobody_gets_all(system: str) -> None:
    control = {*CONTROLLED, *parts()[system].controls}
    for name, service in SERVICES_OF[system].items():
        text = json.dumps(service)
        given = {owner for owner in control if f"{token_name(owner)}:" in text}
        assert given == ({name} & control), name


def test_the_proxys_control_listens_where_no_other_service_is() -> None:
    control, _, _ = SERVICES["links"]["environment"]["LINKS_API"].rpartition(":")
    loopback, alias = control.split(",")
    assert loopback == "127.0.0.1"
    assert [name for name, spec in SERVICES["links"]["networks"].items() if alias in spec.get("aliases", ())] == [
        "admin"
    ]
    assert [name for name in SERVICES if "admin" in SERVICES[name].get("networks", ())] == ["links"]
    # Ports are published on the first network by name, whatever the project is called.
    assert min(SERVICES["links"]["networks"]) == "admin"


@each_system
def test_callers_cannot_reach_the_control_of_the_load(system: str) -> None:
    for caller in callers_of(system):
        assert not set(SERVICES_OF[system][caller]["networks"]) & set(SERVICES_OF[system]["load"]["networks"])


def test_the_load_takes_no_worker_of_another_container() -> None:
    command = SERVICES["load"]["command"]
    assert command[command.index("--master-bind-host") + 1] == "127.0.0.1"


@each_system
def test_callers_cannot_reach_their_dependencies_past_the_proxy(system: str) -> None:
    """But those that call others themselves: they share the callers' network."""
    services, callers = SERVICES_OF[system], callers_of(system)
    for link in load_system(system).links:
        caller, _, callee = link.partition("->")
        if caller in callers and callee not in callers:
            assert not set(services[caller]["networks"]) & set(services[callee]["networks"]), link


def callers_of(system: str) -> set[str]:
    """The services that call others."""
    topology = load_system(system)
    return {link.partition("->")[0] for link in topology.links} - {str(topology.users)}
