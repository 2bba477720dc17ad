"""A call of the shop that its caller has given up may still arrive; what comes of it is served to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim_runs import observe, scenario

pytestmark = pytest.mark.slow
AT_S, UNTIL_S = 10, 30
LATE = {
    "type": "network-latency", "target": "features->cache", "at": f"{AT_S}s", "for": f"{UNTIL_S - AT_S}s",
    "with": {"latency": "300ms", "jitter": "50ms"},
}  # fmt: skip


def test_features_are_read_before_the_answer_that_they_are_served_in(tmp_path: Path) -> None:
    observed = observe(scenario(tmp_path, duration_s=35, rate_per_s=25, faults=[LATE]))
    spans, read = observed.frame("spans"), observed.frame("features").set_index("trace_id")
    answers = spans[(spans["service.name"] == "shoppers") & (spans["status"] == "ok")].set_index("trace_id")
    answered_s = (answers["time_s"] + answers["duration_s"]).reindex(read.index)
    assert (answered_s > AT_S).sum() > 100
    assert not (read["time_s"] > answered_s).any()
    during = read[(read["time_s"] > AT_S + 1) & (read["time_s"] < UNTIL_S - 1)]
    assert set(during["source"]) == {"db"}, "the cache answers nobody in time"
