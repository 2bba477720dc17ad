"""A call that its caller has given up may still arrive; what comes of it is served to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.scenario import LoadedScenario
from lab.testbeds.sim.session import SimSession
from tests.simulated import digests, observe, scenario

pytestmark = pytest.mark.slow
AT_S, UNTIL_S = 10, 30
BEYOND = {"type": "network-latency", "at": f"{AT_S}s", "for": f"{UNTIL_S - AT_S}s"}
LATE = {"latency": "300ms", "jitter": "50ms"}


def late(folder: Path, link: str) -> LoadedScenario:
    """A scenario in which calls over a link arrive after their callers have given them up."""
    return scenario(folder, duration_s=35, rate_per_s=25, faults=[{**BEYOND, "target": link, "with": LATE}])


@pytest.mark.parametrize("link", ["desk->cache", "desk->db", "desk->model", "desk->rules"])
def test_looking_at_a_run_changes_no_byte_of_it(tmp_path: Path, link: str) -> None:
    """A look settles what was shown so far; what arrives afterwards must find nothing to change."""
    loaded = late(tmp_path, link)
    observe(loaded).write(tmp_path / "plain")
    with SimSession(loaded, 1) as session:
        for second in range(1, 36):
            session.advance(second)
            if second == AT_S:
                session.inject(loaded.scenario.faults[0])
            if second == UNTIL_S:
                session.revert(loaded.scenario.faults[0])
            session.observed(second - 0.5)
        session.finish().observed.write(tmp_path / "looked at")
    assert digests(tmp_path / "looked at") == digests(tmp_path / "plain")
