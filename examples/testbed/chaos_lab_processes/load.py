"""The people: calls of the entry component at the times that the seed says, whatever comes of them."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

import numpy as np

from chaos_lab_processes.component import Spans, Step, call
from lab.scenario import Stage
from lab.streams import Streams

CALLERS = 64
"""Calls that may wait at once."""


class Load:
    """Sends requests from a thread of its own. Real time; `second_of(unix_s)` tells scenario seconds."""

    def __init__(self, users: str, step: Step, spans: Path) -> None:
        self._users, self._step = users, step
        self._spans = Spans(str(spans))
        self._stop = Event()
        self._thread: Thread | None = None
        self.recent: deque[tuple[float, float, bool]] = deque(maxlen=100_000)
        """Of each request when it ended (Unix time), how long it took, and whether it failed."""

    def start(self, seed: int, stages: list[Stage], start_unix_s: float, time_scale: float) -> None:
        """Begins to send at this time; the first stage may be the warm-up."""
        times_s = start_unix_s + arrivals_s(seed, stages, time_scale)
        self._thread = Thread(target=self._send, args=(times_s,), name="load", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Sends no more, and waits for what is under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _send(self, times_s: np.ndarray) -> None:
        traces = np.random.default_rng(round(times_s[0] * 1e6) if len(times_s) else 0)
        with ThreadPoolExecutor(CALLERS) as callers:
            for at_s in times_s:
                if self._stop.wait(max(0.0, at_s - time.time())):
                    break
                callers.submit(self._call, traces.bytes(16).hex())

    def _call(self, trace: str) -> None:
        began_s = time.time()
        status = call(self._step, self._users, trace, None, self._spans)
        self.recent.append((time.time(), time.time() - began_s, status != "ok"))


def arrivals_s(seed: int, stages: list[Stage], time_scale: float) -> np.ndarray:
    """Real seconds from the start at which requests are sent: Poisson, at the stages' rates in real time."""
    rng = Streams(seed).generator("load", "arrivals")
    found, began_s = [], 0.0
    for stage in stages:
        length_s = stage.for_s / time_scale
        count = rng.poisson(stage.rate_per_s * length_s)
        found.append(began_s + np.sort(rng.random(count)) * length_s)
        began_s += length_s
    return np.concatenate(found)
