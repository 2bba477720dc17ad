"""What a run left in a collector that cannot be asked: what is missing is said, so that nobody takes it for all."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lab.agreed.run import Run
from lab.systems.files import load_system
from lab.testbeds.stack.collect import fetch
from lab.testbeds.stack.compose import NoContainerError
from lab.worlds.shop.catalog import make_catalog
from lab.worlds.shop.stack import STACK
from lab.worlds.shop.training import train

RUN = Run(seed=1, start_unix_s=0.0, duration_s=10.0, warmup_s=0.0, stages=((10.0, 1.0),), time_scale=1.0)


def test_what_could_not_be_fetched_is_named_as_missing(tmp_path: Path) -> None:
    def gone(service: str, *_: Any) -> Any:
        raise NoContainerError(f"service {service!r} has no container")

    system = load_system("recommender")
    assert system.world is not None
    seed = system.world.seed
    session: Any = SimpleNamespace(
        token=str, state=tmp_path, system=system, part=STACK, versions=[train(make_catalog(seed), seed, 1, {})],
        compose=SimpleNamespace(url=gone, container=gone), testbed=SimpleNamespace(changes_log=[]),
    )  # fmt: skip
    collected = fetch(session, RUN, [])
    assert "the collector did not answer" in collected.unwritten
    assert "service 'collector' has no container" in collected.unwritten
