"""The shop's tables of a recording: features served, and predictions with their outcomes, as they become final."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.content.operations import FROM_NOWHERE, FROM_STORE
from lab.content.protocol import Columns
from lab.recording.arrow import coded_array
from lab.worlds.shop.behaviour import PAGE
from lab.worlds.shop.features import INPUT_NAMES, NAMES
from lab.worlds.shop.registration import LABEL_WINDOW_S
from lab.worlds.shop.showing import Pages, chosen, joined

Array = npt.NDArray[Any]
Users: TypeAlias = Callable[[Array], Array]
"""Who made requests."""
_LABEL_WINDOW_NS = round(LABEL_WINDOW_S * NS)


class Rows(NamedTuple):
    """Feature rows served: when, from where (FROM_*); watermark and writing of the row (ns), its vector."""

    request: Array
    time_ns: Array
    source: Array
    watermark_ns: Array
    written_ns: Array
    vectors: Array


_NONE = np.zeros(0, np.int64)
_NO_ROWS = Rows(_NONE, _NONE, _NONE, _NONE, _NONE, np.zeros((0, len(NAMES))))
_NO_PLACES = np.zeros((0, PAGE))
_NO_PAGES = Pages(
    _NONE, _NONE, _NONE, _NONE, _NO_PLACES.astype(np.int64), _NO_PLACES, _NO_PLACES > 0, _NO_PLACES,
    np.zeros((0, PAGE, len(INPUT_NAMES)), np.float32),
)  # fmt: skip


class ServedLog:
    """Rows served since the recording began; each is final when its time has passed."""

    def __init__(self, start_ns: int, sources: tuple[str, str, str]) -> None:
        self._start_ns = start_ns
        self._sources = sources
        self._rows = [_NO_ROWS]

    def add(self, rows: Rows) -> None:
        """Adds a block."""
        is_seen = rows.time_ns >= self._start_ns
        self._rows.append(rows if is_seen.all() else Rows(*(column[is_seen] for column in rows)))

    def final(self, until_ns: int, users: Users) -> Columns:
        """Those from before `until_ns`, once."""
        rows = Rows(*map(np.concatenate, zip(*self._rows, strict=True)))
        is_final = rows.time_ns < until_ns
        left = _selected(rows.time_ns, rows.request, ~is_final)
        self._rows = [Rows(*(column[left] for column in rows))]
        return self._columns(rows, is_final, users)

    def pending(self, until_ns: int, users: Users) -> Columns:
        """Those up to `until_ns` that are not final."""
        rows = Rows(*map(np.concatenate, zip(*self._rows, strict=True)))
        return self._columns(rows, rows.time_ns <= until_ns, users)

    def copy(self) -> ServedLog:
        """One that goes on for itself."""
        copied = ServedLog(self._start_ns, self._sources)
        copied._rows = list(self._rows)
        return copied

    def _columns(self, rows: Rows, which: Array, users: Users) -> Columns:
        """Columns of the rows that a mask selects, in order."""
        order = _selected(rows.time_ns, rows.request, which)
        request, time_ns, source, watermark_ns, written_ns, vectors = (column[order] for column in rows)
        came = source != FROM_NOWHERE
        row_age = np.where(came, np.round((time_ns - watermark_ns) / NS, 3), np.nan)
        columns = {
            "request": request,
            "time_s": (time_ns - self._start_ns) / NS,
            "user_id": users(request),
            "source": coded_array(source, self._sources),
            "row_age_s": row_age,
            "entry_age_s": np.where(source == FROM_STORE, np.round((time_ns - written_ns) / NS, 3), np.nan),
        }
        by_feature = np.ascontiguousarray(vectors.T)
        return columns | {f"feature.{name}": by_feature[i] for i, name in enumerate(NAMES)}


class ShownLog:
    """Pages shown since the recording began; each is final when its label window has closed."""

    def __init__(self, start_ns: int, component: str) -> None:
        self._start_ns = start_ns
        self._component = component
        self._pages = [_NO_PAGES]

    def add(self, pages: Pages) -> None:
        """Adds a block."""
        is_seen = pages.shown_ns >= self._start_ns
        self._pages.append(pages if is_seen.all() else chosen(pages, is_seen))

    def final(self, until_ns: int) -> Columns:
        """Those whose label window has closed by `until_ns`, once."""
        pages = joined(self._pages)
        is_final = pages.shown_ns + _LABEL_WINDOW_NS <= until_ns
        self._pages = [chosen(pages, _selected(pages.shown_ns, pages.request, ~is_final))]
        return self._columns(pages, is_final, until_ns)

    def pending(self, until_ns: int) -> Columns:
        """Those up to `until_ns` that are not final."""
        pages = joined(self._pages)
        return self._columns(pages, pages.shown_ns <= until_ns, until_ns)

    def copy(self) -> ShownLog:
        """One that goes on for itself."""
        copied = ShownLog(self._start_ns, self._component)
        copied._pages = list(self._pages)
        return copied

    def _columns(self, pages: Pages, which: Array, until_ns: int) -> Columns:
        """Columns of all places of the pages that a mask selects, in order; what comes after `until_ns` is unknown."""
        pages = chosen(pages, _selected(pages.shown_ns, pages.request, which))
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


def _selected(times_ns: Array, requests: Array, which: Array) -> slice | Array:
    """Where the rows are that a mask selects, by time and request: a slice where they lie so already, as most do."""
    places = np.flatnonzero(which)
    of_places = times_ns[places]
    if not (of_places[1:] > of_places[:-1]).all():
        return np.asarray(places[np.lexsort((requests[places], of_places))])
    first = int(places[0]) if len(places) else 0
    is_run = which[first : first + len(places)].all()
    return slice(first, first + len(places)) if is_run else places
