"""What can be measured at any time, and when it changed: so that each scrape interval has the value at its end."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.content.protocol import Counts, Times
from lab.worlds.batch.vocabulary import SEGMENTS

Array = npt.NDArray[Any]
Name = tuple[str, str, str]
"""Component, metric, attribute."""


class Gauges:
    """Values by name, each with the time (ns) since which it holds."""

    def __init__(self) -> None:
        self._noted: dict[Name, list[tuple[int, float]]] = {}

    def note(self, now_ns: int, component: str, metric: str, value: float, attribute: str = "") -> None:
        """A value from now on."""
        name = (component, metric, attribute)
        self._noted[name] = [*self._noted.get(name, ()), (now_ns, float(value))]

    def note_each(self, now_ns: int, component: str, metric: str, segments: Array) -> None:
        """How many are of each segment from now on; segments: of each row."""
        for segment, count in zip(SEGMENTS, np.bincount(segments, minlength=len(SEGMENTS)), strict=True):
            self.note(now_ns, component, metric, count, segment)

    def at_ends(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        """(component, metric, attribute, value at the end of each interval).

        What is put back as a run ends changes nothing of what was so until then.
        """
        found: list[tuple[str, str, str, Counts]] = []
        for (component, metric, attribute), noted in self._noted.items():
            since_ns, values = (np.array(of) for of in zip(*noted, strict=True))
            at = np.maximum(np.searchsorted(since_ns, edges_ns[1:], side="left") - 1, 0)
            found.append((component, metric, attribute, values[at]))
            if metric == "segment.published.rows":
                found.append((component, "segment.published.age", "", (edges_ns[1:] - since_ns[at]) / NS))
        return found

    def copy(self) -> Gauges:
        """Ones that go on for themselves."""
        copied = Gauges()
        copied._noted = dict(self._noted)
        return copied
