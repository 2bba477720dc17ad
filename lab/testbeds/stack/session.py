"""A lab's session on the stack: compose project, passwords, journal, levers, and the clock of a run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from lab.content.stack import Trained, needed
from lab.errors import LabError, NotRevertedError
from lab.injection.levers import Recipe, Undo
from lab.systems.topology import System
from lab.testbeds.stack import recovery
from lab.testbeds.stack.belongings import Belongings, belongings, take_down
from lab.testbeds.stack.build import ShowLine, build_images, to_stderr
from lab.testbeds.stack.compose import Compose, StackError
from lab.testbeds.stack.files import checkout, declared_services
from lab.testbeds.stack.journal import Journal, check_directory
from lab.testbeds.stack.levers import StackLevers
from lab.testbeds.stack.lock import stack_lock, state_directory
from lab.testbeds.stack.options import LAB, TENSORFLOW
from lab.testbeds.stack.secrets import FILE as ENV_FILE
from lab.testbeds.stack.secrets import ensure_env, set_variables, token_name
from lab.testbeds.stack.strangers import refuse_strangers
from lab.testbeds.stack.testbed import StackTestbed, uninterrupted

BASE_IMAGE = "LAB_BASE_IMAGE"
SERVING_IMAGE = "LAB_TENSORFLOW_SERVING_IMAGE"
MADE_BASE_IMAGE = "chaos-lab-base:bookworm"
BUILD_LOG = "build.log"
_PUT_FILE = 'printf %s "$TEXT" >"$FILE.tmp"; mv "$FILE.tmp" "$FILE"'


class Session:
    """One lab process at the stack of a system. UserError where the system's world has no services for it."""

    def __init__(self, system: System) -> None:
        top = checkout()
        world, self.part = needed(system)
        self.first_versions = world.model_versions
        self.system = system
        name = self.part.system
        self.state = state_directory(top, name)
        check_directory(self.state)
        self.lock = stack_lock(name)
        self.passwords = ensure_env(top / ENV_FILE)
        self.compose = Compose(top, self.passwords, name)
        self.journal = Journal(self.state)
        self.start_unix_s = time.time()
        self.time_scale = 1.0
        self.versions: list[Trained] = []
        self.levers = StackLevers(self.compose, self.passwords, self.train, lambda: self.now_s, system, self.part)
        self.testbed = StackTestbed(system, self.levers, self.journal, lambda: self.now_s)

    @property
    def now_s(self) -> float:
        """Scenario seconds of the run under way."""
        return self.scenario_s(time.time())

    def scenario_s(self, unix_s: float) -> float:
        """Scenario seconds of a Unix time."""
        return (unix_s - self.start_unix_s) * self.time_scale

    def token(self, service: str) -> str:
        """What the control endpoints of a service want."""
        return self.passwords[token_name(service)]

    def train(self, recipe: Recipe) -> dict[str, Any]:
        """Trains the next version by a recipe and returns its registry entry."""
        version = len(self.versions) + 1
        self.versions.append(self.part.train(self.system, version, recipe))
        return self.versions[-1].registry_entry(version)

    def pretrain(self, recipes: list[Recipe]) -> None:
        """Trains, into the content cache, the versions that will be deployed in this order.

        Training in the middle of a run would take CPU from the very system that is watched.
        """
        kept = list(self.versions)
        for recipe in recipes:
            self.train(recipe)
        self.versions = kept

    def up(
        self,
        *,
        build: bool = True,
        anew: bool = False,
        load_workers: int = 1,
        model_server: str = "",
        tick: Callable[[dict[str, str]], None] | None = None,
        show_line: ShowLine = to_stderr,
    ) -> bool:
        """Brings the stack up unless it is healthy already; True when it had to.

        `anew` asks compose in any case, so that changed images and settings take effect. `model_server` is one of
        MODEL_SERVERS; empty for the one that runs, or else the lab's own. `say` gets the build's
        steps.
        """
        refuse_strangers(self.compose)
        running = self.compose.running_model_server()
        self.compose.model_server = model_server or running or LAB
        is_as_asked = self.compose.model_server == running and self.compose.is_healthy()
        if not anew and is_as_asked and self.load_workers() == load_workers:
            return False
        self._choose_base_image()
        environment = {"LAB_LOAD_WORKERS": str(load_workers)}
        with self.lock.held():
            try:
                if build:
                    self.lock.show_activity(phase="building images")
                    build_images(self.compose, self.state / BUILD_LOG, show_line)
                    refuse_strangers(self.compose)  # a build takes minutes
                self.lock.show_activity(phase="starting containers")
                self.compose.resume()
                self.compose.run("up", "-d", *(["--no-build"] if build else []), environment=environment)
            except StackError as error:
                raise StackError(f"{error}{self._hint()}") from None
            self._remove_publisher()
            # What a killed lab left may keep a service from its health; who does not answer yet is asked again below.
            with suppress(NotRevertedError, StackError):
                self.recover()
            if "model" in self.compose.services:
                self._publish_first(tick)
            self.lock.show_activity(phase="waiting until the stack is healthy")
            self.compose.await_health(tick=tick)
            self.recover()
            self.put_files()
        return True

    def put_files(self) -> None:
        """Gives services the files of their configuration that the system and its world say."""
        for service, files in self.part.files(self.system).items():
            for path, text in files.items():
                self.compose.execute(service, ["sh", "-ec", _PUT_FILE], {"FILE": path, "TEXT": text})

    def _hint(self) -> str:
        """What else may be the matter where Compose failed."""
        named = os.environ.get(SERVING_IMAGE) or self.passwords.get(SERVING_IMAGE, "")
        if self.compose.model_server != TENSORFLOW or (named and self.compose.client.images.list(name=named)):
            return ""
        return f"""
  if the image {named or "tensorflow/serving"} cannot be pulled here: load it from elsewhere (docker save,
  docker load), or set {SERVING_IMAGE} to the name of one that is here"""

    def _remove_publisher(self) -> None:
        """Beside the lab's own model server, which publishes itself, the other's publisher is in the way."""
        left = set(self.compose.containers()) & self._of_either_server()
        for service in left - set(self.compose.services):
            self.compose.container(service).remove(force=True)

    def _of_either_server(self) -> set[str]:
        """The services of the stack with either model server."""
        return set(declared_services(self.compose.directory, self.compose.system, TENSORFLOW))

    def load_workers(self) -> int:
        """How many workers the load's container has; 0 where there is none."""
        load = self.compose.containers().get("load")
        command = (load.attrs["Config"]["Cmd"] or []) if load is not None else []
        return int(command[command.index("--processes") + 1]) if "--processes" in command else 0

    def down(self, *, volumes: bool) -> None:
        """Stops and removes all that this checkout has on the engine; the data too with `volumes`."""
        kept = belongings(self.compose).volumes if not volumes else frozenset()
        self._take_down(Belongings({}, frozenset(), kept), for_good=volumes)

    def go_back_to(self, before: Belongings, model_server: str = "", load_workers: int = 0) -> None:
        """Takes down what `up` made beyond what was there before, and stops what it started.

        `model_server` and `load_workers` are those that were there: where others took their place, their containers
        have to come up anew. Empty and 0 where there were none. What is gone was removed on purpose, and stays removed.
        """
        services = self._of_either_server()
        try:
            is_another = bool(model_server) and self.compose.running_model_server() not in ("", model_server)
            if is_another or (load_workers and self.load_workers() not in (0, load_workers)):
                self.up(build=False, model_server=model_server, load_workers=load_workers or 1)
        finally:
            self._take_down(before, services)

    def _take_down(self, left: Belongings, services: Collection[str] = (), *, for_good: bool = False) -> None:
        """`for_good`: everything is to be deleted, even if nothing is found any more."""
        had = for_good or belongings(self.compose)
        with uninterrupted():
            take_down(self.compose, left, services)
            if had and not belongings(self.compose):
                recovery.forget(self)  # what journals would put back does not exist any more

    def _choose_base_image(self) -> None:
        """Notes the base image made by `make base-image` in `.env`, where there is one and no other is asked for.

        Builds by hand then find it too.
        """
        asked = os.environ.get(BASE_IMAGE) or self.passwords.get(BASE_IMAGE)
        if not asked and self.compose.client.images.list(name=MADE_BASE_IMAGE):
            set_variables(self.compose.directory / ENV_FILE, {BASE_IMAGE: MADE_BASE_IMAGE})

    def _publish_first(self, tick: Callable[[dict[str, str]], None] | None) -> None:
        """A model server without any version is not healthy: the first ones are published as soon as that can be."""
        for _ in range(120):
            if self.compose.container(self.compose.publisher()).status == "running":
                break
            time.sleep(0.5)
        self.publish_first_versions()
        self.levers.versions.await_answer()
        self._await_first_versions()

    def lacks_versions(self) -> bool:
        """Whether the model server runs and has nothing to serve, as after `docker compose up` by hand."""
        model = self.compose.containers().get("model")
        if model is None or model.status != "running":
            return False
        try:
            return self.levers.versions.on_disk() == [] or self.levers.versions.served() == 0
        except LabError:  # it does not answer: then something else is wrong with it
            return False

    def reset_versions(self) -> None:
        """Leaves the first versions on disk, and the last of them served."""
        self.publish_first_versions()
        self._await_first_versions()

    def _await_first_versions(self) -> None:
        self.levers.versions.await_served(self.first_versions)

    def publish_first_versions(self) -> None:
        """Leaves the first versions on disk, whether they are served or not."""
        self.versions = []
        self.levers.versions.bring_back()
        latest = self.levers.versions.keep_up_to(self.first_versions)
        for version in range(1, self.first_versions + 1):
            entry = self.train({})
            if version > latest:
                self.levers.versions.push(entry)

    def recover(self) -> list[Undo]:
        """Restores what earlier processes left, and returns it. NotRevertedError names what could not be."""
        return recovery.recover(self)
