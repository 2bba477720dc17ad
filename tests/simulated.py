"""Small scenarios on the embedded testbed: written, loaded and run in one call.

The system is that of `tests/systems/bookings.system.yaml`, which has no world, unless a test says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from lab.recording.observed import Observed
from lab.registration.observability import Observability
from lab.runs.following import follow
from lab.scenario import LoadedScenario, load_scenario
from lab.testbeds.driver import Recorded
from lab.testbeds.sim.session import SimSession

Use = Mapping[str, Any]
"""A fault or decoy as in a scenario file, without its id."""

SYSTEMS = Path(__file__).parent / "systems"
BOOKINGS = str(SYSTEMS / "bookings.system.yaml")
CHAIN = str(SYSTEMS / "chain.system.yaml")
NIGHTLY = str(SYSTEMS / "nightly.system.yaml")
THREADS = str(SYSTEMS / "threads.system.yaml")
BUSY = str(SYSTEMS / "busy.system.yaml")
NAME = "needle-in-a-haystack"

FAULTS: Mapping[str, Use] = {
    "network-partition": {"type": "network-partition", "target": "desk->db"},
    "network-partition, mild": {"type": "network-partition", "target": "desk->model", "with": {"fraction": "30%"}},
    "network-partition, one way": {
        "type": "network-partition", "target": "desk->rules", "with": {"direction": "response"},
    },
    "network-latency": {"type": "network-latency", "target": "desk->model"},
    "network-latency, mild": {
        "type": "network-latency", "target": "desk->db", "with": {"latency": "15ms", "jitter": "3ms"},
    },
    "feed-stall": {"type": "feed-stall", "target": "feed"},
    "feed-stall, mild": {"type": "feed-stall", "target": "feed", "with": {"delay": "20s"}},
    "slow-query": {"type": "slow-query", "target": "db", "with": {"table": "rooms"}},
    "slow-query, mild": {"type": "slow-query", "target": "db", "with": {"table": "rooms", "delay": "10ms"}},
    "cpu-throttle": {"type": "cpu-throttle", "target": "model"},
    "cpu-throttle, mild": {"type": "cpu-throttle", "target": "db", "with": {"cpu": "60%"}},
}  # fmt: skip
"""Every registered fault that needs neither a world nor pools, by default and mild, on the bookings."""

OF_POOLS: Mapping[str, Use] = {
    "pool-shrunk of connections": {"type": "pool-shrunk", "target": "orders", "with": {"pool": "db"}},
    "pool-shrunk of connections, mild": {"type": "pool-shrunk", "target": "orders", "with": {"pool": "db", "size": 2}},
    "pool-shrunk of threads": {"type": "pool-shrunk", "target": "orders", "with": {"pool": "workers", "size": 2}},
}
"""Every registered fault that needs pools, on the system `THREADS`."""

DECOYS: Mapping[str, Use] = {
    "traffic-surge": {"type": "traffic-surge", "target": "people", "with": {"rate": "10/s"}},
}
"""Every registered decoy that needs no world, on the bookings."""


def text(
    *,
    name: str = NAME,
    system: str = BOOKINGS,
    duration_s: float = 90,
    rate_per_s: float = 20,
    faults: Sequence[Use] = (),
    decoys: Sequence[Use] = (),
    **more: Any,
) -> str:
    """A scenario file. Faults get the ids f1, f2…, decoys d1, d2…, unless they have one."""
    content = {
        "schema_version": 1,
        "name": name,
        "system": system,
        "duration": f"{duration_s}s",
        "load": {"stages": [{"for": f"{duration_s}s", "rate": f"{rate_per_s}/s"}]},
        "faults": [{"id": f"f{i}", **use} for i, use in enumerate(faults, 1)],
        "decoys": [{"id": f"d{i}", **use} for i, use in enumerate(decoys, 1)],
        **more,
    }
    return json.dumps(content, indent=1)


def scenario(directory: Path, *, observability: Observability = "rich", **content: Any) -> LoadedScenario:
    """Writes and loads a scenario; tests see everything unless they are about seeing less."""
    path = directory / f"{content.get('name', NAME)}.scenario.yaml"
    path.write_text(text(**content), encoding="utf-8")
    return load_scenario(path).seen_by(observability)


def ran(loaded: LoadedScenario, seed: int = 1) -> tuple[SimSession, Recorded]:
    """A session of a scenario after its run, for a look inside, and what was recorded."""
    with SimSession(loaded, seed) as session:
        follow(session, loaded)
        return session, session.finish()


def observe(loaded: LoadedScenario, seed: int = 1, *, without: str | None = None) -> Observed:
    """Runs a scenario (or the same without a fault or decoy) and returns what could be observed."""
    left = {
        section: tuple(use for use in getattr(loaded.scenario, section) if use.id != without)
        for section in ("faults", "decoys")
    }
    _, recorded = ran(replace(loaded, scenario=loaded.scenario.model_copy(update=left)), seed)
    return recorded.observed


def digests(directory: Path) -> dict[str, str]:
    """SHA-256 of each file under a directory by its relative path."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}
