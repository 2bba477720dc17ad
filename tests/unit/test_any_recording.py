"""The reference engine on any valid recording: short, long, empty, constant, holed. It answers, and never raises."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
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
from tests.sim_runs import observe, scenario

TREE = shipped_tree("shop")
SHOP = schema_of("shop")
TABLES = {name: table.columns for name, table in SHOP.tables.items()}
NULLABLE = [(table, c.name) for table, columns in TABLES.items() for c in columns if c.null and "*" not in c.name]
METRICS = ["client.timeout.count", "server.request.count", "process.cpu.utilization", "job.last_success.age"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    fault = {"type": "network-partition", "target": "features->db", "at": "60s", "for": "40s"}
    directory = tmp_path_factory.mktemp("recorded")
    return observe(scenario(directory, duration_s=150, rate_per_s=8, faults=[fault]))


@st.composite
def edits(draw: st.DrawFn) -> dict[str, Any]:
    """What to do to a recording."""
    return {
        "duration_s": draw(st.sampled_from([0, 3, 5, 12, 49, 50, 55, 100, 150, 600, 20_000])),
        "shift_s": draw(st.sampled_from([0.0, 0.0, 70.0, 140.0])),
        "rows": {name: draw(st.sampled_from([0, 1, 2, 30, 10**9, 10**9, 10**9])) for name in TABLES},
        "absent": draw(st.sets(st.sampled_from(sorted(TABLES)), max_size=2)),
        "nulls": draw(st.sets(st.sampled_from(NULLABLE), max_size=4)),
        "left_out": draw(st.sets(st.sampled_from(NULLABLE), max_size=3)),
        "metrics_left_out": draw(st.sets(st.sampled_from(METRICS), max_size=3)),
        "constant": draw(st.none() | st.sampled_from([0.0, 1.0, -1.0, 1e12])),
        "reference": draw(st.sets(st.sampled_from(["contract.json", "registry.json", "training_sample.parquet"]))),
    }


def edited(observed: Observed, edit: dict[str, Any]) -> Observed:
    given = {name: table for name, table in observed.tables.items() if name not in edit["absent"]}
    return replace(
        observed,
        system={**observed.system, "duration_s": float(edit["duration_s"])},
        tables={name: edited_table(name, table, edit) for name, table in given.items()},
        reference={name: content for name, content in observed.reference.items() if name not in edit["reference"]},
        _frames={},
    )


def edited_table(name: str, whole: pa.Table, edit: dict[str, Any]) -> pa.Table:
    frame = whole.slice(0, edit["rows"][name]).to_pandas()
    frame["time_s"] = (frame["time_s"] - edit["shift_s"]).clip(lower=5.0 if name == "metrics" else 0.0)
    frame = frame[frame["time_s"] <= edit["duration_s"]]
    if name == "metrics":
        frame = frame[~frame["metric"].isin(list(edit["metrics_left_out"]))]
        if edit["constant"] is not None:
            frame = frame.assign(value=edit["constant"])
    left_out = {column for owner, column in edit["left_out"] if owner == name}
    nulls = {column for owner, column in edit["nulls"] if owner == name}
    kept = [field for field in whole.schema if field.name not in left_out]
    columns = [
        pa.nulls(len(frame), field.type)
        if field.name in nulls
        else pa.array(frame[field.name], field.type, from_pandas=True)
        for field in kept
    ]
    return pa.table(columns, schema=pa.schema(kept))


def valid(answer: Diagnosis) -> bool:
    """Whether an answer survives being written and read."""
    return Diagnosis.from_json(json.loads(json.dumps(answer.to_json(), allow_nan=False))) == answer


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edit=edits())
def test_the_engine_answers_on_any_recording(recorded: Observed, tmp_path: Path, edit: dict[str, Any]) -> None:
    observed = edited(recorded, edit)
    answer = infer(observed, TREE)
    assert valid(answer)
    if not any(len(table) for table in observed.tables.values()):
        assert answer.verdict is not Verdict.FAULT


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edit=edits(), share=st.floats(1e-3, 0.999))
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
        "duration_s": 20, "shift_s": 0.0, "rows": dict.fromkeys(TABLES, 1), "absent": {"predictions"}, "nulls": set(),
        "left_out": {("features", "entry_age_s"), ("spans", "parent_span_id")}, "metrics_left_out": set(),
        "constant": None, "reference": set(),
    }  # fmt: skip
    edited(recorded, edit).write(tmp_path / "observed")
    assert valid(infer(load_observed(tmp_path / "observed"), TREE))
    assert valid(loudest_anomaly(tmp_path / "observed"))


def test_nothing_recorded_is_not_called_healthy(recorded: Observed) -> None:
    empty = replace(recorded, tables={}, alerts=[], reference={}, _frames={})
    answer = infer(empty, TREE)
    assert answer.verdict is Verdict.UNSURE
    assert ("network-partition", "features->db") in {(one.kind, one.culprit) for one in answer.not_judged}
