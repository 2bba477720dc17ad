"""The progress of a build on a real engine: what is done is told once, what is there is not, a failure says why."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.testbeds.stack.build import build_images
from lab.testbeds.stack.compose import Compose, StackError
from lab.testbeds.stack.secrets import OWN
from lab.testbeds.stack.session import Session

pytestmark = pytest.mark.stack

PROJECT = "COMPOSE_PROJECT_NAME"


@pytest.fixture
def project(stack: Session, tmp_path: Path) -> Iterator[Compose]:
    """A project of one image, which is built on one of the stack's; its steps have the project's name in them."""
    name = f"{stack.compose.project}-build-{uuid.uuid4().hex[:8]}"
    (tmp_path / "docker-compose.yml").write_text(f"services: {{one: {{image: {name}, build: .}}}}\n")
    base = stack.compose.container("cache").attrs["Config"]["Image"]
    (tmp_path / "Dockerfile").write_text(f"FROM {base}\nRUN echo {name}\n")
    yield Compose(tmp_path, dict.fromkeys(OWN, "x") | {PROJECT: name})
    images = stack.compose.client.images
    unnamed = [image for image in images.list(filters={"dangling": True}) if name in str(image.attrs)]
    for image in [*images.list(name=name), *unnamed]:
        images.remove(image.id, force=True)


def steps_of(project: Compose) -> list[str]:
    lines: list[str] = []
    build_images(project, project.directory / "build.log", lines.append)
    return [line.partition(" s  ")[2] for line in lines]


def test_steps_are_reported_when_they_are_done_and_never_again(project: Compose) -> None:
    first = steps_of(project)
    assert sum("RUN echo" in step for step in first) == 1, first
    assert first[-1] == "all images are built"
    assert steps_of(project) == []


def test_a_step_that_fails_is_reported_with_its_output_and_leaves_no_container(project: Compose) -> None:
    with (project.directory / "Dockerfile").open("a") as file:
        file.write(f"RUN echo {project.project} is broken; exit 3\n")
    with pytest.raises(StackError, match=r"is broken[\s\S]*build\.log"):
        steps_of(project)
    every = project.client.containers.list(all=True, ignore_removed=True)
    assert not [container.name for container in every if project.project in str(container.attrs["Config"]["Cmd"])]


def test_the_first_versions_are_published_once(stack: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[int] = []
    keep_up_to = stack.levers.versions.keep_up_to

    def counted(version: int) -> int:
        published.append(version)
        return keep_up_to(version)

    monkeypatch.setattr(stack.levers.versions, "keep_up_to", counted)
    assert stack.up(build=False, anew=True)
    assert len(published) == 1
    assert stack.levers.versions.served() == published[0]
