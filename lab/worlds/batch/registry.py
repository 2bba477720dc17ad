"""The segmenter: its versions, which of them is served, and how the next one is trained."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.content.protocol import WorldContext
from lab.worlds.batch import softmax
from lab.worlds.batch.features import inputs_of
from lab.worlds.batch.gauges import Gauges
from lab.worlds.batch.operations import WORSE
from lab.worlds.batch.training import Test, names_of, train
from lab.worlds.batch.vocabulary import USUAL

Array = npt.NDArray[Any]


class Registry:
    """Versions from 1 on; the last of the first ones is served. `recipe`: how the next ones are trained."""

    def __init__(
        self, context: WorldContext, component: str, versions: Sequence[Mapping[str, Any]], test: Test, gauges: Gauges
    ) -> None:  # fmt: skip
        self._context, self._gauges = context, gauges
        self.component = component
        self.versions = [{"version": number, **entry} for number, entry in enumerate(versions, 1)]
        self._test = test
        self.serving = len(versions)
        self.is_loaded = True
        self.recipe = USUAL
        self._note(0)

    @property
    def entry(self) -> Mapping[str, Any]:
        """That of the version that is served."""
        return self.versions[self.serving - 1]

    def score(self, columns: Mapping[str, Array]) -> tuple[Array, Array]:
        """The class of each row of features, and how probable it is."""
        best, share = softmax.likeliest(softmax.probabilities(self.entry, inputs_of(columns)))
        return best, np.round(share, 4)

    def segments(self, classes: Array) -> Array:
        """What the version that is served means by classes: numbers of segments."""
        return np.asarray(names_of(self.entry)[classes])

    def train(
        self, columns: Mapping[str, Array], trained_on: Sequence[Mapping[str, str]], now_ns: int, *, is_gated: bool
    ) -> None:  # fmt: skip
        """Trains the next version as usual, or as was set, and serves it; where `is_gated` only one that is as good."""
        entry = train(columns, self.recipe, self._test, trained_on)
        if is_gated and entry["metrics"]["accuracy"] < self.entry["metrics"]["accuracy"] - WORSE:
            return
        # Copies of this one share the list.
        self.versions = [*self.versions, {"version": len(self.versions) + 1, **entry}]
        self.serve(len(self.versions), now_ns)

    def serve(self, version: int, now_ns: int) -> None:
        """Serves a version that there is."""
        if version != self.serving:
            self.serving = version
            self._note(now_ns)
            self._context.announce(now_ns, self.component, "deploy", f"Model version {version} deployed")
            self._context.log(now_ns, self.component, "INFO", "version_loaded", -1, version)

    def _note(self, now_ns: int) -> None:
        self._gauges.note(now_ns, self.component, "model.version", self.serving)
        self._gauges.note(now_ns, self.component, "model.offline.accuracy", self.entry["metrics"]["accuracy"])

    def copy(self, context: WorldContext, gauges: Gauges) -> Registry:
        """One that goes on for itself."""
        copied = copy.copy(self)
        copied._context, copied._gauges = context, gauges
        return copied
