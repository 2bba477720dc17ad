"""A run without a fault shares the past of the run with it, and gives what a run of its own gives, byte for byte."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.recording.observed import Observed
from lab.runs.following import follow
from lab.testbeds.sim.branches import latest
from lab.testbeds.sim.session import SimSession
from tests.sim_runs import digests, scenario

CHAIN = Path(__file__).parents[1] / "systems" / "chain.system.yaml"
SLOW_LINK = {"type": "network-latency", "target": "orders->db", "at": "40s", "for": "30s"}
THROTTLE = {"type": "cpu-throttle", "target": "orders", "at": "60s", "for": "20s"}
SURGE = {"type": "traffic-surge", "target": "people", "at": "30s", "for": "60s", "with": {"rate": "20/s"}}


def written(observed: Observed, directory: Path) -> dict[str, str]:
    observed.write(directory)
    return digests(directory)


@pytest.mark.parametrize(
    ("faults", "decoys", "without", "shares"),
    [
        ([SLOW_LINK], [], ["f1"], 0),
        ([SLOW_LINK, {**THROTTLE, "at": "80s"}], [], ["f2"], 2),
        ([SLOW_LINK, THROTTLE], [], ["f2"], 0),
        ([THROTTLE], [{**SURGE, "for": "10s"}], ["f1"], 2),
        ([THROTTLE], [SURGE], ["f1"], 0),
        ([THROTTLE], [SURGE], ["d1"], 0),
        ([THROTTLE], [SURGE], ["f1", "d1"], 0),
    ],
    ids=[
        "from the fault on",
        "from the second fault on",
        "from the first on, for it is reverted later",
        "after a decoy",
        "from the decoy on, for it is reverted later",
        "a fault without its decoy",
        "neither",
    ],
)  # fmt: skip
def test_a_shared_past_shows_in_nothing(
    tmp_path: Path, faults: list[Mapping[str, Any]],
    decoys: list[Mapping[str, Any]], without: Collection[str], shares: int,
) -> None:  # fmt: skip
    loaded = scenario(
        tmp_path, system=str(CHAIN), duration_s=120, rate_per_s=30, faults=faults, decoys=decoys,
        safety={"stop_when": [{"sli": "error_ratio", "above": 0.99, "for": "60s"}]},
    )  # fmt: skip
    with SimSession(loaded, 3) as session:
        follow(session, loaded)
        recorded = session.finish()
        branch = latest(session._branches, session._done, without)
        assert branch is not None
        assert branch.position == shares
        assert recorded.twin is not None
        shared = written(recorded.twin(without), tmp_path / "shared")
        assert written(recorded.twin(without), tmp_path / "again") == shared
        session._branches.clear()
        assert written(recorded.twin(without), tmp_path / "alone") == shared
        assert written(recorded.observed, tmp_path / "run") != shared
