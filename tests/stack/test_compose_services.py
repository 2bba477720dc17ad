"""The compose files: each service is confined, ends what it starts, and reaches only what the topology says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lab.systems.files import load_system
from lab.testbeds.stack.secrets import CONTROLLED, token_name
from lab.worlds.shop.stack import STACK
from tests.stack.compose_files import OFFICIAL, SERVICES, dockerfile_of

CONTROL = (*CONTROLLED, *STACK.controls)
each_service = pytest.mark.parametrize("name", SERVICES)


@each_service
def test_is_published_on_loopback_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))
    assert "network_mode" not in SERVICES[name]


@each_service
def test_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & set(service)
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", ()))


@each_service
def test_is_limited_in_ways_that_can_be_changed_and_restored(name: str) -> None:
    service = SERVICES[name]
    assert "cpus" not in service
    assert service["cpu_period"] == 100_000
    assert service["cpu_quota"] > 0
    assert service["pids_limit"] > 0
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])


@each_service
def test_has_a_health_check(name: str) -> None:
    assert "test" in SERVICES[name].get("healthcheck", {}) or "\nHEALTHCHECK " in dockerfile_of(SERVICES[name])


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
def test_a_probe_ends_itself_before_docker_gives_it_up_and_leaves_it_behind(name: str) -> None:
    command = command_of_probe(SERVICES[name])
    if command[0] == "timeout":
        assert command[1:3] == ["-s", "KILL"], "with all its children"
        limit_s = float(command[3])
    elif command[0] == "wget":
        limit_s = float(command[command.index("-T") + 1])
    else:
        assert command == ["true"]
        return
    assert limit_s + 1 < timeout_of_probe_s(SERVICES[name]), "with time to start"


@pytest.mark.parametrize("name", [*SERVICES, "official model"])
def test_the_first_process_is_an_init(name: str) -> None:
    """In our images, so that no engine has to bring one; public images get the engine's."""
    service = OFFICIAL["model"] if name == "official model" else SERVICES[name]
    assert "entrypoint" not in service
    entry = re.findall(r"^ENTRYPOINT (.*)$", dockerfile_of(service), re.M)
    if entry:
        assert json.loads(entry[-1])[0] == "tini"
        assert "init" not in service
    else:
        assert service["init"] is True


@each_service
def test_runs_as_a_user_of_its_own(name: str) -> None:
    service = SERVICES[name]
    users = [str(service["user"])] if "user" in service else re.findall(r"^USER (\S+)$", dockerfile_of(service), re.M)
    assert users
    assert users[-1] not in ("root", "0")


@each_service
def test_has_no_password_written_down(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    secret = {key: value for key, value in environment.items() if re.search("PASSWORD|SECRET|TOKEN", key)}
    assert all(re.fullmatch(r"\$\{LAB_\w+:\?[^}]+\}", value) for value in secret.values()), secret


def test_every_call_of_the_topology_passes_the_proxy() -> None:
    system = load_system("recommender")
    configured = json.loads(SERVICES["links"]["environment"]["LINKS_CONFIG"])
    assert {link["link"] for link in configured} == {str(link) for link in system.links}
    address = {link["link"]: f"links:{link['listen']}" for link in configured}
    assert len(set(address.values())) == len(configured)
    for link in configured:
        assert link["upstream"].partition(":")[0] == link["link"].partition("->")[2]
    features, feed = SERVICES["features"]["environment"], SERVICES["feed"]["environment"]
    for caller, name in ((features, "features"), (feed, "feed")):
        assert f"{caller['DB_HOST']}:{caller['DB_PORT']}" == address[f"{name}->db"]
        assert f"{caller['REDIS_HOST']}:{caller['REDIS_PORT']}" == address[f"{name}->cache"]
    assert features["MODEL_ADDRESS"] == address["features->model"]
    assert features["RULES_URL"] == f"http://{address['features->rules']}"
    assert SERVICES["load"]["environment"]["TARGET_URL"] == f"http://{address['shoppers->features']}"


def test_each_service_gets_its_own_token_only_and_nobody_gets_all() -> None:
    for name, service in SERVICES.items():
        text = json.dumps(service)
        given = {owner for owner in CONTROL if token_name(owner) in text}
        assert given == ({name} & set(CONTROL)), name


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


def test_callers_cannot_reach_the_control_of_the_load() -> None:
    for caller in ("features", "feed"):
        assert not set(SERVICES[caller]["networks"]) & set(SERVICES["load"]["networks"])


def test_the_load_takes_no_worker_of_another_container() -> None:
    command = SERVICES["load"]["command"]
    assert command[command.index("--master-bind-host") + 1] == "127.0.0.1"


def test_callers_cannot_reach_their_dependencies_past_the_proxy() -> None:
    for caller in ("features", "feed"):
        for dependency in ("db", "cache", "model", "rules"):
            assert not set(SERVICES[caller]["networks"]) & set(SERVICES[dependency]["networks"])
