"""Recordings of the ledger (`tests.ledgers`) whose versions of datasets are written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lab.content.datasets import DatasetLog
from lab.recording.arrow import Coded
from lab.recording.datasets import dataset_tables
from lab.recording.describing import describe
from lab.recording.ids import Ids
from lab.recording.lineage import lineage_events
from lab.recording.observed import Observed
from lab.recording.schema import schema_of
from lab.streams import Streams
from lab.systems.files import load_system
from tests.ledgers import ACCOUNTS, HOUR_NS, SYSTEM

HOURS = 10
Columns = dict[str, Any]


def entries(hour: int) -> Columns:
    amounts = np.random.default_rng(hour).lognormal(3, 1, 200)
    return {"entry": np.arange(200) + 200 * hour, "account": accounts(np.arange(200)), "amount_eur": amounts}


def accounts(codes: Any) -> Coded:
    return Coded(np.asarray(codes) % ACCOUNTS, [f"account {i}" for i in range(ACCOUNTS)])


Change = Callable[[int, Columns], Columns]


def as_it_is(_: int, columns: Columns) -> Columns:
    """Nothing changes."""
    return columns


def recorded(change: Change = as_it_is, posted: Change | None = None, hours: int = HOURS) -> Observed:
    """A recording in which `collect` wrote entries each hour, 10 minutes after it began, as `change` makes them.

    Where `posted` is given, `sum-up` made postings of them each time, as that changes them, and totals of these.
    """
    log = DatasetLog(load_system(str(SYSTEM), SYSTEM.parent))
    for hour in range(hours):
        time_ns, partition_s = hour * HOUR_NS + HOUR_NS // 6, 3600.0 * hour
        columns = change(hour, entries(hour))
        version = ""
        if columns:
            version = log.write(time_ns, 2 * hour, "collect", "entries", columns, (), partition_s)
        if posted and (postings := posted(hour, columns)):
            run, inputs = 2 * hour + 1, [("entries", version)]
            made = log.write(time_ns + 1, run, "sum-up", "postings", postings, inputs, partition_s)
            totals = {"account": accounts(np.arange(ACCOUNTS)), "amount_eur": np.arange(ACCOUNTS) + float(hour)}
            log.write(time_ns + 2, run, "sum-up", "totals", totals, [("postings", made)], partition_s)
    ids, schema = Ids([7], Streams(1)), schema_of("ledgers")
    return Observed(
        describe(load_system(str(SYSTEM), SYSTEM.parent), 3600.0 * hours),
        dict(dataset_tables(log.writes, ids, 0, schema)), [], [],
        lineage=lineage_events(log.writes, (), ids, 0, "ledger"),
    )  # fmt: skip


def some(columns: Columns, rows: Any) -> Columns:
    """Some rows, by their places."""
    return {
        name: Coded(one.codes[rows], one.texts) if isinstance(one, Coded) else one[rows]
        for name, one in columns.items()
    }
