"""The request plane beside a naive SimPy model of the same chain, and beside a loop that is hard-coded for it.

All simulate the same hops with the same parameters: users -> gateway -> features (-> db for the fifth that misses) ->
model -> rules; a bounded number of workers, client timeouts, one retry, server work that is not cancelled, and half a
minute in which the model is three times slower. Nobody scores anything. The naive model is what one writes first: a
process per hop, a resource per component, `any_of` over answer and timeout, a dict per span. It stays as it is.

CPU of one process, rounds interleaved: one naive round of 20,000 requests, spans kept as dicts, and the median of five
of the plane, built anew from its system, with its draws, spans kept as blocks; then five of 200,000 requests without
spans on the plane and in `hard_coded.py`. The kernel is compiled, and tables of distributions are computed, before.

    python benchmarks/engine_vs_naive.py [rounds]
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from random import Random
from statistics import median
from time import process_time
from typing import Any

import numpy as np
import simpy
from measuring import Figure, reported, rounds_asked

from lab.systems.topology import System

GOAL, HARD_CODED_GOAL = 1 / 150, 1.6
ROUNDS, SEEDS = 5, 5
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

    def __init__(self, seed: int, requests: int, *, records: bool) -> None:
        self.random = Random(seed)
        self.requests = requests
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
        for number in range(self.requests):
            yield self.env.timeout(self.random.expovariate(RATE_PER_S))
            self.env.process(self.request(number))

    def slow_down(self) -> Iterator[Any]:
        begin_s, end_s, factor = SLOW
        yield self.env.timeout(begin_s)
        self.factor["model"] = factor
        yield self.env.timeout(end_s - begin_s)
        self.factor["model"] = 1.0


def run_naive(seed: int, requests: int = REQUESTS, *, records: bool) -> Outcome:
    """One round of the naive model: so many requests, and the slow half minute once."""
    began = process_time()
    model = Naive(seed, requests, records=records)
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


def measure(rounds: int = ROUNDS) -> list[Figure]:
    """Both figures: with spans beside the naive model, without them beside the hard-coded loop."""
    from chain_on_plane import kept_blocks, run_plane
    from hard_coded import LONG, run_hard_coded

    from lab.runs.memory import keep_pages

    keep_pages()  # as processes do that make recordings
    run_naive(1, records=True)  # a round of each that does not count
    run_plane(1, records=True, take=kept_blocks()[1])
    run_plane(1, records=False)
    run_hard_coded(1)
    beside_naive, beside_hard_coded, took = [], [], []
    for first in range(2, 2 + SEEDS * rounds, SEEDS):
        seeds = range(first, first + SEEDS)
        gc.collect()
        naive = run_naive(first, records=True).cpu_s
        each = []
        for seed in seeds:
            gc.collect()
            each.append(run_plane(seed, records=True, take=kept_blocks()[1]).cpu_s)
        took.append(median(each) / REQUESTS * 1e6)
        beside_naive.append(median(each) / naive)
        plain, loop = [], []
        for seed in seeds:
            gc.collect()
            plain.append(run_plane(seed, LONG, records=False).cpu_s)
            loop.append(run_hard_coded(seed, LONG)[0].cpu_s)
        beside_hard_coded.append(median(plain) / median(loop))
    ns = median(loop) / LONG * 1e9
    return [
        Figure("plane / naive", tuple(beside_naive), GOAL, digits=4, detail=f"{median(took):.2f} µs a request"),
        Figure("plane / hard-coded", tuple(beside_hard_coded), HARD_CODED_GOAL, digits=2, detail=f"{ns:.0f} ns there"),
    ]


def main(rounds: int) -> int:
    """Prints what both do, and the figures; 1 when one of them is missed."""
    from chain_on_plane import handled, run_plane

    naive, plane = run_naive(1, records=False), run_plane(1, records=False)
    print(
        f"{REQUESTS} requests a round at {RATE_PER_S:g}/s; from {SLOW[0]:g} to {SLOW[1]:g} s model is "
        f"{SLOW[2]:g} times slower"
    )
    for name, of, failed in (("naive", naive.handled, naive.failed), ("plane", handled(1), plane.failed)):
        print(f"{name:7} {of / REQUESTS:.2f} handlings a request, {failed / REQUESTS:.1%} of the requests failed")
    return reported(measure(rounds))


if __name__ == "__main__":
    sys.exit(main(rounds_asked(ROUNDS)))
