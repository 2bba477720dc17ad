"""A call that its caller has given up may still arrive; what comes of it is served to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.scenario import LoadedScenario
from lab.testbeds.sim.session import SimSession
from tests.sim_runs import digests, observe, scenario

pytestmark = pytest.mark.slow
AT_S, UNTIL_S = 10, 30
BEYOND = {"type": "network-latency", "at": f"{AT_S}s", "for": f"{UNTIL_S - AT_S}s"}
LATE = {"latency": "300ms", "jitter": "50ms"}


def late(folder: Path, link: str) -> LoadedScenario:
    """A scenario in which calls over a link arrive after their callers have given them up."""
    return scenario(folder, duration_s=35, rate_per_s=25, faults=[{**BEYOND, "target": link, "with": LATE}])


@pytest.mark.parametrize("link", ["features->cache", "features->db", "features->model", "features->rules"])
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


def test_features_are_read_before_the_answer_that_they_are_served_in(tmp_path: Path) -> None:
    observed = observe(late(tmp_path, "features->cache"))
    spans, read = observed.frame("spans"), observed.frame("features").set_index("trace_id")
    answers = spans[(spans["service.name"] == "shoppers") & (spans["status"] == "ok")].set_index("trace_id")
    answered_s = (answers["time_s"] + answers["duration_s"]).reindex(read.index)
    assert (answered_s > AT_S).sum() > 100
    assert not (read["time_s"] > answered_s).any()
    during = read[(read["time_s"] > AT_S + 1) & (read["time_s"] < UNTIL_S - 1)]
    assert set(during["source"]) == {"db"}, "the cache answers nobody in time"
