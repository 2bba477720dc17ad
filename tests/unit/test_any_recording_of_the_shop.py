"""The engine answers on any recording of the shop, however it was edited."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from lab.contracts import Verdict
from lab.engines.rules.inference import infer
from lab.engines.rules.shipped import shipped_tree
from lab.recording.observed import Observed
from lab.recording.schema import schema_of
from tests.any_recording import edited, edits
from tests.sim_runs import observe, scenario

TREE = shipped_tree("shop")
FIXED = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    fault = {"type": "stale-cache", "target": "cache", "at": "50s", "for": "40s"}
    return observe(scenario(tmp_path_factory.mktemp("recorded"), duration_s=100, rate_per_s=10, faults=[fault]))


@FIXED
@given(edit=edits(schema_of("shop")))
def test_the_engine_answers_on_any_recording(recorded: Observed, edit: dict[str, Any]) -> None:
    observed = edited(recorded, edit)
    answer = infer(observed, TREE)
    if not any(len(table) for table in observed.tables.values()):
        assert answer.verdict is not Verdict.FAULT
