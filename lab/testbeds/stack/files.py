"""The compose files of a checkout: which make a system's stack, and what they declare together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lab.errors import Problem, UserError
from lab.testbeds.stack.options import LAB, SYSTEM, TENSORFLOW
from lab.testbeds.stack.secrets import PROJECT

FILE = "docker-compose.yml"
"""What the stacks of all systems have in common."""
OVERLAY = "docker-compose.tensorflow-serving.yml"


def checkout() -> Path:
    """The directory of the compose files; UserError outside of a checkout, as in an installed wheel."""
    top = Path(__file__).resolve().parents[3]
    if not (top / FILE).is_file():
        raise UserError(
            Problem(
                "the stack testbed needs a checkout of the project",
                expected=f"{FILE} and services/ beside the lab package",
                hint="clone the repository and install from there; the testbed sim needs neither it nor Docker",
            )
        )
    return top


def system_file(system: str) -> str:
    """The compose file of a system's own services."""
    return f"docker-compose.{system}.yml"


def files_of(system: str, model_server: str = LAB) -> tuple[str, ...]:
    """The compose files that make the stack of a system; of none ("") what all have in common."""
    return (FILE, *([system_file(system)] if system else []), *([OVERLAY] if model_server == TENSORFLOW else []))


def project_of(variables: Mapping[str, str], system: str) -> str:
    """The compose project of a system: the env file names that of the default one."""
    return variables[PROJECT] if system in ("", SYSTEM) else f"{variables[PROJECT]}-{system}"


def documents_of(directory: Path, system: str, model_server: str) -> list[dict[str, Any]]:
    """The compose files of a system's stack, read; UserError where this checkout has none of it."""
    try:
        texts = [(directory / file).read_text(encoding="utf-8") for file in files_of(system, model_server)]
    except FileNotFoundError as error:
        what = f"this checkout has no compose file for the services of {system!r}"
        raise UserError(Problem(what, str(error.filename), hint="the testbed sim runs any system")) from None
    return [yaml.safe_load(text) for text in texts]


def declared_services(directory: Path, system: str, model_server: str = LAB) -> dict[str, Any]:
    """The services without a profile, as the compose files of this checkout have them together."""
    services: dict[str, Any] = {}
    for document in documents_of(directory, system, model_server):
        services = _merged(services, document["services"])
    return {name: spec for name, spec in services.items() if "profiles" not in spec}


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """What Compose makes of a part that two files have: mappings are merged, all else is the second's."""
    common = first.keys() & second.keys()
    both = {
        k: _merged(first[k], second[k]) for k in common if isinstance(first[k], dict) and isinstance(second[k], dict)
    }
    return {**first, **second, **both}
