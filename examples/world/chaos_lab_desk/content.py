"""The desk behind a simulated run: what each question is about, and whether it is handed on."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chaos_lab_desk.levers import LEVERS, QuestionsMisrouted
from lab.clock import NS
from lab.content.operations import OP_NONE, Op
from lab.content.protocol import (
    Arrivals,
    Columns,
    Counts,
    Done,
    Layout,
    PlaneState,
    Served,
    Stream,
    Times,
    WorldContext,
)
from lab.draws import uniforms
from lab.injection.levers import ActValue, AnyLever, Place
from lab.recording.ids import STREAM_SHIFT
from lab.recording.status import OK

Array = npt.NDArray[Any]

HANDED_ON, HANDED_ON_MISROUTED = 0.06, 0.7
"""Shares of the questions that are handed on: of those that reach the right people, and of the others."""
COST_EUR = 12.0
"""What a question costs that is handed on."""
OPERATION = "take_question"
_TOPIC, _ROUTE = range(2)
"""What is drawn for a question."""
TIME, REQUEST, TOPIC, HANDED = range(4)
"""Columns of the questions that were taken."""


class Desk:
    """Content of one run: `lab.content.protocol.Content`."""

    def __init__(self, context: WorldContext) -> None:
        assert context.system.world is not None
        self._start_ns = context.start_ns
        self._topics = int(context.system.world.settings.get("topics", 8))
        self._component = context.system.performers[OPERATION]
        self._streams: dict[int, Stream] = {}
        self._taken: list[Array] = []
        self._given_ns = context.start_ns
        self.misrouted: QuestionsMisrouted | None = None

    @property
    def layout(self) -> Layout:
        return Layout(operations={OPERATION: Op(OP_NONE)}, own_count=1)

    def bind(self, state: PlaneState) -> None:
        """Nothing of the desk is in the plane's tables."""

    def arrive(self, stream: Stream, first: int, times_ns: Times) -> Arrivals:
        self._streams[stream.number] = stream
        drawn = uniforms(stream.key, first + np.arange(len(times_ns)), _TOPIC, 1)
        return Arrivals(np.zeros((len(times_ns), 1), np.int64), (drawn * self._topics).astype(np.int64))

    def settle(self, served: Served, done: Done, now_ns: int) -> None:
        """Hands questions on, more of those that went to the wrong people."""
        answered = np.flatnonzero((done.status == OK) & np.isin(done.request >> STREAM_SHIFT, list(self._streams)))
        requests = done.request[answered]
        drawn = np.zeros((len(requests), 2))
        for number in np.unique(requests >> STREAM_SHIFT).tolist():
            mine = requests >> STREAM_SHIFT == number
            drawn[mine] = uniforms(self._streams[number].key, requests[mine] & ((1 << STREAM_SHIFT) - 1), _ROUTE, 2)
        wrong = self.misrouted.fraction if self.misrouted else 0.0
        handed = drawn[:, 1] < np.where(drawn[:, 0] < wrong, HANDED_ON_MISROUTED, HANDED_ON)
        self._taken.append(np.column_stack([done.end_ns[answered], requests, done.own[answered, 0], handed]))

    def operate(self, operation: str, now_ns: int, request: int) -> int:
        return OK

    def read(self, lever: type[AnyLever], place: Place) -> AnyLever | None:
        return LEVERS.read(self, lever, str(place))

    def write(self, lever: type[AnyLever], place: Place, value: AnyLever | None, now_ns: int) -> None:
        LEVERS.write(self, lever, str(place), value)

    def act(self, place: Place, act: ActValue, now_ns: int) -> None:
        LEVERS.do(self, str(place), act)

    def samples(self, now_ns: int) -> list[tuple[str, str, str, float]]:
        return []

    def counts(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        rows = self._rows()
        at = np.searchsorted(edges_ns, rows[:, TIME], side="right") - 1
        known = (at >= 0) & (at < len(edges_ns) - 1)
        questions, handed_on = (
            np.bincount(at[chosen], minlength=len(edges_ns) - 1) for chosen in (known, known & (rows[:, HANDED] > 0))
        )
        return [
            (self._component, "desk.question.count", "", questions),
            (self._component, "desk.escalation.count", "", handed_on),
            (self._component, "desk.escalation.cost", "", (handed_on * COST_EUR).astype(np.float64)),
        ]

    def final_rows(self, until_ns: int) -> dict[str, Columns]:
        found, self._given_ns = self._between(self._given_ns, until_ns), until_ns
        return found

    def pending_rows(self, until_ns: int) -> dict[str, Columns]:
        return self._between(self._given_ns, until_ns + 1)

    def _between(self, since_ns: int, until_ns: int) -> dict[str, Columns]:
        """The questions of this time, which is empty where it begins with the warm-up."""
        rows = self._rows()
        rows = rows[(rows[:, TIME] >= max(since_ns, self._start_ns)) & (rows[:, TIME] < until_ns)]
        rows = rows[np.lexsort((rows[:, REQUEST], rows[:, TIME]))]
        columns = {
            "time_s": (rows[:, TIME] - self._start_ns) / NS,
            "request": rows[:, REQUEST],
            "service.name": np.full(len(rows), self._component),
            "topic": rows[:, TOPIC],
            "is_escalated": rows[:, HANDED],
        }
        return {"questions": columns} if len(rows) else {}

    def _rows(self) -> Array:
        """All questions so far, (n, 4)."""
        self._taken = [np.concatenate([np.zeros((0, 4), np.int64), *self._taken])]
        return self._taken[0]

    def reference(self) -> dict[str, Any]:
        return {}

    def branch(self, context: WorldContext, state: PlaneState, streams: Sequence[Stream]) -> Desk:
        other = copy.copy(self)
        other._taken, other._streams = [self._rows()], {stream.number: stream for stream in streams}
        return other
