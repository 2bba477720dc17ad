"""The request engine beside a naive SimPy model of the same chain: CPU per request, in one process, rounds interleaved.

Both simulate the same hops with the same parameters: users -> gateway -> features (-> db for the fifth that
misses) -> model -> rules; a bounded number of workers, client timeouts, one retry, server work that is not
cancelled, and half a minute in which the model is six times slower. Neither scores anything. The naive model is
what one writes first: a process per hop, a resource per component, `any_of` over answer and timeout, a dict per span.

Exit code 1 when the engine needs more than half of the naive model's CPU, both without recording.

    python benchmarks/engine_vs_naive.py [rounds]
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log
from random import Random
from statistics import median
from time import process_time
from typing import Any

import numpy as np
import simpy

from lab.clock import NS
from lab.injection.levers import ComponentSlow
from lab.recording.recorder import NullRecorder, Recorder
from lab.recording.sides import SERVER
from lab.recording.status import MISS, OK
from lab.streams import Streams
from lab.systems.topology import System
from lab.testbeds.sim.engine import RequestEngine
from lab.testbeds.sim.sources import Source
from lab.testbeds.sim.state import build

MAY_NEED = 0.5
ROUNDS = 5
REQUESTS = 20_000
RATE_PER_S = 100.0
SIGMA = 0.5
MISS_RATIO = 0.2
SLOW = (150.0, 180.0, 3.0)
"""From, until (seconds), and the factor on the model's service time."""


@dataclass(frozen=True)
class Tier:
    """A component: workers, mean service time, and its callers' timeout and retries."""

    workers: int
    mean_s: float
    timeout_s: float
    retries: int


TIERS = {
    "gateway": Tier(4, 0.002, 5.0, 0),
    "features": Tier(4, 0.010, 0.060, 1),
    "db": Tier(4, 0.015, 0.500, 0),
    "model": Tier(4, 0.015, 0.100, 1),
    "rules": Tier(2, 0.008, 0.050, 1),
}


@dataclass(frozen=True)
class Outcome:
    """What one round did: requests that failed, components' handlings (server spans) and CPU seconds."""

    failed: int
    handled: int
    cpu_s: float


class Naive:
    """The chain as one writes it first."""

    def __init__(self, seed: int, *, records: bool) -> None:
        self.random = Random(seed)
        self.env = simpy.Environment()
        self.workers = {name: simpy.Resource(self.env, tier.workers) for name, tier in TIERS.items()}
        self.mu = {name: log(tier.mean_s) - SIGMA**2 / 2 for name, tier in TIERS.items()}
        self.factor = dict.fromkeys(TIERS, 1.0)
        self.records = records
        self.spans: list[dict[str, Any]] = []
        self.ids = 0
        self.handled = 0
        self.failed = 0

    def new_id(self) -> int:
        self.ids += 1
        return self.ids

    def service_s(self, name: str) -> float:
        return self.random.lognormvariate(self.mu[name], SIGMA) * self.factor[name]

    def span(self, **attributes: Any) -> None:
        if self.records:
            self.spans.append(attributes)

    def serve(self, name: str, trace: int, parent: int, attempt: int) -> Iterator[Any]:
        """One component handles one request: own work on a worker, then the calls it makes."""
        arrived, span = self.env.now, self.new_id()
        service_s = self.service_s(name)  # as in the engine, work keeps the pace at which it came in
        with self.workers[name].request() as worker:
            yield worker
            yield self.env.timeout(service_s)
        good = True
        if name == "features" and self.random.random() < MISS_RATIO:
            good = yield self.env.process(self.call("db", trace, span))
        elif name == "gateway":
            for callee in ("features", "model", "rules"):
                good = yield self.env.process(self.call(callee, trace, span))
                if not good:
                    break
        self.handled += 1
        self.span(trace=trace, span=span, parent=parent, service=name, kind="server", attempt=attempt, start=arrived,
                  end=self.env.now, status="ok" if good else "error")  # fmt: skip
        return good

    def call(self, name: str, trace: int, parent: int) -> Iterator[Any]:
        """One call with its timeout and retries; true when it was answered well in time."""
        for attempt in range(TIERS[name].retries + 1):
            started, span = self.env.now, self.new_id()
            answer = self.env.process(self.serve(name, trace, span, attempt))
            yield self.env.any_of([answer, self.env.timeout(TIERS[name].timeout_s)])
            good = answer.triggered and answer.value
            self.span(trace=trace, span=span, parent=parent, service=name, kind="client", attempt=attempt,
                      start=started, end=self.env.now, status="ok" if good else "error")  # fmt: skip
            if good:
                return True
        return False

    def request(self, trace: int) -> Iterator[Any]:
        good = yield self.env.process(self.call("gateway", trace, 0))
        self.failed += not good

    def arrivals(self) -> Iterator[Any]:
        for number in range(REQUESTS):
            yield self.env.timeout(self.random.expovariate(RATE_PER_S))
            self.env.process(self.request(number))

    def slow_down(self) -> Iterator[Any]:
        begin_s, end_s, factor = SLOW
        yield self.env.timeout(begin_s)
        self.factor["model"] = factor
        yield self.env.timeout(end_s - begin_s)
        self.factor["model"] = 1.0


def run_naive(seed: int, *, records: bool) -> Outcome:
    """One round of the naive model."""
    began = process_time()
    model = Naive(seed, records=records)
    model.env.process(model.arrivals())
    model.env.process(model.slow_down())
    model.env.run()
    return Outcome(model.failed, model.handled, process_time() - began)


def chain() -> System:
    """The chain as a topology; the look-up that misses is own code of `features`."""

    def call(name: str, **more: Any) -> dict[str, Any]:
        tier = TIERS[name]
        return {"name": f"to_{name}", "call": name, "timeout": f"{tier.timeout_s}s", "retries": tier.retries, **more}

    steps = {
        "gateway": [call("features"), call("model"), call("rules")],
        "features": [{"name": "look_up", "run": "look_up"}, call("db", unless="look_up")],
    }
    components: dict[str, Any] = {"users": {"kind": "users", "steps": [call("gateway")]}}
    for name, tier in TIERS.items():
        components[name] = {
            "kind": "service", "workers": tier.workers, "max_wait": "60s", "steps": steps.get(name, []),
            "service_time": {"mean": f"{tier.mean_s}s", "cv": float(np.sqrt(np.expm1(SIGMA**2)))},
        }  # fmt: skip
    links = ("users->gateway", "gateway->features", "features->db", "gateway->model", "gateway->rules")
    # The naive model has no network either.
    return System.model_validate(
        {
            "schema_version": 1,
            "name": "chain",
            "components": components,
            "links": {link: {"latency": "0s"} for link in links},
        }
    )


class Counting(NullRecorder):
    """Counts the handlings and keeps nothing; only for the first, unmeasured round."""

    handled = 0

    def span(self, request: int, start_ns: int, end_ns: int, path: int, edge: int, status: int, side: int) -> None:
        self.handled += side == SERVER


def run_engine(seed: int, recorder: Recorder) -> Outcome:
    """One round of the request engine, its draws and SimPy's control events included."""
    began = process_time()
    streams = Streams(seed)
    rng = streams.generator("arrivals")
    times = np.rint(np.cumsum(rng.exponential(1 / RATE_PER_S, REQUESTS)) * NS).astype(np.int64).tolist()
    misses = (streams.generator("misses").random(REQUESTS) < MISS_RATIO).tolist()
    failed = 0

    def complete(source: Source, n: int, now_ns: int, status: int) -> None:
        nonlocal failed
        failed += status != OK

    state = build(chain(), {"look_up": lambda visit, now_ns: MISS if misses[visit.n] else OK})
    engine = RequestEngine(state, recorder, complete)
    engine.open(Source("load", 0, times, streams))
    env = simpy.Environment()

    def slow_down() -> Iterator[Any]:
        model = state.components["model"]
        for at_s, slow in ((SLOW[0], ComponentSlow(factor=SLOW[2])), (SLOW[1], None)):
            yield env.timeout(round(at_s * NS) - env.now)
            model.slow = slow
            model.update(env.now)

    env.process(slow_down())
    while (at := env.peek()) != simpy.core.Infinity:
        engine.advance(at)
        env.step()
    engine.advance(times[-1] + 3600 * NS)
    return Outcome(failed, getattr(recorder, "handled", 0), process_time() - began)


def main(rounds: int) -> int:
    """Prints the figures; 1 when the engine needs more than it may."""
    naive, engine = run_naive(1, records=False), run_engine(1, Counting())
    print(
        f"{REQUESTS} requests a round at {RATE_PER_S:g}/s; from {SLOW[0]:g} to {SLOW[1]:g} s model is "
        f"{SLOW[2]:g} times slower"
    )
    for name, outcome in (("naive", naive), ("engine", engine)):
        share = outcome.failed / REQUESTS
        print(f"{name:7} {outcome.handled / REQUESTS:.2f} handlings a request, {share:.1%} of the requests failed")
    sides: dict[str, Callable[[int], Outcome]] = {
        "naive": lambda seed: run_naive(seed, records=False),
        "engine": lambda seed: run_engine(seed, NullRecorder()),
        "naive, dict spans": lambda seed: run_naive(seed, records=True),
        "engine, recorder": lambda seed: run_engine(seed, Recorder()),
    }
    took: dict[str, list[float]] = {name: [] for name in sides}
    for seed in range(2, rounds + 2):
        for name, run in sides.items():
            gc.collect()
            took[name].append(run(seed).cpu_s / REQUESTS * 1e6)
    for name, each in took.items():
        print(f"{name:18} {median(each):6.1f} µs CPU a request (of {rounds} rounds {min(each):.1f} to {max(each):.1f})")
    ratio = median(e / n for e, n in zip(took["engine"], took["naive"], strict=True))
    recorded = median(e / n for e, n in zip(took["engine, recorder"], took["naive, dict spans"], strict=True))
    print(f"engine / naive: {ratio:.2f} without recording (at most {MAY_NEED:g}), {recorded:.2f} with")
    return int(ratio > MAY_NEED)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
