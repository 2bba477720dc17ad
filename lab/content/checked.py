"""A world's content with each of its answers looked at: what does not keep to the protocol is said before it is used.

A compiled kernel does not look: a wrong number would have it read and write beside its tables, and a wrong row or count
would be found by whoever opens the recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from lab.clock import NS
from lab.content.layouts import kept_by_key, layout_problem
from lab.content.protocol import (
    Arrivals,
    Columns,
    Content,
    Counts,
    Done,
    Layout,
    PlaneState,
    Served,
    Stream,
    Times,
    WorldContext,
)
from lab.content.rows import row_problem
from lab.errors import Problem, UserError, nearest
from lab.injection.levers import ActValue, AnyLever, Place
from lab.recording.schema import schema_of
from lab.recording.status import NAMES
from lab.registration.world import installed_worlds, loaded, registration_of

PARTS = tuple(name for name in vars(Content) if not name.startswith("_"))
"""What content has: `layout`, and the methods that the simulator calls."""
NO_LIMIT = 1 << 62
"""Of the keys in a slot by which nothing is kept."""


class CheckedContent:
    """Content that raises UserError where the world's own breaks the protocol, with the world and the method."""

    def __init__(self, content: Content, context: WorldContext) -> None:
        assert context.system.world is not None
        self._content, self._context = content, context
        self._system, self._world = context.system, context.system.world.name
        missing = [
            name for name in PARTS if not hasattr(type(content), name) and name not in getattr(content, "__dict__", ())
        ]
        if missing:
            what = f"world {self._world!r}: its content lacks what `lab.content.protocol.Content` has"
            raise UserError(Problem(what, seen="without " + ", ".join(missing), expected="all of it"))
        self._schema = schema_of(self._world)
        self._layout = self._checked_layout()
        self._keys_counts = [NO_LIMIT] * self._layout.slots_count
        for _, slot, keys_count in kept_by_key(self._layout):
            self._keys_counts[slot] = min(self._keys_counts[slot], keys_count)

    def _refuse(self, method: str, wrong: Problem) -> None:
        what = f"world {self._world!r}: `{method}` of its content {wrong.what}"
        hint = wrong.hint or "its docstring in lab/content/protocol.py says what is wanted"
        raise UserError(Problem(what, seen=wrong.seen, expected=wrong.expected, hint=hint))

    @property
    def layout(self) -> Layout:
        return self._layout

    def _checked_layout(self) -> Layout:
        layout: Any = self._content.layout
        if not isinstance(layout, Layout):
            self._refuse("layout", Problem("is no layout", seen=type(layout).__name__, expected="a Layout"))
        steps = [step for component in self._system.components.values() for step in component.steps]
        wanted = dict.fromkeys(name for step in steps for name in (step.operation, step.run) if name)
        if wrong := layout_problem(layout, wanted):
            self._refuse("layout", wrong)
        return Layout(*layout)

    def bind(self, state: PlaneState) -> None:
        self._content.bind(state)
        if self._layout.decide is not None and not state.decides:
            wrong = "gives the world's `decide` no tables"
            self._refuse("bind", Problem(wrong, expected="a call of `PlaneState.decide_with`, with arrays it may read"))

    def arrive(self, stream: Stream, first: int, times_ns: Times) -> Arrivals:
        given: Any = self._content.arrive(stream, first, times_ns)
        if not isinstance(given, Arrivals):
            self._refuse("arrive", Problem("gives no arrivals", seen=type(given).__name__, expected="Arrivals"))
        count = len(times_ns)
        self._check_numbers("keys", given.keys, (count, self._layout.slots_count))
        if self._layout.own_count or given.own is not None:
            self._check_numbers("own", given.own, (count, self._layout.own_count))
        for slot, keys_count in enumerate(self._keys_counts if count else ()):
            least, most = int(given.keys[:, slot].min()), int(given.keys[:, slot].max())
            if least < 0 or most >= keys_count:
                expected = "0 or more" if keys_count == NO_LIMIT else f"0 to {keys_count - 1}: what is kept by this key"
                seen = f"{least} to {most} in slot {slot}"
                self._refuse("arrive", Problem("gives keys that do not exist", seen=seen, expected=expected))
        return Arrivals(*given)

    def _check_numbers(self, what: str, given: Any, shape: tuple[int, int]) -> None:
        numbers = None if given is None else np.asarray(given)
        if numbers is None or numbers.shape != shape or numbers.dtype.kind not in "iu":
            seen = "none" if numbers is None else f"{numbers.dtype} of shape {numbers.shape}"
            expected = f"whole numbers of shape {shape}: a row for each request"
            hint = "how many columns: `slots_count` of the layout for keys, `own_count` for own"
            self._refuse("arrive", Problem(f"gives wrong `{what}`", seen=seen, expected=expected, hint=hint))

    def settle(self, served: Served, done: Done, now_ns: int) -> None:
        self._content.settle(served, done, now_ns)

    def operate(self, operation: str, now_ns: int, request: int) -> int:
        before = len(self._context.datasets.writes)
        status = self._content.operate(operation, now_ns, request)
        self._check_writes(before, now_ns, request)
        if status not in range(len(NAMES)):
            expected = "one of lab.recording.status, such as OK"
            self._refuse("operate", Problem("gives no status", seen=repr(status)[:80], expected=expected))
        return status

    def _check_writes(self, before: int, now_ns: int, request: int) -> None:
        """Datasets are written by the run that asks, and now: a recording tells whose and when."""
        for one in self._context.datasets.writes[before:]:
            if (one.time_ns, one.request) != (now_ns, request):
                seen = f"{one.dataset!r} at {one.time_ns} ns by run {one.request}"
                expected = f"at {now_ns} ns by run {request}, as `operate` was asked"
                self._refuse("operate", Problem("writes a dataset for another run", seen=seen, expected=expected))

    def read(self, lever: type[AnyLever], place: Place) -> AnyLever | None:
        value: Any = self._content.read(lever, place)
        if value is not None and not isinstance(value, lever):
            seen, expected = type(value).__name__, f"a {lever.__name__}, or None where it is not pulled"
            self._refuse("read", Problem("gives the value of another lever", seen=seen, expected=expected))
        return cast("AnyLever | None", value)

    def write(self, lever: type[AnyLever], place: Place, value: AnyLever | None, now_ns: int) -> None:
        self._content.write(lever, place, value, now_ns)

    def act(self, place: Place, act: ActValue, now_ns: int) -> None:
        self._content.act(place, act, now_ns)

    def samples(self, now_ns: int) -> list[tuple[str, str, str, float]]:
        given = self._content.samples(now_ns)
        self._check_metrics("samples", given, "(component, metric, attribute, value)")
        for _, metric, _, value in given:
            if not np.isfinite(value):
                seen, expected = f"{metric}: {value}", "a finite number; no row where there is none"
                self._refuse("samples", Problem("gives a gauge that is no number", seen=seen, expected=expected))
        return given

    def counts(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        given = self._content.counts(edges_ns)
        self._check_metrics("counts", given, "(component, metric, attribute, count by interval)")
        for _, metric, _, counts in given:
            if np.shape(counts) != (len(edges_ns) - 1,):
                seen, expected = f"{metric} of shape {np.shape(counts)}", f"({len(edges_ns) - 1},): a count an interval"
                self._refuse("counts", Problem("gives counts of another length", seen=seen, expected=expected))
            if not np.all(np.isfinite(counts)):
                self._refuse("counts", Problem("gives counts that are no numbers", seen=metric, expected="finite ones"))
        return given

    def _check_metrics(self, method: str, given: Any, form: str) -> None:
        if not isinstance(given, list) or not all(isinstance(one, tuple) and len(one) == 4 for one in given):
            seen = next((repr(one) for one in given), "") if isinstance(given, list) else type(given).__name__
            self._refuse(method, Problem("does not give a list of metrics", seen=seen[:80], expected=f"tuples {form}"))
        unknown = sorted({metric for _, metric, _, _ in given} - self._schema.metrics.keys())
        if unknown:
            what = f"world {self._world!r} gives metrics that it has not registered"
            raise UserError(Problem(what, seen=", ".join(unknown), expected="names of its `recording.metrics`"))
        strange = sorted({component for component, _, _, _ in given} - self._system.components.keys())
        if strange:
            expected = "one of " + ", ".join(self._system.components)
            problem = Problem("gives metrics of no component", seen=", ".join(strange), expected=expected)
            self._refuse(method, problem)

    def final_rows(self, until_ns: int) -> dict[str, Columns]:
        return self._checked_rows("final_rows", self._content.final_rows(until_ns), until_ns)

    def pending_rows(self, until_ns: int) -> dict[str, Columns]:
        return self._checked_rows("pending_rows", self._content.pending_rows(until_ns), until_ns)

    def _checked_rows(self, method: str, given: Any, until_ns: int) -> dict[str, Columns]:
        if not isinstance(given, Mapping):
            seen = type(given).__name__
            self._refuse(method, Problem("gives no tables", seen=seen, expected="columns by table; {} for none"))
        until_s = (until_ns - self._context.start_ns) / NS
        for table, columns in given.items():
            if table in self._schema.tables and (wrong := row_problem(self._schema, table, columns, until_s)):
                self._refuse(method, wrong)
        return dict(given)

    def reference(self) -> dict[str, Any]:
        given: Any = self._content.reference()
        known = {name.removeprefix("reference/") for name in self._schema.files if name.startswith("reference/")}
        strange = sorted(set(given) - known) if isinstance(given, Mapping) else [type(given).__name__]
        if strange:
            expected = ", ".join(sorted(known)) or "{}: no file is registered"
            seen = ", ".join(strange)
            self._refuse("reference", Problem("gives files that are not registered", seen=seen, expected=expected))
        return dict(given)

    def branch(self, context: WorldContext, state: PlaneState, streams: Sequence[Stream]) -> CheckedContent:
        other = self._content.branch(context, state, streams)
        if other is self._content:
            wrong = "gives the content itself, whose runs would change each other"
            self._refuse("branch", Problem(wrong, expected="another one", hint="copy what changes in a run"))
        return CheckedContent(other, context)


def open_content(context: WorldContext) -> CheckedContent | None:
    """The content behind a system, None where it has no world."""
    spec = context.system.world
    if spec is None:
        return None
    world = registration_of(spec.name)
    if world is None:
        raise UserError(f"unknown world {spec.name!r}; {nearest(spec.name, installed_worlds())}")
    return CheckedContent(loaded(world.open)(context), context)
