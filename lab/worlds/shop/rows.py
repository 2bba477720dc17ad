"""The shop's tables of a recording: whose features were served, and predictions with their outcomes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.content.protocol import Columns
from lab.recording.arrow import coded_array
from lab.worlds.kit.rows import WaitingRows
from lab.worlds.kit.served import ServedRows
from lab.worlds.shop.behaviour import PAGE
from lab.worlds.shop.features import INPUT_NAMES
from lab.worlds.shop.registration import LABEL_WINDOW_S
from lab.worlds.shop.showing import Pages

Array = npt.NDArray[Any]
_LABEL_WINDOW_NS = round(LABEL_WINDOW_S * NS)

_NONE, _NO_PLACES = np.zeros(0, np.int64), np.zeros((0, PAGE))
_NO_PAGES = Pages(
    _NONE, _NONE, _NONE, _NONE, _NO_PLACES.astype(np.int64), _NO_PLACES, _NO_PLACES > 0, _NO_PLACES,
    np.zeros((0, PAGE, len(INPUT_NAMES)), np.float32),
)  # fmt: skip


def entities(rows: ServedRows) -> Columns:
    """To whom the rows were served."""
    return {"user_id": rows.key}


class ShownLog:
    """Pages shown since the recording began; each is final when its label window has closed."""

    def __init__(self, start_ns: int, component: str) -> None:
        self._start_ns = start_ns
        self._component = component
        self._pages = WaitingRows(_NO_PAGES, start_ns, _LABEL_WINDOW_NS, ("shown_ns", "request"))

    def add(self, pages: Pages) -> None:
        """Adds a block."""
        self._pages.add(pages)

    def final(self, until_ns: int) -> Columns:
        """Those whose label window has closed by `until_ns`, once."""
        return self._columns(self._pages.final(until_ns), until_ns)

    def pending(self, until_ns: int) -> Columns:
        """Those up to `until_ns` that are not final."""
        return self._columns(self._pages.pending(until_ns), until_ns)

    def copy(self) -> ShownLog:
        """One that goes on for itself."""
        copied = ShownLog(self._start_ns, self._component)
        copied._pages = self._pages.copy()
        return copied

    def _columns(self, pages: Pages, until_ns: int) -> Columns:
        """Columns of all places of pages; what comes after `until_ns` is unknown."""
        count = len(pages.request)
        closed = np.repeat(pages.shown_ns + _LABEL_WINDOW_NS <= until_ns, PAGE)
        clicked = pages.clicked.ravel()
        by_input = np.ascontiguousarray(pages.inputs.reshape(-1, len(INPUT_NAMES)).T)
        columns = {
            "request": np.repeat(pages.request, PAGE),
            "time_s": np.repeat((pages.shown_ns - self._start_ns) / NS, PAGE),
            "service.name": coded_array(np.zeros(count * PAGE, np.int64), [self._component]),
            "item_id": pages.item.ravel(),
            "position": np.tile(np.arange(1, PAGE + 1), count),
            "model_version": np.repeat(pages.version, PAGE),
            "score": pages.score.ravel(),
            "outcome": np.where(closed, clicked.astype(float), np.nan),
            "label_delay_s": np.where(closed & clicked, np.round(pages.delay_s.ravel(), 3), np.nan),
        }
        return columns | {f"input.{name}": by_input[i] for i, name in enumerate(INPUT_NAMES)}
