"""Begins and ends of faults: in order, also where windows touch."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.injection.levers import LinkCut
from lab.scenario.plan import plan
from lab.scenario.timeline import moments
from tests.simulated import ran, scenario

TOUCHING = [("60s", "30s", "90s"), ("50.4s", "30.2s", "80.6s"), ("60.1s", "30.2s", "90.3s")]
"""(first begins, first lasts, second begins): the sums of the floats are not always equal."""


def touching(directory: Path, at: str, length: str, then: str):  # type: ignore[no-untyped-def]
    partition = {"type": "network-partition", "target": "desk->rules", "for": length}
    first = partition | {"at": at, "with": {"direction": "request"}}
    second = partition | {"at": then, "with": {"direction": "response"}}
    return scenario(directory, duration_s=130, rate_per_s=10, faults=[first, second])


@pytest.mark.parametrize(("at", "length", "then"), TOUCHING)
def test_at_one_instant_what_ends_comes_before_what_begins(tmp_path: Path, at: str, length: str, then: str) -> None:
    order = [(m.use.id, m.begins) for m in moments(touching(tmp_path, at, length, then).scenario)]
    assert order == [("f1", True), ("f1", False), ("f2", True), ("f2", False)]


@pytest.mark.parametrize(("at", "length", "then"), TOUCHING)
def test_the_second_of_two_touching_faults_acts_and_everything_is_back_at_the_end(
    tmp_path: Path, at: str, length: str, then: str
) -> None:
    loaded = touching(tmp_path, at, length, then)
    testbed = ran(loaded)[0].levers
    applied = [(e["event"], (e["value"] or {}).get("direction")) for e in testbed.journal_entries]
    assert [entry for entry in applied if entry[0] != "intent"] == [
        ("applied", "request"), ("reverted", None), ("applied", "response"), ("reverted", None),
    ]  # fmt: skip
    assert testbed.read(LinkCut, "desk->rules") is None
    assert [act.event for act in plan(loaded).timeline] == ["pull", "revert", "pull", "revert"]
