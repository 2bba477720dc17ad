"""The lab touches what its checkout owns, on the real engine; all else stays, and is named where it is in the way.

The checkouts here are small ones: directories with an `.env` of their own, and a compose file of sleeping containers.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.errors import UserError
from lab.testbeds.stack.belongings import NOTHING, Belongings, belongings, take_down
from lab.testbeds.stack.compose import Compose
from lab.testbeds.stack.files import FILE, OVERLAY, system_file
from lab.testbeds.stack.options import SYSTEM
from lab.testbeds.stack.secrets import ensure_env
from lab.testbeds.stack.session import MADE_BASE_IMAGE
from lab.testbeds.stack.strangers import in_the_way, predecessors, refuse_strangers
from tests.stack.checkouts import at, copy_checkout, run_lab
from tests.stack.conftest import give_up

pytestmark = pytest.mark.stack

SLEEPER = """
x-owned: &owned {{lab.checkout: "${{LAB_CHECKOUT_ID:?}}"}}
x-sleeper: &sleeper {{image: {image}, command: [sleep, infinity], init: true, stop_grace_period: 1s, labels: *owned}}
services:
  db: {{<<: *sleeper, volumes: ["db-data:/data"], networks: [callers]}}
  load: {{<<: *sleeper, networks: [callers]}}
  prometheus: {{<<: *sleeper, networks: [callers], profiles: [observability]}}
networks: {{callers: {{labels: *owned}}}}
volumes: {{db-data: {{labels: *owned}}}}
"""
DATA = "/data/precious"
UNTOUCHED_BY = [
    ("stack", "up"),
    ("stack", "down", "--volumes"),
    ("stack", "logs"),
    ("run", "recommender/control-quiet", "--testbed", "stack", "--time-scale", "5"),
]
"""Commands that refuse to go on; the others see nothing of what is not the lab's."""


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    docker = pytest.importorskip("docker")
    try:
        found = docker.from_env()
        found.ping()
    except docker.errors.DockerException as error:
        give_up(f"no Docker engine answers: {error}")
    yield found
    found.close()


@pytest.fixture(scope="module")
def image(client: Any) -> str:
    """Some image with `sleep`."""
    name = os.environ.get("LAB_BASE_IMAGE") or MADE_BASE_IMAGE
    if not client.images.list(name=name):
        name = "debian:bookworm-slim"
        client.images.pull(name)
    return name


@pytest.fixture
def small(tmp_path: Path, image: str) -> Iterator[Compose]:
    """A small checkout, whose stack is down."""
    checkout = Compose(*small_checkout(tmp_path / "checkout", image))
    yield checkout
    take_down(checkout, NOTHING)


def small_checkout(directory: Path, image: str) -> tuple[Path, dict[str, str]]:
    directory.mkdir()
    (directory / FILE).write_text(SLEEPER.format(image=image), encoding="utf-8")
    for file in (OVERLAY, system_file(SYSTEM)):
        # With a service: docker-compose 1.29 takes a file without any for one of its first version.
        (directory / file).write_text("services: {load: {hostname: load}}\n", encoding="utf-8")
    return directory, ensure_env(directory / ".env")


def by_hand(checkout: Compose, *arguments: str) -> str:
    """What a person's `docker compose` in the checkout says, without any variable in the shell."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COMPOSE_", "LAB_"))}
    command = [*checkout.program.split(), *arguments]
    done = subprocess.run(command, cwd=checkout.directory, env=env, check=True, capture_output=True, text=True)
    return done.stdout


@dataclass
class Stranger:
    """Somebody's compose project, of the same name and with the same names of services, volumes and networks."""

    client: Any
    project: str
    containers: list[Any]
    volume: Any
    network: Any

    @classmethod
    def make(cls, client: Any, image: str, project: str, *, is_running: bool) -> Stranger:
        labels = {"com.docker.compose.project": project, "com.docker.compose.oneoff": "False"}
        labels["com.docker.compose.project.working_dir"] = "/srv/victim"
        volume = client.volumes.create(f"{project}_db-data", labels=labels)
        network = client.networks.create(f"{project}_callers", labels=labels)
        stranger = cls(client, project, [], volume, network)
        for service, mark in (("db", "_"), ("load", "-")):  # as Compose v1 names it, and v2
            container = client.containers.run(
                image, ["sleep", "infinity"], name=f"{project}{mark}{service}{mark}1", detach=True, init=True,
                network=network.name, volumes={volume.name: {"bind": "/data", "mode": "rw"}},
                labels=labels | {"com.docker.compose.service": service},
            )  # fmt: skip
            stranger.containers.append(container)
        write(stranger.containers[0], "precious", b"years of work")
        if not is_running:
            for container in stranger.containers:
                container.kill()
                container.wait()
        return stranger

    def look(self) -> list[Any]:
        """All that a command could have changed: who, in which state, since when, and the data."""
        for part in (*self.containers, self.volume, self.network):
            part.reload()
        states = [(c.id, c.attrs["State"], sorted(c.attrs["NetworkSettings"]["Networks"])) for c in self.containers]
        return [*states, self.volume.attrs, self.network.id, read(self.containers[0])]

    def names(self) -> list[str]:
        return [*(container.name for container in self.containers), self.volume.name, self.network.name]

    def remove(self) -> None:
        for container in self.containers:
            container.remove(force=True)
        self.network.remove()
        self.volume.remove()


def write(container: Any, name: str, content: bytes) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    container.put_archive("/data", archive.getvalue())


def read(container: Any) -> bytes:
    """The precious file, of a stopped container too."""
    chunks, _ = container.get_archive(DATA)
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        file = tar.extractfile("precious")
        assert file is not None
        return file.read()


class TestStranger:
    @pytest.fixture(params=[True, pytest.param(False, marks=pytest.mark.slow)], ids=["running", "stopped"])
    def stranger(self, request: pytest.FixtureRequest, client: Any, image: str, tmp_path: Path) -> Iterator[Stranger]:
        project = f"victim-{os.getpid()}"
        found = Stranger.make(client, image, project, is_running=request.param)
        yield found
        found.remove()

    def test_of_the_same_project_is_named_and_untouched_by_every_command(
        self, stranger: Stranger, tmp_path: Path
    ) -> None:
        checkout = copy_checkout(tmp_path / "checkout")
        (checkout / ".env").write_text(f"COMPOSE_PROJECT_NAME={stranger.project}\n", encoding="utf-8")
        before = stranger.look()
        for command in UNTOUCHED_BY:
            done = run_lab(checkout, *command)
            assert done.returncode == 2, (command, done)
            assert all(name in done.stderr for name in stranger.names()), (command, done.stderr)
            assert "/srv/victim" in done.stderr
            assert "Traceback" not in done.stderr
            assert stranger.look() == before, command
        asked = [run_lab(checkout, *words) for words in (("recover",), ("stack", "abort"), ("stack", "status"))]
        assert [done.returncode for done in asked] == [0, 0, 1], asked
        status = asked[-1]
        assert all(name in status.stderr for name in stranger.names())
        assert "healthy" not in status.stdout
        assert stranger.look() == before

    def test_named_in_the_shell_is_none_of_the_labs_business(
        self, stranger: Stranger, small: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COMPOSE_PROJECT_NAME", stranger.project)
        monkeypatch.setenv("COMPOSE_FILE", "/srv/victim/docker-compose.yml")
        monkeypatch.setenv("LAB_CHECKOUT_ID", "0" * 32)
        before = stranger.look()
        at(small.directory).run("up", "-d")
        assert set(small.containers()) == {"db", "load"}
        done = run_lab(copy_checkout(tmp_path / "other"), "stack", "down", "--volumes")
        assert done.returncode == 0, done.stderr
        take_down(at(small.directory), NOTHING)
        assert not belongings(small)
        assert stranger.look() == before


def test_each_thing_in_the_way_is_named(small: Compose, client: Any, image: str) -> None:
    """Made by hand, without any label, under a name that Compose would take for its own."""
    named = f"{small.project}-prometheus-1"
    container = client.containers.create(image, ["sleep", "infinity"], name=named)
    network = client.networks.create(f"{small.project}_callers")
    volume = client.volumes.create(f"{small.project}_db-data")
    try:
        (problem,) = in_the_way(small)
        assert f"container {named} (created, image {image}, made by hand)" in problem.seen
        assert f"network {network.name} (made by hand)" in problem.seen
        assert f"volume {volume.name} (made by hand)" in problem.seen
    finally:
        container.remove()
        network.remove()
        volume.remove()
    refuse_strangers(small)


def test_by_hand_acts_on_the_same_project_as_the_lab(small: Compose) -> None:
    by_hand(small, "up", "-d")
    assert set(small.containers()) == {"db", "load"}
    assert small.containers()["db"].name in by_hand(small, "ps")
    take_down(small, NOTHING)
    small.run("up", "-d")
    by_hand(small, "down", "--volumes")
    assert not belongings(small)


def test_down_takes_all_of_the_checkouts_and_keeps_the_data_unless_asked(small: Compose) -> None:
    by_hand(small, "--profile", "observability", "up", "-d")
    by_hand(small, "run", "-d", "load")
    elsewhere = f"{small.project}-else"
    by_hand(small, "-p", elsewhere, "up", "-d", "load")
    small.container("db").pause()
    write(small.container("db"), "precious", b"data")
    had = belongings(small)
    assert (len(had.containers), len(had.networks)) == (5, 2)
    take_down(small, Belongings({}, frozenset(), had.volumes))
    assert had.volumes == {f"{small.project}_db-data", f"{elsewhere}_db-data"}
    assert belongings(small) == Belongings({}, frozenset(), frozenset({f"{small.project}_db-data"}))
    by_hand(small, "-p", elsewhere, "down", "--volumes")  # without containers nobody knows whose that data is
    small.run("up", "-d")
    assert read(small.container("db")) == b"data"


def test_what_was_there_before_stays_as_it_was(small: Compose) -> None:
    by_hand(small, "--profile", "observability", "up", "-d", "db", "prometheus")
    write(small.container("db"), "precious", b"data")
    by_hand(small, "stop", "db")
    before = belongings(small)
    small.run("up", "-d")
    assert {c.status for c in small.containers().values()} == {"running"}
    take_down(small, before, small.services)
    assert belongings(small) == before
    assert {name: c.status for name, c in small.containers().items()} == {"db": "exited", "prometheus": "running"}
    assert read(small.container("db")) == b"data"


def test_what_others_brought_up_meanwhile_is_not_taken_down_with_a_run(small: Compose) -> None:
    small.run("up", "-d")
    by_hand(small, "--profile", "observability", "up", "-d", "prometheus")
    take_down(small, NOTHING, small.services)
    left = belongings(small)
    assert {name: c.status for name, c in small.containers().items()} == {"prometheus": "running"}
    assert (len(left.networks), left.volumes) == (1, frozenset())


def test_what_uses_the_checkouts_network_or_data_is_named_and_stays(small: Compose, client: Any, image: str) -> None:
    small.run("up", "-d")
    network, volume = f"{small.project}_callers", f"{small.project}_db-data"
    guest = client.containers.run(
        image, ["sleep", "infinity"], name=f"guest-of-{small.project}", detach=True, init=True, network=network,
        volumes={volume: {"bind": "/data", "mode": "ro"}},
    )  # fmt: skip
    try:
        with pytest.raises(UserError) as refused:
            take_down(small, NOTHING)
        assert f"network {network}: used by {guest.name}" in str(refused.value)
        assert f"volume {volume}: used by {guest.name}" in str(refused.value)
        assert small.containers() == {}
        guest.reload()
        assert guest.status == "running"
    finally:
        guest.remove(force=True)


class TestCheckout:
    def test_a_copy_gets_a_stack_of_its_own_and_both_can_be_up(self, small: Compose, tmp_path: Path) -> None:
        small.run("up", "-d")
        before = {name: c.id for name, c in small.containers().items()}
        shutil.copytree(small.directory, tmp_path / "copy")
        copy = at(tmp_path / "copy")
        try:
            assert copy.project != small.project
            assert not belongings(copy)
            copy.run("up", "-d")
            assert set(copy.containers()) == {"db", "load"}
        finally:
            take_down(copy, NOTHING)
        assert {name: c.id for name, c in at(small.directory).containers().items()} == before

    def test_a_copy_brought_up_by_hand_is_not_taken_for_the_original(self, small: Compose, tmp_path: Path) -> None:
        shutil.copytree(small.directory, tmp_path / "copy")
        copy = Compose(tmp_path / "copy", small.variables)
        by_hand(copy, "up", "-d")
        try:
            assert small.containers() == {}
            with pytest.raises(UserError, match=str(copy.directory)):
                refuse_strangers(small)
        finally:
            by_hand(copy, "down", "--volumes")

    def test_a_copys_network_and_data_under_another_project_are_not_the_originals(
        self, small: Compose, tmp_path: Path, client: Any
    ) -> None:
        """The copy's `.env` got another project by hand, and kept the id."""
        shutil.copytree(small.directory, tmp_path / "copy")
        copy = Compose(tmp_path / "copy", small.variables | {"COMPOSE_PROJECT_NAME": f"{small.project}-copy"})
        (copy.directory / ".env").write_text(
            "".join(f"{name}={value}\n" for name, value in copy.variables.items()), encoding="utf-8"
        )
        by_hand(copy, "up", "-d", "db")
        write(client.containers.get(by_hand(copy, "ps", "-q", "db").strip()), "precious", b"data")
        try:
            by_hand(copy, "stop", "-t", "1")
            take_down(small, NOTHING)
            assert client.networks.list(names=[f"{copy.project}_callers"]), "its containers still want it"
            by_hand(copy, "down")
            take_down(small, NOTHING)
            assert client.volumes.get(f"{copy.project}_db-data")
            assert not belongings(small)
        finally:
            by_hand(copy, "down", "--volumes")

    def test_a_moved_one_still_owns_its_stack(self, small: Compose, tmp_path: Path) -> None:
        small.run("up", "-d")
        small.directory.rename(tmp_path / "moved")
        moved = at(tmp_path / "moved")
        refuse_strangers(moved)
        assert set(moved.containers()) == {"db", "load"}
        take_down(moved, NOTHING)
        assert not belongings(moved)

    @pytest.mark.parametrize("since", ["its .env was lost", "there were no ids"])
    def test_an_older_stack_is_named_with_a_command_that_removes_it(self, small: Compose, since: str) -> None:
        if since == "there were no ids":
            labelled = (small.directory / FILE).read_text(encoding="utf-8")
            (small.directory / FILE).write_text(labelled.replace("lab.checkout:", "other:"), encoding="utf-8")
        by_hand(small, "up", "-d")
        if since == "there were no ids":
            (small.directory / FILE).write_text(labelled, encoding="utf-8")
        (small.directory / ".env").unlink()
        now = at(small.directory)
        with pytest.raises(UserError, match=small.project):
            refuse_strangers(now)
        (problem,) = predecessors(now)
        command = problem.hint.partition(": ")[2].removeprefix(f"{now.program} ")
        by_hand(now, *command.split())
        refuse_strangers(now)
        assert not belongings(small)
