"""The compose files: they load in old and new Compose, say whose everything is, and build on any base."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.errors import UserError
from lab.systems.files import load_system
from lab.testbeds.stack.files import declared_services, project_of
from lab.testbeds.stack.options import MODEL_SERVERS, SYSTEM, TENSORFLOW
from lab.testbeds.stack.secrets import PROJECT
from tests.stack.compose_files import (
    FILES,
    OFFICIAL,
    OWN_FILES,
    OWN_PATHS,
    PATHS,
    REQUIRED,
    ROOT,
    SERVICES,
    SYSTEMS,
    VARIABLES,
    compose_commands,
    dockerfile_of,
    load_with_compose,
    run,
)

OBSERVABILITY = ROOT / "services" / "observability"
each_stack = pytest.mark.parametrize(
    "files",
    [*((PATHS[0], own) for own in OWN_PATHS.values()), *((PATHS[0], own, PATHS[2]) for own in OWN_PATHS.values())],
    ids=[*SYSTEMS, *(f"{system} with official model" for system in SYSTEMS)],
)
DOCKERFILES = sorted((ROOT / "services").rglob("Dockerfile"))


@each_stack
def test_loads_in_compose(files: tuple[Path, ...], tmp_path: Path) -> None:
    for loaded in load_with_compose(tmp_path, *files, **VARIABLES):
        assert loaded.returncode == 0, loaded.stderr
        assert {"prometheus", "grafana", "jaeger"} <= set(yaml.safe_load(loaded.stdout)["services"])


@pytest.mark.parametrize("path", [*PATHS, *OWN_PATHS.values()], ids=lambda path: path.name)
def test_follows_the_compose_specification(path: Path) -> None:
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema is not installed")
    checked = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path))
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("variable", ["LAB_CHECKOUT_ID", "LAB_DB_ADMIN_PASSWORD"])
def test_does_not_start_without_an_owner_and_passwords(variable: str, tmp_path: Path) -> None:
    others = {name: value for name, value in VARIABLES.items() if name != variable}
    for loaded in load_with_compose(tmp_path, *PATHS[:2], **others):
        assert loaded.returncode != 0
        assert variable in loaded.stderr


@pytest.mark.parametrize("variable", REQUIRED)
def test_every_use_of_an_owner_or_a_password_requires_it(variable: str) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (PATHS[0], *OWN_PATHS.values()))
    uses = re.findall(rf"\$\{{?{variable}\b(.{{2}})", text)
    assert set(uses) == {":?"}


@each_stack
def test_everything_carries_the_checkouts_id_and_images_its_projects_name(
    files: tuple[Path, ...], tmp_path: Path
) -> None:
    for loaded in load_with_compose(tmp_path, *files, **VARIABLES):
        config = yaml.safe_load(loaded.stdout)
        parts = [part for kind in ("services", "networks", "volumes") for part in config[kind].values()]
        assert [part for part in parts if part["labels"]["lab.checkout"] != "d"] == []
        built = [service["image"] for service in config["services"].values() if "build" in service]
        assert [image for image in built if not image.startswith("p-")] == []


@each_stack
def test_one_image_is_built_by_one_service_and_the_others_come_after_it(files: tuple[Path, ...]) -> None:
    services: dict[str, dict[str, Any]] = {}
    for file in (yaml.safe_load(path.read_text(encoding="utf-8")) for path in files):
        for name, service in file["services"].items():
            services[name] = services.get(name, {}) | service
    builders = [service["image"] for service in services.values() if "build" in service]
    assert len(set(builders)) == len(builders)
    by_image = {service["image"]: name for name, service in services.items() if "build" in service}
    for service in services.values():
        builder = by_image.get(service["image"])
        assert service is services.get(builder or "") or builder is None or builder in service["depends_on"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_services_of_every_file_share_what_confines_them(system: str) -> None:
    """Anchors do not cross files: what a system's file repeats of the common one is the same."""
    own = OWN_FILES[system]
    for key in FILES[0].keys() & own.keys() - {"services", "x-secrets"}:
        assert FILES[0][key] == own[key], key


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_s_file_only_adds_to_the_common_services(system: str) -> None:
    """Their images, limits and networks are common; what they are told of the system is its own."""
    told, own = {"environment", "ports"}, OWN_FILES[system]["services"]
    for name in FILES[0]["services"].keys() & own.keys():
        assert own[name].keys() <= told, name


def test_what_the_lab_reads_is_what_compose_makes_of_the_files(tmp_path: Path) -> None:
    services = declared_services(ROOT, SYSTEM, TENSORFLOW)
    for loaded in load_with_compose(tmp_path, *PATHS, **VARIABLES):
        config = yaml.safe_load(loaded.stdout)["services"]
        assert services.keys() == {name for name, service in config.items() if "profiles" not in service}
        for name, service in services.items():
            assert service.get("environment", {}).keys() == (config[name].get("environment") or {}).keys()
            assert service["cpu_quota"] == config[name]["cpu_quota"]


def test_projects_of_systems_do_not_collide() -> None:
    variables = {PROJECT: "mine"}
    assert project_of(variables, SYSTEM) == project_of(variables, "") == "mine"
    assert project_of(variables, "fraud") == "mine-fraud"


def test_a_system_without_a_compose_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no compose file for the services of 'fraud'"):
        declared_services(tmp_path, "fraud")


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


def test_the_official_model_server_takes_the_place_of_the_labs() -> None:
    model, publisher = OFFICIAL["model"], OFFICIAL["publisher"]
    named = model["build"]["args"]["BASE_IMAGE"]
    assert re.fullmatch(r"\$\{LAB_TENSORFLOW_SERVING_IMAGE:-tensorflow/serving:[\d.]+\}", named)
    assert (model["labels"]["lab.publisher"], publisher["labels"]["lab.publisher"]) == ("false", "true")
    assert publisher["volumes"] == SERVICES["model"]["volumes"]
    servers = [SERVICES["model"]["labels"]["lab.model-server"], model["labels"]["lab.model-server"]]
    assert servers == list(MODEL_SERVERS)
    dockerfile = dockerfile_of(model)
    (config,) = re.findall(r"--monitoring_config_file=(\S+)", " ".join(model["command"]))
    (path,) = re.findall(rf'path: "([^"]+)" .*>{re.escape(config)}', dockerfile)
    assert OFFICIAL["collector"]["environment"]["MODEL_METRICS_URL"] == f"http://model:8501{path}"
    # Whichever container makes the volume, the publisher's user must own it.
    users = [re.findall(r"--uid (\d+)", dockerfile_of(publisher)), re.findall(r"^USER (\d+)$", dockerfile, re.M)]
    assert users[0] == users[1]
    assert f"install -d -o {users[1][0]} /models" in dockerfile


@pytest.mark.parametrize("by", ["files", "variable"])
def test_by_hand_all_files_are_named_to_compose_or_in_env(by: str, tmp_path: Path) -> None:
    """As docs/stack.md has it; .env is an env file like another."""
    (tmp_path / "env").write_text("".join(f"{name}={value}\n" for name, value in VARIABLES.items()), encoding="utf-8")
    names = [path.name for path in PATHS]
    files = ":".join(names)
    document = (ROOT / "docs" / "stack.md").read_text(encoding="utf-8")
    assert f"COMPOSE_FILE={files}" in document
    assert f"{' '.join(f'-f {name}' for name in names)} up -d" in document
    with (tmp_path / "env").open("a", encoding="utf-8") as file:
        file.write(f"COMPOSE_FILE={files}\n" if by == "variable" else "")
    named = [word for name in names for word in ("-f", name)] if by == "files" else []
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "COMPOSE_"))}
    for command in compose_commands():
        shown = subprocess.run(
            [*command, "--env-file", str(tmp_path / "env"), *named, "config", "--services"],
            cwd=ROOT, env=env, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert shown.returncode == 0, shown.stderr
        assert "publisher" in shown.stdout.split()


def test_an_image_that_is_here_takes_the_place_of_the_public_one(tmp_path: Path) -> None:
    for loaded in load_with_compose(tmp_path, *PATHS, **VARIABLES, LAB_TENSORFLOW_SERVING_IMAGE="mirror/serving:1"):
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
