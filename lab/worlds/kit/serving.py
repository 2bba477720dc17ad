"""The model of a world: its versions, and which of them answer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Generic, TypeVar

from lab.content.protocol import GateState, PlaneState, WorldContext
from lab.injection.levers import ModelCanary, ModelDeploy, Recipe

Model = TypeVar("Model")


class ServedModel(Generic[Model]):
    """Versions of a model from 1 on, and the gate of the request plane that says which of them answer.

    component: of the model server. gate: its name in the world's layout. train: makes the version of a number, by a
    recipe.
    """

    def __init__(self, component: str, gate: str, train: Callable[[int, Recipe], Model], first_versions: int) -> None:
        self.component = component
        self._gate_name = gate
        self._train = train
        self.versions = [train(number, {}) for number in range(1, first_versions + 1)]

    def bind(self, context: WorldContext, state: PlaneState) -> None:
        """The last of the first versions answers."""
        self._context, self._state = context, state
        self._gate.version_a = len(self.versions)

    def copy(self, context: WorldContext, state: PlaneState) -> ServedModel[Model]:
        """One that goes on for itself, over a copy of the plane's tables."""
        copied = copy.copy(self)
        copied._context, copied._state = context, state
        return copied

    @property
    def _gate(self) -> GateState:
        return self._state.gate(self._gate_name)

    @property
    def serving(self) -> int:
        """The version that answers."""
        return self._gate.version_a

    @property
    def loaded(self) -> bool:
        """Whether the model server has a model."""
        return self._gate.is_open

    @loaded.setter
    def loaded(self, value: bool) -> None:
        self._gate.is_open = value

    def deploy(self, value: ModelDeploy, now_ns: int) -> None:
        """Serves a version: one that there is, or the next one, trained by a recipe."""
        version = self._version(value)
        if version != self.serving:
            self._gate.version_a = version
            self._announce(now_ns, f"Model version {version} deployed")
            self._log_loaded(now_ns, version)

    @property
    def canary(self) -> ModelCanary | None:
        """The other version that answers a share of the requests, if there is one."""
        gate = self._gate
        return ModelCanary(version=gate.version_b, share=gate.share_b) if gate.share_b > 0 else None

    def let_answer(self, value: ModelCanary | None, now_ns: int) -> None:
        """Lets another version answer a share of the requests, or none."""
        gate = self._gate
        if value is None:
            gate.share_b = 0.0
            self._announce(now_ns, f"Model version {self.serving} answers all requests")
            return
        gate.version_b, gate.share_b = self._version(value), value.share
        self._announce(now_ns, f"Model version {gate.version_b} deployed to {100 * value.share:.3g}% of the requests")
        self._log_loaded(now_ns, gate.version_b)

    def samples(self) -> list[tuple[str, str, str, float]]:
        """(component, metric, attribute, value): which versions answer."""
        found = [(self.component, "model.version", "", float(self.serving))]
        gate = self._gate
        if gate.share_b > 0:
            found.append((self.component, "model.version", "canary", float(gate.version_b)))
        return found

    def _version(self, value: ModelDeploy) -> int:
        """A version that there is, or the next one, trained by a recipe."""
        if value.version is None:
            # Copies of this one share the list.
            self.versions = [*self.versions, self._train(len(self.versions) + 1, value.recipe)]
        return value.version or len(self.versions)

    def _announce(self, now_ns: int, summary: str) -> None:
        self._context.announce(now_ns, self.component, "deploy", summary)

    def _log_loaded(self, now_ns: int, version: int) -> None:
        self._context.log(now_ns, self.component, "INFO", "version_loaded", -1, version)
