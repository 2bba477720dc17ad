"""Labs that hold a lever pulled, as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from lab.injection.levers import lever_type
from lab.systems.files import load_system
from lab.testbeds.stack.session import Session
from tests.stack.labs import Lab

LEVERS: dict[str, tuple[str, Any]] = {
    "link.cut": ("features->db", {"direction": "both", "fraction": 1.0}),
    "feed.freeze": ("feed", {}),
    "table.column": ("db/users.age_years", {"change": "rename", "to": "age"}),
    "cache.freeze": ("cache", {"fraction": 0.5}),
    "model.deploy": ("model", {"training": "next-window"}),
    "component.slow": ("rules", {"factor": 5.0}),
    "table.lock": ("db/users", {}),
    "component.limit": ("rules", {"cpu": 0.25}),
    "component.pause": ("rules", {}),
    "component.stop": ("rules", {}),
    "config.set": ("features/steps.db_get.timeout_s", {"value": 0.05}),
}
OF_EACH_WAY = ("link.cut", "table.column", "model.deploy", "component.slow")
"""Of each way in which a lever is kept, one: a lease, the database, the versions on disk, a helper in the container."""
EACH_ONCE: dict[str, tuple[str, Any]] = {
    "cache.mix-keys": ("cache", {"fraction": 0.5}),
    "model.unload": ("model", {}),
    "population.shift": ("shoppers/avg_order_value_eur", {"factor": 2.0}),
    "population.tastes": ("shoppers", {"fraction": 0.5}),
}
"""Kept as others are that are killed at every moment."""


@contextmanager
def lab_holding(lever: str, *moments: str, **environment: str) -> Iterator[Lab]:
    """A lab that pulls this lever and stays at these moments."""
    element, value = (LEVERS | EACH_ONCE)[lever]
    process = Lab(["hold", lever, element, json.dumps(value), *moments], environment)
    try:
        yield process
    finally:
        process.kill()


def await_moment(process: Lab, moment: str) -> None:
    for line in process.stdout:
        if line.strip() == moment:
            return
    pytest.fail(f"the lab ended before {moment!r}: {process.stderr.read()}")


def strike(process: Lab, *numbers: signal.Signals) -> None:
    """Sends signals to a lab that stays at a moment, and lets it go on where they did not end it."""
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.05)
    with suppress(BrokenPipeError):
        os.write(process.stdin.fileno(), b"\n")


def now(lever: str) -> Any:
    """What a process that knows nothing of the others reads."""
    value = Session(load_system("recommender")).testbed.read(lever_type(lever), (LEVERS | EACH_ONCE)[lever][0])
    return value.to_json() if value is not None else None
