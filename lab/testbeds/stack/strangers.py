"""Name conflicts: parts of others on the engine that are in the way of a checkout's stack; never changed.

Compose would recreate a foreign container of its project, and adopt a foreign network or volume of the right name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.errors import NEXT_LINE, Problem, UserError
from lab.testbeds.stack.compose import OWNER_LABEL, PROJECT_LABEL, WORKING_DIRECTORY, Compose, name_of
from lab.testbeds.stack.files import FILE, documents_of
from lab.testbeds.stack.options import TENSORFLOW
from lab.testbeds.stack.secrets import is_same_directory

CONFIG_FILES = "com.docker.compose.project.config_files"
_OWNER_SHOWN = len(OWNER_LABEL) + 9


def refuse_strangers(compose: Compose) -> None:
    """UserError naming everything in the way, running or not, and older stacks of this very checkout."""
    problems = [*in_the_way(compose), *predecessors(compose)]
    if problems:
        raise UserError(problems)


def in_the_way(compose: Compose) -> list[Problem]:
    """What others have under this project's name, or under names that Compose would use: one problem, or none."""
    found = [*_containers(compose), *_networks(compose), *_volumes(compose)]
    if not found:
        return []
    return [
        Problem(
            "in the way of this checkout's stack, and not its own; none of it was touched",
            seen=NEXT_LINE.join(found),
            expected=f"nothing without its label ({compose.owner[:_OWNER_SHOWN]}…) in the project {compose.project!r}",
            hint="remove or rename it yourself, or give this checkout another COMPOSE_PROJECT_NAME in .env",
        )
    ]


def predecessors(compose: Compose) -> list[Problem]:
    """Stacks that came up from this directory under another id: before there were ids, or with a lost `.env`."""
    projects: dict[str, list[str]] = {}
    for container in compose.client.api.containers(all=True):
        labels = container["Labels"] or {}
        is_the_labs = FILE in [Path(name).name for name in labels.get(CONFIG_FILES, "").split(",")]
        project = labels.get(PROJECT_LABEL, "")
        is_from_here = is_same_directory(labels.get(WORKING_DIRECTORY, ""), compose.directory)
        if is_the_labs and is_from_here and project != compose.project and not compose.is_own(labels):
            projects.setdefault(project, []).append(_described(container))
    return [
        Problem(
            f"an older stack of this checkout is there, which .env knows nothing of: the Compose project {project!r}",
            seen=NEXT_LINE.join(found),
            expected=f"none but the project {compose.project!r}",
            hint=f"remove it and its data: {compose.program} -p {project} down --volumes --remove-orphans",
        )
        for project, found in sorted(projects.items())
    ]


def _containers(compose: Compose) -> Iterator[str]:
    names = {f"{compose.project}{mark}{name}{mark}1" for name in _declared(compose, "services") for mark in "_-"}
    for container in compose.client.api.containers(all=True):
        labels = container["Labels"] or {}
        if (name_of(container) in names or labels.get(PROJECT_LABEL) == compose.project) and not compose.is_own(labels):
            yield _described(container)


def _networks(compose: Compose) -> Iterator[str]:
    return _named(compose, "network", compose.client.api.networks())


def _volumes(compose: Compose) -> Iterator[str]:
    return _named(compose, "volume", compose.client.api.volumes()["Volumes"] or [])


def _named(compose: Compose, kind: str, parts: list[dict[str, Any]]) -> Iterator[str]:
    names = {f"{compose.project}_{name}" for name in _declared(compose, f"{kind}s")}
    for part in parts:
        labels = part["Labels"] or {}
        if (part["Name"] in names or labels.get(PROJECT_LABEL) == compose.project) and not compose.is_own(labels):
            yield f"{kind} {part['Name']} ({_whose(labels)})"


def _declared(compose: Compose, section: str) -> set[str]:
    """Names of what the compose files may make, profiles and the official model server included."""
    documents = documents_of(compose.directory, compose.system, TENSORFLOW)
    return {name for document in documents for name in document.get(section, {})}


def _described(container: Mapping[str, Any]) -> str:
    whose = _whose(container["Labels"] or {})
    return f"container {name_of(container)} ({container['State']}, image {container['Image']}, {whose})"


def _whose(labels: Mapping[str, str]) -> str:
    project = labels.get(PROJECT_LABEL)
    if project is None:
        return "made by hand"
    directory = labels.get(WORKING_DIRECTORY)
    return f"Compose project {project}{f' in {directory}' if directory else ''}"
