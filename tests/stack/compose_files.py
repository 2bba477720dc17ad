"""The compose files as they are written, and as every Compose there is reads them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.content.stack import parts
from lab.testbeds.stack.files import files_of
from lab.testbeds.stack.options import SYSTEM, TENSORFLOW
from lab.testbeds.stack.secrets import NAMES

ROOT = Path(__file__).resolve().parents[2]
COMMON, SYSTEM_S, OFFICIAL_MODEL = PATHS = tuple(ROOT / name for name in files_of(SYSTEM, TENSORFLOW))
"""What all systems have in common, the recommender's own, and the other model server."""
FILES: list[dict[str, Any]] = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in PATHS]
OFFICIAL: dict[str, dict[str, Any]] = FILES[2]["services"]


def merged(first: Any, second: Any) -> Any:
    """As Compose merges files: mappings, lists of ports and the like; what the second says counts."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {**first, **second, **{name: merged(first[name], second[name]) for name in first.keys() & second.keys()}}
    return first + second if isinstance(first, list) and isinstance(second, list) else second


SYSTEMS = tuple(parts())
"""Those that have services."""
OWN_PATHS = {system: ROOT / files_of(system)[1] for system in SYSTEMS}
OWN_FILES: dict[str, dict[str, Any]] = {
    system: yaml.safe_load(path.read_text(encoding="utf-8")) for system, path in OWN_PATHS.items()
}


def services_of(system: str) -> dict[str, dict[str, Any]]:
    """The services of a system's stack, with the official model server's under names of their own."""
    services: dict[str, dict[str, Any]] = merged(FILES[0]["services"], OWN_FILES[system]["services"])
    # The third file's model has only what differs.
    return services | {"publisher": OFFICIAL["publisher"], "official model": services["model"] | OFFICIAL["model"]}


SERVICES_OF = {system: services_of(system) for system in SYSTEMS}
SERVICES = SERVICES_OF[SYSTEM]
SECRETS = {name: name.lower() for name in NAMES}
# Without a project name Compose v2 takes the directory's.
REQUIRED = {**SECRETS, "LAB_CHECKOUT_ID": "d"}
VARIABLES = {**REQUIRED, "COMPOSE_PROJECT_NAME": "p"}


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
