"""Twins that share the past of a run of the shop: its content's state is copied as well as the plane's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.clock import NS
from lab.scenario.timeline import moments
from lab.testbeds.sim.branches import latest
from lab.testbeds.sim.session import SimSession
from tests.branches import compared
from tests.sim_runs import DECOYS, FAULTS, scenario

SURGE_THEN = {**DECOYS["traffic-surge"], "at": "15s", "for": "20s"}
DEPLOYED = {**DECOYS["deploy"], "at": "20s"}
FROM_40 = {"at": "40s", "for": "30s"}


@pytest.mark.parametrize(
    ("faults", "decoys", "without"),
    [
        (["stale-cache"], [SURGE_THEN], ["f1"]),
        (["feed-stall"], [DEPLOYED], ["f1"]),
        (["schema-corruption renames"], [SURGE_THEN, DEPLOYED], ["f1", "d1"]),
        (["model-regression"], [], ["f1"]),
        (["network-partition, mild", "schema-corruption nulls, mild"], [], ["f2"]),
        (["network-partition, mild", "stale-cache, mild"], [DEPLOYED], ["f1", "f2"]),
    ],
    ids=lambda value: ",".join(value) if value and isinstance(value[0], str) else "",
)
def test_a_shared_past_shows_in_nothing(
    tmp_path: Path, faults: list[str], decoys: list[Mapping[str, Any]], without: Collection[str]
) -> None:
    """What was looked at on the way shows in neither."""
    uses = [{**FAULTS[name], **FROM_40, "at": f"{40 + 5 * i}s"} for i, name in enumerate(faults)]
    loaded = scenario(tmp_path, faults=uses, decoys=decoys)
    with SimSession(loaded, 3) as session:
        for moment in moments(loaded.scenario):
            session.advance(moment.at_ns / NS - 1.5)
            session.observed(session.now_s)
            session.advance(moment.at_ns / NS)
            (session.inject if moment.begins else session.revert)(moment.use)
        session.advance(session.duration_s)
        recorded = session.finish()
        assert latest(session._branches, session._done, without) is not None
        compared(session, recorded, without, tmp_path)
