"""A run without a fault shares the past of the run with it, and gives what a run of its own gives, byte for byte."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.injection.levers import (
    ComponentLimit,
    ComponentRestart,
    ComponentSlow,
    ConfigSet,
    LeverValue,
    LinkCut,
    LinkDelay,
    LinkThrottle,
    PopulationSurge,
    TableLock,
    TableSlow,
)
from lab.investigation.remedies import apply
from lab.runs.following import follow
from lab.testbeds.driver import Deed
from lab.testbeds.sim.branches import latest
from lab.testbeds.sim.session import SimSession
from lab.testbeds.sim.testbed import SimTestbed
from tests.branches import compared, written
from tests.simulated import FAULTS, scenario

CHAIN = Path(__file__).parents[1] / "systems" / "chain.system.yaml"
SLOW_LINK = {"type": "network-latency", "target": "orders->db", "at": "40s", "for": "30s"}
THROTTLE = {"type": "cpu-throttle", "target": "orders", "at": "60s", "for": "20s"}
SURGE = {"type": "traffic-surge", "target": "people", "at": "30s", "for": "60s", "with": {"rate": "20/s"}}


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
        compared(session, recorded, without, tmp_path)


@pytest.mark.parametrize(
    ("without", "at_s", "remedy", "place"),
    [
        (["f2"], 70.0, "restart", "feed"),
        (["f2"], 70.0, "resume-job", "feed"),
        (["f1"], 70.0, "restore-cpu", "model"),
        (["f2"], 45.0, "restart", "db"),
        (["f1", "f2"], 85.0, "set-timeout", "desk/steps.db_get.timeout_s"),
    ],
)
def test_a_twin_has_what_persons_did_and_what_they_ended_is_ended_there_too(
    tmp_path: Path, without: Collection[str], at_s: float, remedy: str, place: str
) -> None:
    """A restart leaves what others hold, also in a copy whose holds began in the run that it was made from."""
    faults = [
        {**FAULTS["feed-stall"], "at": "40s", "for": "80s"},
        {**FAULTS["cpu-throttle"], "at": "60s", "for": "60s"},
    ]
    loaded = scenario(tmp_path, duration_s=120, rate_per_s=30, faults=faults)
    value = 0.3 if remedy.startswith("set-") else None
    deed = Deed(at_s, lambda testbed: apply(testbed, remedy, place, value))
    with SimSession(loaded, 3) as session:
        follow(session, loaded, deeds=[deed])
        compared(session, session.finish(), without, tmp_path)


def test_a_copy_has_every_lever_as_it_is(tmp_path: Path) -> None:
    """Levers that are pulled when the copy is made have their effect in it, and can be put back there."""
    pulled: list[tuple[str, LeverValue]] = [
        ("orders", ComponentRestart(away_s=12.0)),
        ("front", ComponentSlow(factor=3.0)),
        ("db", ComponentLimit(workers=1, cpu=0.5)),
        ("front->orders", LinkDelay(latency_s=0.02, jitter_s=0.01)),
        ("orders->db", LinkCut(direction="response", fraction=0.2)),
        ("people->front", LinkThrottle(bytes_per_s=40_000)),
        ("db/orders", TableSlow(seconds=0.01)),
        ("db/orders", TableLock()),
        ("front/steps.orders_get.timeout_s", ConfigSet(value=0.2)),
        ("people", PopulationSurge(rate_per_s=10)),
    ]
    loaded = scenario(tmp_path, system=str(CHAIN), duration_s=60, rate_per_s=30)
    for i, (element, value) in enumerate(pulled):
        testbed = SimTestbed(loaded, 1)
        testbed.advance(20)
        testbed.write(type(value), element, value)
        testbed.advance(25.3)
        copy = testbed.branch()
        for bed in (testbed, copy):
            assert bed.read(type(value), element) == value
            bed.advance(40)
            bed.write(type(value), element, None)
            bed.advance(60)
        mine, its = written(testbed.finish(), tmp_path / f"{i}"), written(copy.finish(), tmp_path / f"{i} copy")
        assert mine == its, value
