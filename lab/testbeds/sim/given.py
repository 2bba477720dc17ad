"""A world's content with what it gives checked where it comes in: what does not fit is the world's mistake and says so.

The plane's tables are written by compiled code, which looks at no bounds: a key beyond its store would be written
into another table, or end the process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.content.operations import (
    OP_CHANCE,
    OP_GATE,
    OP_MARK,
    OP_SCORE,
    OP_STORE_GET,
    OP_STORE_PUT,
    OP_STORE_REFRESH,
    OP_TABLE_READ,
    OWN_MAX,
    SLOTS_MAX,
    Op,
)
from lab.content.protocol import (
    Arrivals,
    Columns,
    Content,
    Counts,
    Done,
    Layout,
    PlaneState,
    Served,
    StoreSpec,
    Stream,
    TableSpec,
    Times,
    WorldContext,
)
from lab.errors import Problem, UserError
from lab.injection.levers import ActValue, AnyLever, Place
from lab.recording.schema import schema_of
from lab.recording.status import NAMES
from lab.registration.recorded import Column
from lab.systems.topology import System

MARKS_MAX = 16
"""Marks that a request can carry."""


class CheckedContent:
    """`lab.content.protocol.Content` that hands on to a world's, and refuses what does not fit: UserError."""

    def __init__(self, content: Content, system: System) -> None:
        assert system.world is not None
        self.content = content
        self._system, self._name = system, system.world.name
        self._schema = schema_of(system.world.name)
        self.layout: Layout = content.layout
        self._check_layout()
        self._keys_count = [self._least_keys(slot) for slot in range(self.layout.slots_count)]

    def bind(self, state: PlaneState) -> None:
        self.content.bind(state)

    def arrive(self, stream: Stream, first: int, times_ns: Times) -> Arrivals:
        given, layout, count = self.content.arrive(stream, first, times_ns), self.layout, len(times_ns)
        if not isinstance(given, Arrivals):
            raise self._wrong("`arrive`", type(given).__name__, "lab.content.protocol.Arrivals")
        self._check_array("`arrive`: keys", given.keys, (count, layout.slots_count))
        if layout.own_count or given.own is not None:
            self._check_array("`arrive`: own", given.own, (count, layout.own_count))
        for slot, keys_count in enumerate(self._keys_count if count else ()):
            least, greatest = int(given.keys[:, slot].min()), int(given.keys[:, slot].max())
            if least < 0 or (keys_count is not None and greatest >= keys_count):
                expected = "0 or more" if keys_count is None else f"0 to {keys_count - 1}, as its layout says"
                raise self._wrong(f"`arrive`: keys of slot {slot}", f"{least} to {greatest}", expected)
        return given

    def settle(self, served: Served, done: Done, now_ns: int) -> None:
        self.content.settle(served, done, now_ns)

    def operate(self, operation: str, now_ns: int) -> int:
        status = self.content.operate(operation, now_ns)
        if not isinstance(status, int | np.integer) or not 0 <= status < len(NAMES):
            raise self._wrong(f"`operate`: {operation}", repr(status), "a status of lab.recording.status")
        return int(status)

    def read(self, lever: type[AnyLever], place: Place) -> AnyLever | None:
        value = self.content.read(lever, place)
        if value is not None and not isinstance(value, lever):
            raise self._wrong(f"`read`: {lever.name} of {place}", repr(value), f"{lever.__name__}, or None")
        return value

    def write(self, lever: type[AnyLever], place: Place, value: AnyLever | None, now_ns: int) -> None:
        self.content.write(lever, place, value, now_ns)

    def act(self, place: Place, act: ActValue, now_ns: int) -> None:
        self.content.act(place, act, now_ns)

    def samples(self, now_ns: int) -> list[tuple[str, str, str, float]]:
        given = self.content.samples(now_ns)
        self._check_metrics("`samples`", given)
        for component, metric, _, value in given:
            if not isinstance(value, int | float | np.number) or not np.isfinite(value):
                raise self._wrong(f"`samples`: {metric} of {component}", repr(value), "a finite number")
        return given

    def counts(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        given, shape = self.content.counts(edges_ns), (len(edges_ns) - 1,)
        self._check_metrics("`counts`", given)
        for component, metric, _, values in given:
            where = f"`counts`: {metric} of {component}"
            if np.shape(values) != shape or np.asarray(values).dtype.kind not in "iuf":
                raise self._wrong(where, _form(values), f"numbers of shape {shape}, one for each scrape interval")
            if np.isinf(values).any():
                raise self._wrong(where, "an infinite number", "finite numbers, NaN where one is not known")
        return given

    def final_rows(self, until_ns: int) -> dict[str, Columns]:
        return self._checked_rows("`final_rows`", self.content.final_rows(until_ns))

    def pending_rows(self, until_ns: int) -> dict[str, Columns]:
        return self._checked_rows("`pending_rows`", self.content.pending_rows(until_ns))

    def reference(self) -> dict[str, Any]:
        given = self.content.reference()
        known = {name.removeprefix("reference/") for name in self._schema.files if name.startswith("reference/")}
        if not isinstance(given, Mapping) or not set(given) <= known:
            seen = ", ".join(map(str, given)) if isinstance(given, Mapping) else type(given).__name__
            expected = f"files that it registers: {', '.join(sorted(known)) or 'none'}"
            raise self._wrong("`reference`", seen, expected)
        return given

    def branch(self, context: WorldContext, state: PlaneState, streams: Sequence[Stream]) -> CheckedContent:
        return CheckedContent(self.content.branch(context, state, streams), context.system)

    def _checked_rows(self, where: str, given: Any) -> dict[str, Columns]:
        """Rows of tables by name: columns of one length, whole numbers where they are registered so."""
        if not isinstance(given, dict):
            raise self._wrong(where, type(given).__name__, "columns by table")
        for table, columns in given.items():
            rows = f"{where}: rows of {table!r}"
            if not isinstance(columns, Mapping):
                raise self._wrong(rows, type(columns).__name__, "columns by name")
            lengths = {name: len(values) for name, values in columns.items()}
            if len(set(lengths.values())) > 1:
                seen = ", ".join(f"{name} {length}" for name, length in lengths.items())
                raise self._wrong(rows, seen, "columns of one length")
            if columns and "request" not in columns:
                raise self._wrong(rows, ", ".join(columns), "the column `request` among them")
            for spec in self._schema.columns(table):
                self._check_column(f"{rows}: {spec.name}", spec, columns.get(spec.name))
        return given

    def _check_column(self, where: str, spec: Column, values: Any) -> None:
        """Numbers are whole where they are registered so, and finite where nothing may be missing."""
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
            return
        if spec.type == "int" and not np.array_equal(values, np.rint(values)):
            raise self._wrong(where, "a fraction or NaN", "whole numbers, as it is registered")
        if spec.type == "float" and not spec.null and not np.isfinite(values).all():
            raise self._wrong(where, "NaN or infinity", "finite numbers, or a column that is registered with null=True")

    def _check_metrics(self, where: str, given: Any) -> None:
        if not isinstance(given, list | tuple):
            raise self._wrong(where, type(given).__name__, "a list")
        for one in given:
            if not (isinstance(one, tuple) and len(one) == 4):
                raise self._wrong(where, repr(one)[:80], "tuples (component, metric, attribute, value)")
            if one[0] not in self._system.components:
                raise self._wrong(f"{where}: {one[1]}", repr(one[0]), "the name of a component of the system")

    # The layout, once.

    def _check_layout(self) -> None:
        layout = self.layout
        self._check_number("slots_count", layout.slots_count, 1, SLOTS_MAX)
        self._check_number("own_count", layout.own_count, 0, OWN_MAX)
        for kind, specs in (("store", layout.stores), ("table", layout.tables)):
            for name, spec in specs.items():
                self._check_number(f"keys_count of the {kind} {name!r}", spec.keys_count, 1, 2**31)
                self._check_number(f"slot of the {kind} {name!r}", spec.slot, 0, layout.slots_count - 1)
        for name, operation in layout.operations.items():
            self._check_operation(name, operation)
        steps = [step for component in self._system.components.values() for step in component.steps]
        for name in sorted({step.operation or step.run or "" for step in steps} - {"", *layout.operations}):
            raise self._wrong("layout: operations", f"none called {name!r}", "each one that it registers")

    def _check_operation(self, name: str, operation: Any) -> None:
        if not isinstance(operation, Op):
            raise self._wrong(f"layout: operation {name!r}", repr(operation)[:80], "a lab.content.operations.Op")
        code, layout = operation.code, self.layout
        self._check_number(f"code of {name!r}", code, 0, OP_CHANCE)
        counts = dict.fromkeys((OP_STORE_GET, OP_STORE_PUT, OP_STORE_REFRESH), len(layout.stores))
        counts |= {OP_TABLE_READ: len(layout.tables), OP_GATE: len(layout.gates), OP_SCORE: len(layout.gates)}
        if code in counts:
            self._check_number(f"target of {name!r}", operation.target, -1 if code == OP_SCORE else 0, counts[code] - 1)
        arguments = {OP_STORE_REFRESH: len(layout.tables) - 1, OP_MARK: MARKS_MAX - 1, OP_CHANCE: 2**32}
        if code in arguments:
            self._check_number(f"argument of {name!r}", operation.argument, 0, arguments[code])

    def _check_number(self, what: str, value: Any, least: int, greatest: int) -> None:
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or not least <= value <= greatest:
            expected = (
                f"a whole number from {least} to {greatest}" if least <= greatest else "something that it can mean"
            )
            raise self._wrong(f"layout: {what}", repr(value), expected)

    def _least_keys(self, slot: int) -> int | None:
        """How many keys whatever goes by a slot has at least; None where nothing does."""
        specs: list[StoreSpec | TableSpec] = [*self.layout.stores.values(), *self.layout.tables.values()]
        return min((spec.keys_count for spec in specs if spec.slot == slot), default=None)

    def _check_array(self, where: str, values: Any, shape: tuple[int, ...]) -> None:
        if values is None or np.shape(values) != shape or np.asarray(values).dtype.kind not in "iu":
            seen = "None" if values is None else _form(values)
            raise self._wrong(where, seen, f"whole numbers of shape {shape}")

    def _wrong(self, what: str, seen: str, expected: str) -> UserError:
        hint = "this is a defect of the world; lab.content.protocol says what it must give"
        return UserError(
            Problem(f"world {self._name!r} gives what does not fit: {what}", seen=seen, expected=expected, hint=hint)
        )


def _form(values: Any) -> str:
    return f"{np.asarray(values).dtype} of shape {np.shape(values)}"


if TYPE_CHECKING:
    _KEEPS_TO: type[Content] = CheckedContent
