"""Runs of the chain system made up by arrays: sides for the recorder without a testbed, as many as are wanted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lab.clock import NS
from lab.draws import mixed, stream_key, uniforms
from lab.recording.blocks import BlockRecorder
from lab.recording.ids import Ids
from lab.recording.sides import CLIENT, CLIENT_FINAL, SERVER, Sides, make_sides
from lab.recording.status import ERROR, OK, TIMEOUT
from lab.streams import Streams
from lab.systems.calls import CallGraph
from lab.systems.files import load_system
from lab.systems.topology import Observe, Sampling, System, World

CHAIN = load_system(str(Path(__file__).parent / "systems" / "chain.system.yaml"))
GRAPH = CallGraph(CHAIN)
VISIT, ORDERS, ROWS = range(3)
"""The calls of the chain: people to front, front to orders, orders to db."""
TIMEOUT_NS = 2 * NS


def key_of(seed: int) -> int:
    """The key of the one stream of requests."""
    return stream_key(Streams(seed), "load")


def chain(*, seed: int = 1, observability: str = "usual", **sampling: float | None) -> BlockRecorder:
    """A recorder of ten minutes of the chain."""
    return BlockRecorder(system(observability, **sampling), 0, 600 * NS, Ids([key_of(seed)], Streams(seed)))


def system(observability: str = "usual", scrape_interval_s: float = 5.0, **sampling: float | None) -> System:
    """The chain with these settings of its telemetry, and a world with a table."""
    kept = Sampling.model_construct(**{**FULL, **sampling})
    observe = Observe.model_construct(scrape_interval_s=scrape_interval_s, sampling=kept)
    return CHAIN.model_copy(update={"observe": observe, "observability": observability, "world": World(name="records")})


FULL = Sampling().model_dump()


def made_up(seed: int, first: int, count: int, *, per_s: float = 20.0, failing: float = 0.02) -> Sides:
    """Sides of requests `first` to `first + count`, which arrive evenly; some fail, and some are given up by users.

    What is given up goes on: its other sides end up to ten seconds later. One in fifty is tried again by `front`.
    """
    n = np.arange(first, first + count)
    draws = uniforms(key_of(seed), n, 900, 8)
    start = (n / per_s * NS).astype(np.int64)
    root = mixed(n.astype(np.uint64) + np.uint64(seed << 40))
    lengths = (5e6 * -np.log1p(-draws[:, :4])).astype(np.int64)  # exponential, mean 5 ms
    is_late, fails, again = draws[:, 4] < 0.01, draws[:, 5] < failing, draws[:, 6] < 0.02
    work = np.where(is_late, (8e9 * draws[:, 7]).astype(np.int64) + TIMEOUT_NS, lengths[:, 0])
    status = np.where(fails, ERROR, OK)
    gap = 300_000

    def call(mask: np.ndarray, begin: np.ndarray, length: np.ndarray, **what: object) -> Sides:
        values = {name: value[mask] if isinstance(value, np.ndarray) else value for name, value in what.items()}
        start_ns = begin[mask]
        return make_sides(int(mask.sum()), request=n[mask], start_ns=start_ns, end_ns=start_ns + length[mask], **values)

    every = np.ones(count, bool)
    rows_begin, rows_length = start + 4 * gap, work
    orders, below = mixed(root + np.uint64(7)), mixed(root + np.uint64(9))
    whole = work + lengths[:, 1] + 8 * gap
    given_up = whole > TIMEOUT_NS
    seen = np.where(given_up, TIMEOUT_NS, whole)
    of_orders = {"edge": ORDERS, "parent": root, "attempt": again.astype(np.uint8), "key": orders}
    return np.concatenate(
        [
            call(every, start, seen, edge=VISIT, side=CLIENT_FINAL, key=root,
                 status=np.where(given_up, TIMEOUT, status)),
            call(every, start + gap, whole - 2 * gap, edge=VISIT, side=SERVER, key=root, status=status),
            call(again, start + gap, np.full(count, gap), edge=ORDERS, side=CLIENT, parent=root,
                 key=mixed(root + np.uint64(5)), status=TIMEOUT),
            call(every, start + 2 * gap, whole - 4 * gap, side=CLIENT_FINAL, status=status, **of_orders),
            call(every, start + 3 * gap, whole - 6 * gap, side=SERVER, status=status, **of_orders),
            call(every, rows_begin, rows_length + gap, edge=ROWS, side=CLIENT_FINAL, key=below, parent=orders),
            call(every, rows_begin + gap // 2, rows_length, edge=ROWS, side=SERVER, key=below, parent=orders),
        ]
    )  # fmt: skip
