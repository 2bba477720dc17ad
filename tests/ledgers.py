"""A world of the tests' own without requests: jobs write datasets.

Each hour `collect` writes the entries of that hour. Every second hour `sum-up` makes postings of the last ones, and
totals by account of these.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.clock import NS
from lab.content.operations import OP_ASK, Op
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
from lab.draws import stream_key, uniforms
from lab.recording.arrow import Coded
from lab.recording.status import OK
from lab.registration.datasets import Dataset, DatasetColumn
from lab.registration.observability import Observability
from lab.registration.settings import Operation
from lab.registration.world import World
from lab.scenario import LoadedScenario, load_scenario
from tests.without_levers import WithoutLevers

SYSTEM = Path(__file__).parent / "systems" / "ledger.system.yaml"
ENTRIES, ACCOUNTS = 200, 20
HOUR_NS = 3600 * NS

WORLD = World(
    name="ledgers",
    title="Entries of accounts",
    open="tests.ledgers:Ledger",
    operations={name: Operation("database") for name in ("read_entries", "write_entries", "write_totals")},
    datasets={
        "entries": Dataset(
            doc="what was booked in an hour",
            columns={
                "entry": DatasetColumn("int", "1"),
                "account": DatasetColumn("text"),
                "amount_eur": DatasetColumn("float", "EUR"),
            },
            key="entry",
            of="write_entries",
            source="read_entries",
        ),
        "postings": Dataset(
            doc="those of the last hour, in cents as well",
            columns={
                "entry": DatasetColumn("int", "1"),
                "account": DatasetColumn("text"),
                "amount_eur": DatasetColumn("float", "EUR"),
                "amount_cent": DatasetColumn("int", "cent"),
            },
            key="entry",
            of="write_totals",
            inputs=("entries",),
        ),
        "totals": Dataset(
            doc="sums by account",
            columns={"account": DatasetColumn("text"), "amount_eur": DatasetColumn("float", "EUR")},
            key="account",
            of="write_totals",
            inputs=("postings",),
        ),
    },
)


class Ledger(WithoutLevers):
    """Implements `lab.content.protocol.Content`."""

    layout: Layout = Layout({name: Op(OP_ASK) for name in WORLD.operations})

    def __init__(self, context: WorldContext) -> None:
        self._context = context
        self._key = stream_key(context.streams, "entries")
        self._entries: dict[str, Any] = {}
        self._version = ""

    def bind(self, state: PlaneState) -> None:
        pass

    def arrive(self, stream: Stream, first: int, times_ns: Times) -> Arrivals:
        return Arrivals(np.zeros((len(times_ns), 1), np.int64))

    def settle(self, served: Served, done: Done, now_ns: int) -> None:
        pass

    def operate(self, operation: str, now_ns: int, request: int) -> int:
        end_s = (now_ns // HOUR_NS * HOUR_NS - self._context.start_ns) / NS
        write = self._context.datasets.write
        if operation == "write_entries":
            self._entries = self._collected(now_ns // HOUR_NS)
            self._version = write(now_ns, request, "collect", "entries", self._entries, (), end_s)
        elif operation == "write_totals" and self._version:
            posted = {**self._entries, "amount_cent": np.round(self._entries["amount_eur"] * 100).astype(np.int64)}
            postings = write(now_ns, request, "sum-up", "postings", posted, [("entries", self._version)], end_s)
            write(now_ns, request, "sum-up", "totals", self._totals(), [("postings", postings)], end_s)
        return OK

    def _collected(self, hour: int) -> dict[str, Any]:
        drawn = uniforms(self._key, np.arange(ENTRIES) + hour * ENTRIES, 1, 2)
        accounts = Coded((drawn[:, 0] * ACCOUNTS).astype(np.int64), [f"account {i}" for i in range(ACCOUNTS)])
        return {
            "entry": np.arange(ENTRIES) + hour * ENTRIES,
            "account": accounts,
            "amount_eur": np.round(-100 * np.log1p(-drawn[:, 1]), 2),
        }

    def _totals(self) -> dict[str, Any]:
        codes, texts = self._entries["account"]
        sums = np.bincount(codes, self._entries["amount_eur"], minlength=len(texts))
        return {"account": Coded(np.arange(len(texts)), texts), "amount_eur": sums}

    def samples(self, now_ns: int) -> list[tuple[str, str, str, float]]:
        return []

    def counts(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        return []

    def final_rows(self, until_ns: int) -> dict[str, Columns]:
        return {}

    def pending_rows(self, until_ns: int) -> dict[str, Columns]:
        return {}

    def reference(self) -> dict[str, Any]:
        return {}

    def branch(self, context: WorldContext, state: PlaneState, streams: Sequence[Stream]) -> Content:
        other = copy.copy(self)
        other._context = context
        return other


def hours(directory: Path, count: int, observability: Observability = "rich") -> LoadedScenario:
    """A control of so many hours."""
    path = directory / "hours.scenario.yaml"
    path.write_text(f"schema_version: 1\nname: hours\nsystem: {SYSTEM}\nduration: {count}h\n", encoding="utf-8")
    return load_scenario(path).seen_by(observability)


if TYPE_CHECKING:
    _KEEPS_TO: type[Content] = Ledger
