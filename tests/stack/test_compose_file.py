"""docker-compose.yml: it loads in old and new Compose, contains its services, and agrees with the topology."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.systems.files import load_system
from lab.testbeds.stack.options import MODEL_SERVERS
from lab.testbeds.stack.secrets import CONTROLLED, NAMES, token_name

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
OFFICIAL_MODEL = ROOT / "docker-compose.tensorflow-serving.yml"
OBSERVABILITY = ROOT / "services" / "observability"
FILES: list[dict[str, Any]] = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (COMPOSE, OFFICIAL_MODEL)]
# The second file's model has only what differs.
SERVICES: dict[str, dict[str, Any]] = FILES[0]["services"] | {
    "publisher": FILES[1]["services"]["publisher"],
    "official model": FILES[0]["services"]["model"] | FILES[1]["services"]["model"],
}
DOCKERFILES = sorted((ROOT / "services").rglob("Dockerfile"))
SECRETS = {name: name.lower() for name in NAMES}
# Without a project name Compose v2 takes the directory's.
REQUIRED = {**SECRETS, "LAB_CHECKOUT_ID": "d"}
VARIABLES = {**REQUIRED, "COMPOSE_PROJECT_NAME": "p"}

each_service = pytest.mark.parametrize("name", SERVICES)


def run(*command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, env=env)


def compose_commands() -> list[tuple[str, ...]]:
    """Every Compose there is; skips the test where there is none."""
    commands: list[tuple[str, ...]] = [("docker-compose",)] if shutil.which("docker-compose") else []
    if shutil.which("docker") and run("docker", "compose", "version").returncode == 0:
        commands.append(("docker", "compose"))
    if not commands:
        pytest.skip("Compose is not installed")
    return commands


def load_with_compose(tmp_path: Path, *files: Path, **variables: str) -> list[subprocess.CompletedProcess[str]]:
    """`config` of these files with their profile by every Compose there is, away from any .env.

    Skips the test where there is none.
    """
    commands = compose_commands()
    empty = tmp_path / "empty.env"
    empty.touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "COMPOSE_"))}
    arguments = [argument for file in files for argument in ("--file", str(file))] + ["--profile", "observability"]
    return [
        run(*command, "--env-file", str(empty), *arguments, "config", env=environment | variables)
        for command in commands
    ]


def dockerfile_of(service: dict[str, Any]) -> str:
    """The text of the Dockerfile that builds a service's image, for it or for another; empty for a public image."""
    same = [other["build"] for other in SERVICES.values() if other["image"] == service["image"] and "build" in other]
    build = service.get("build") or (same[0] if same else None)
    if build is None:
        return ""
    file = build.get("dockerfile", "Dockerfile")
    return (ROOT / build["context"] / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("files", [(COMPOSE,), (COMPOSE, OFFICIAL_MODEL)], ids=["alone", "with official model"])
def test_loads_in_compose(files: tuple[Path, ...], tmp_path: Path) -> None:
    for loaded in load_with_compose(tmp_path, *files, **VARIABLES):
        assert loaded.returncode == 0, loaded.stderr
        assert {"prometheus", "grafana", "jaeger"} <= set(yaml.safe_load(loaded.stdout)["services"])


@pytest.mark.parametrize("path", [COMPOSE, OFFICIAL_MODEL], ids=lambda path: path.name)
def test_follows_the_compose_specification(path: Path) -> None:
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema is not installed")
    checked = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path))
    assert checked.returncode == 0, checked.stdout


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
    service = FILES[1]["services"]["model"] if name == "official model" else SERVICES[name]
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


@pytest.mark.parametrize("variable", REQUIRED)
def test_does_not_start_without_an_owner_and_passwords(variable: str, tmp_path: Path) -> None:
    others = {name: value for name, value in VARIABLES.items() if name != variable}
    for loaded in load_with_compose(tmp_path, COMPOSE, **others):
        assert loaded.returncode != 0
        assert variable in loaded.stderr


@pytest.mark.parametrize("files", [(COMPOSE,), (COMPOSE, OFFICIAL_MODEL)], ids=["alone", "with official model"])
def test_everything_carries_the_checkouts_id_and_images_its_projects_name(
    files: tuple[Path, ...], tmp_path: Path
) -> None:
    for loaded in load_with_compose(tmp_path, *files, **VARIABLES):
        config = yaml.safe_load(loaded.stdout)
        parts = [part for kind in ("services", "networks", "volumes") for part in config[kind].values()]
        assert [part for part in parts if part["labels"]["lab.checkout"] != "d"] == []
        built = [service["image"] for service in config["services"].values() if "build" in service]
        assert [image for image in built if not image.startswith("p-")] == []


@pytest.mark.parametrize("files", [FILES[:1], FILES], ids=["alone", "with official model"])
def test_one_image_is_built_by_one_service_and_the_others_come_after_it(files: list[dict[str, Any]]) -> None:
    services: dict[str, dict[str, Any]] = {}
    for file in files:
        for name, service in file["services"].items():
            services[name] = services.get(name, {}) | service
    builders = [service["image"] for service in services.values() if "build" in service]
    assert len(set(builders)) == len(builders)
    by_image = {service["image"]: name for name, service in services.items() if "build" in service}
    for service in services.values():
        builder = by_image.get(service["image"])
        assert service is services.get(builder or "") or builder is None or builder in service["depends_on"]


@each_service
def test_has_no_password_written_down(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    secret = {key: value for key, value in environment.items() if re.search("PASSWORD|SECRET|TOKEN", key)}
    assert all(re.fullmatch(r"\$\{LAB_\w+:\?[^}]+\}", value) for value in secret.values()), secret


def test_the_passwords_are_neither_in_git_nor_in_an_image() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ".env" in ignored
    build_context = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert next(line for line in build_context if not line.startswith("#")) == "*"


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_every_image_can_be_built_on_another_base_by_an_old_engine(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lines[0] == "ARG BASE_IMAGE"
    sources = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", "\n".join(lines), re.MULTILINE)
    stages = {stage for _, stage in sources}
    assert all(source == "${BASE_IMAGE}" or source in stages for source, _ in sources)
    assert not [line for line in lines if re.match(r"(RUN|COPY) .*(--mount|--link|<<)", line)]


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
        given = {owner for owner in CONTROLLED if token_name(owner) in text}
        assert given == ({name} & set(CONTROLLED)), name


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


def test_the_official_model_server_takes_the_place_of_the_labs() -> None:
    model, publisher = FILES[1]["services"]["model"], FILES[1]["services"]["publisher"]
    named = model["build"]["args"]["BASE_IMAGE"]
    assert re.fullmatch(r"\$\{LAB_TENSORFLOW_SERVING_IMAGE:-tensorflow/serving:[\d.]+\}", named)
    assert (model["labels"]["lab.publisher"], publisher["labels"]["lab.publisher"]) == ("false", "true")
    assert publisher["volumes"] == SERVICES["model"]["volumes"]
    servers = [SERVICES["model"]["labels"]["lab.model-server"], model["labels"]["lab.model-server"]]
    assert servers == list(MODEL_SERVERS)
    dockerfile = dockerfile_of(model)
    (config,) = re.findall(r"--monitoring_config_file=(\S+)", " ".join(model["command"]))
    (path,) = re.findall(rf'path: "([^"]+)" .*>{re.escape(config)}', dockerfile)
    assert FILES[1]["services"]["collector"]["environment"]["MODEL_METRICS_URL"] == f"http://model:8501{path}"
    # Whichever container makes the volume, the publisher's user must own it.
    users = [re.findall(r"--uid (\d+)", dockerfile_of(publisher)), re.findall(r"^USER (\d+)$", dockerfile, re.M)]
    assert users[0] == users[1]
    assert f"install -d -o {users[1][0]} /models" in dockerfile


@pytest.mark.parametrize("by", ["files", "variable"])
def test_by_hand_both_files_are_named_to_compose_or_in_env(by: str, tmp_path: Path) -> None:
    """As docs/stack.md has it; .env is an env file like another."""
    (tmp_path / "env").write_text("".join(f"{name}={value}\n" for name, value in VARIABLES.items()), encoding="utf-8")
    files = f"{COMPOSE.name}:{OFFICIAL_MODEL.name}"
    document = (ROOT / "docs" / "stack.md").read_text(encoding="utf-8")
    assert f"COMPOSE_FILE={files}" in document
    assert f"-f {COMPOSE.name} -f {OFFICIAL_MODEL.name} up -d" in document
    with (tmp_path / "env").open("a", encoding="utf-8") as file:
        file.write(f"COMPOSE_FILE={files}\n" if by == "variable" else "")
    named = ["-f", COMPOSE.name, "-f", OFFICIAL_MODEL.name] if by == "files" else []
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "COMPOSE_"))}
    for command in compose_commands():
        shown = subprocess.run(
            [*command, "--env-file", str(tmp_path / "env"), *named, "config", "--services"],
            cwd=ROOT, env=env, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert shown.returncode == 0, shown.stderr
        assert "publisher" in shown.stdout.split()


def test_an_image_that_is_here_takes_the_place_of_the_public_one(tmp_path: Path) -> None:
    for loaded in load_with_compose(
        tmp_path, COMPOSE, OFFICIAL_MODEL, **VARIABLES, LAB_TENSORFLOW_SERVING_IMAGE="mirror/serving:1"
    ):
        model = yaml.safe_load(loaded.stdout)["services"]["model"]
        assert model["build"]["args"]["BASE_IMAGE"] == "mirror/serving:1"
        assert Path(model["build"]["context"]).name == "tensorflow-serving"


def test_alerts_are_those_of_the_topologys_objectives() -> None:
    groups = yaml.safe_load((OBSERVABILITY / "prometheus" / "rules.yml").read_text(encoding="utf-8"))["groups"]
    alerts = {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}
    records = {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    objectives = {slo.name: slo for slo in load_system("recommender").slos if f"slo:{slo.sli}" in records}
    assert set(alerts) == set(objectives)
    for name, slo in objectives.items():
        assert alerts[name]["expr"] == f"slo:{slo.sli} > {slo.above:g}"
        assert alerts[name]["for"] == f"{slo.for_s:g}s"


def test_dashboards_show_what_prometheus_scrapes_and_never_the_injected_faults() -> None:
    scraped = (OBSERVABILITY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    assert "links:" not in scraped
    dashboards = sorted((OBSERVABILITY / "grafana" / "dashboards").glob("*.json"))
    assert [path.stem for path in dashboards] == ["debug", "executive", "on-call"]
    for path in dashboards:
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        assert dashboard["uid"] == f"lab-{path.stem}"
        expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        assert expressions
        assert not [expression for expression in expressions if "links_" in expression]
