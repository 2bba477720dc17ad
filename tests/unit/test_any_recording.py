"""The reference engine on any valid recording: short, long, empty, constant, holed. It answers, and never raises."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lab.contracts import Diagnosis, Verdict
from lab.engines.loudest_anomaly import diagnose as loudest_anomaly
from lab.engines.rules.inference import infer
from lab.engines.rules.shipped import shipped_tree
from lab.recording.cut import cut
from lab.recording.observed import Observed, load_observed
from lab.recording.schema import schema_of
from tests.any_recording import edited, edits
from tests.simulated import observe, scenario

TREE = shipped_tree(None)
CORE = schema_of(None)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    fault = {"type": "network-partition", "target": "desk->db", "at": "60s", "for": "40s"}
    directory = tmp_path_factory.mktemp("recorded")
    return observe(scenario(directory, duration_s=150, rate_per_s=8, faults=[fault]))


def valid(answer: Diagnosis) -> bool:
    """Whether an answer survives being written and read."""
    return Diagnosis.from_json(json.loads(json.dumps(answer.to_json(), allow_nan=False))) == answer


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edit=edits(CORE))
def test_the_engine_answers_on_any_recording(recorded: Observed, tmp_path: Path, edit: dict[str, Any]) -> None:
    observed = edited(recorded, edit)
    answer = infer(observed, TREE)
    assert valid(answer)
    if not any(len(table) for table in observed.tables.values()):
        assert answer.verdict is not Verdict.FAULT


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edit=edits(CORE), share=st.floats(1e-3, 0.999))
def test_any_recording_can_be_cut(recorded: Observed, edit: dict[str, Any], share: float) -> None:
    observed = edited(recorded, edit)
    assume(observed.end_s > 0)
    at_s = round(observed.end_s * share, 6)
    shown, twice = cut(observed, at_s), cut(cut(observed, (at_s + observed.end_s) / 2), at_s)
    assert [name for name, table in shown.tables.items() if not twice.tables[name].equals(table)] == []
    assert shown.tables.keys() == observed.tables.keys()
    for name, table in shown.tables.items():
        assert table.schema.names == observed.tables[name].schema.names
        assert all(time_s <= at_s for time_s in table["time_s"].to_pylist())
    assert valid(infer(shown, TREE))


def test_recordings_survive_being_written(recorded: Observed, tmp_path: Path) -> None:
    """A cut-down recording on disk, as engines get it: empty tables, absent columns."""
    edit: dict[str, Any] = {
        "duration_s": 20, "shift_s": 0.0, "rows": dict.fromkeys(CORE.tables, 1), "absent": {"logs"}, "nulls": set(),
        "left_out": {("metrics", "attribute"), ("spans", "parent_span_id")}, "metrics_left_out": set(),
        "constant": None, "reference": set(),
    }  # fmt: skip
    edited(recorded, edit).write(tmp_path / "observed")
    assert valid(infer(load_observed(tmp_path / "observed"), TREE))
    assert valid(loudest_anomaly(tmp_path / "observed"))


def test_nothing_recorded_is_not_called_healthy(recorded: Observed) -> None:
    empty = replace(recorded, tables={}, alerts=[], reference={}, _frames={})
    answer = infer(empty, TREE)
    assert answer.verdict is Verdict.UNSURE
    assert ("network-partition", "desk->db") in {(one.kind, one.culprit) for one in answer.not_judged}


@pytest.mark.parametrize(("intervals", "verdict"), [(9, Verdict.UNSURE), (10, Verdict.HEALTHY)])
def test_a_recording_in_which_nothing_can_stand_out_is_not_called_healthy(
    recorded: Observed, intervals: int, verdict: Verdict
) -> None:
    """Of a few intervals no rule can tell which of them are usual: that nothing stood out says nothing."""
    short = cut(recorded, intervals * float(recorded.system["scrape_interval_s"]))
    assert infer(short, TREE).verdict is verdict
