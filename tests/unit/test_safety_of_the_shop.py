"""A stop condition on what only the shop has: its click-through ends a run as any other SLI does."""

from __future__ import annotations

from pathlib import Path

from tests.sim_runs import ran, scenario


def test_an_sli_of_the_world_can_stop_a_run(tmp_path: Path) -> None:
    condition = {"sli": "click_through_ratio", "below": "99%", "for": "5s"}
    session, _ = ran(scenario(tmp_path, safety={"stop_when": [condition]}))
    assert "click_through_ratio" in session.ended
