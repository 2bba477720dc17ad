"""A recording cut at a time: what had become visible by then, and nothing that came after."""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lab.errors import UserError
from lab.recording.cut import cut
from lab.recording.observed import Observed, arrow_table, load_observed
from lab.recording.schema import schema_of
from lab.registration.observability import LEVELS
from tests.sim_runs import DECOYS, FAULTS, digests, observe, scenario

ROOT = Path(__file__).parents[2]
END_S = 100.0
SERVED = 2
"""Model version that the recordings below begin with."""

Event = tuple[str, float, float, int]
"""(table or file, time in s, duration in s, a number to tell events apart)"""
SHOP = schema_of("shop")
LABEL_WINDOW_S = SHOP.label_window_s
KINDS = ("spans", "metrics", "logs", "features", "predictions", "changes", "alerts", "deploy")


def recording(events: list[Event], end_s: float = END_S) -> Observed:
    """A recording of these events; each `deploy` publishes and loads one more model version, in the order of time."""
    events = sorted(events, key=lambda event: event[1])
    by = {kind: [event for event in events if event[0] == kind] for kind in KINDS}
    deploys = [time_s for _, time_s, _, _ in by["deploy"]]
    lines = [(time_s, "call_failed", f"line {n}") for _, time_s, _, n in by["logs"]]
    lines += [
        (time_s, "version_loaded", f"successfully loaded servable version {SERVED + i}")
        for i, time_s in enumerate(deploys, 1)
    ]
    shown_s = np.array([time_s for _, time_s, _, _ in by["predictions"]])
    is_closed = shown_s + LABEL_WINDOW_S <= end_s
    versions = SERVED + np.searchsorted(deploys, shown_s, side="right")
    tables = {
        "spans": arrow_table("spans", {
            "time_s": times(by["spans"]), "duration_s": [d for _, _, d, _ in by["spans"]],
            "trace_id": [f"{n:032x}" for *_, n in by["spans"]], "span_id": [f"{n:016x}" for *_, n in by["spans"]],
            "service.name": [f"service-{n % 7}" for *_, n in by["spans"]],
        }),
        "metrics": arrow_table("metrics", {
            "time_s": times(by["metrics"]), "metric": [f"metric.{n % 5}" for *_, n in by["metrics"]],
            "value": [float(n) for *_, n in by["metrics"]],
        }),
        "logs": arrow_table("logs", {
            "time_s": [time_s for time_s, _, _ in sorted(lines)],
            "event.name": [event for _, event, _ in sorted(lines)],
            "trace_id": [None for _ in lines], "body": [body for _, _, body in sorted(lines)],
        }),
        "features": arrow_table("features", {
            "time_s": times(by["features"]), "trace_id": [f"{n:032x}" for *_, n in by["features"]],
            "feature.age_years": [float(n) for *_, n in by["features"]],
        }, SHOP),
        "predictions": arrow_table("predictions", {
            "time_s": shown_s, "trace_id": [f"{n:032x}" for *_, n in by["predictions"]], "model_version": versions,
            "outcome": np.where(is_closed, [float(n % 2) for *_, n in by["predictions"]], np.nan),
            "label_delay_s": np.where(is_closed, [n % 30 for *_, n in by["predictions"]], np.nan),
        }, SHOP),
    }  # fmt: skip
    changes = [{"time_s": time_s, "summary": str(n)} for _, time_s, _, n in by["changes"]]
    alerts = [{"time_s": time_s, "state": "firing", "slo": str(n)} for _, time_s, _, n in by["alerts"]]
    registry = [{"version": version} for version in range(1, SERVED + len(deploys) + 1)]
    system = {"world": "shop", "duration_s": end_s, "scrape_interval_s": 5.0}
    return Observed(system, tables, changes, alerts, {"contract.json": {"inputs": []}, "registry.json": registry})


def times(events: list[Event]) -> list[float]:
    return [time_s for _, time_s, _, _ in events]


def content(observed: Observed) -> dict[str, Any]:
    """All that a recording holds, down to the texts that its dictionaries list."""
    held: dict[str, Any] = {
        "system": dict(observed.system), "changes": observed.changes, "alerts": observed.alerts,
        "reference": {name: value for name, value in observed.reference.items() if name.endswith(".json")},
    }  # fmt: skip
    for name, table in observed.tables.items():
        held[name] = {column: repr(table[column].combine_chunks().to_pylist()) for column in table.column_names}
        held[f"{name} dictionaries"] = {
            field.name: table[field.name].combine_chunks().dictionary.to_pylist()
            for field in table.schema
            if str(field.type).startswith("dictionary")
        }
    return held


# Whole and half seconds, so that events fall on the time of the cut, and label windows close on it.
moment = st.integers(1, int(2 * END_S)).map(lambda half: half / 2)
event = st.tuples(st.sampled_from(KINDS), moment, st.sampled_from([0.0, 0.5, 7.5]), st.integers(0, 10**6))
events = st.lists(event, max_size=25).map(lambda found: [e for e in found if e[0] != "spans" or e[1] + e[2] <= END_S])


unhurried = settings(max_examples=60)
"""A busy machine is no failure."""


def visible(event: Event, at_s: float) -> bool:
    kind, time_s, duration_s, _ = event
    return time_s + (duration_s if kind == "spans" else 0.0) <= at_s


@unhurried
@given(events=events)
def test_a_cut_at_the_end_changes_nothing(events):
    whole = recording(events)
    assert content(cut(whole, END_S)) == content(whole)


@unhurried
@given(events=events, first=moment, second=moment)
def test_cutting_twice_is_cutting_at_the_earlier_time(events, first, second):
    earlier, later = sorted((first, second))
    whole = recording(events)
    assert content(cut(cut(whole, later), earlier)) == content(cut(whole, earlier))


@unhurried
@given(past=events, future=events, other=events, at_s=moment)
def test_nothing_in_a_cut_depends_on_what_came_after(past, future, other, at_s):
    assume(at_s < END_S)
    past = [e for e in past if visible(e, at_s)] + [("predictions", 0.0, 0.0, 1)]
    one, two = (past + [e for e in later if not visible(e, at_s)] for later in (future, other))
    assert content(cut(recording(one), at_s)) == content(cut(recording(two, END_S + 50), at_s))


@unhurried
@given(events=events, at_s=moment)
def test_a_cut_is_the_recording_of_what_was_visible(events, at_s):
    shown = cut(recording(events), at_s)
    expected = recording([e for e in events if visible(e, at_s)], at_s)
    for name in expected.tables:
        assert rows_of(name, shown) == rows_of(name, expected)
    assert (shown.changes, shown.alerts) == (expected.changes, expected.alerts)
    assert shown.system == expected.system


def test_a_span_is_visible_at_its_end_and_not_at_its_start():
    whole = recording([("spans", 10.0, 0.5, 1), ("spans", 10.2, 0.1, 2)])
    assert cut(whole, 10.4).frame("spans")["time_s"].tolist() == [10.2]
    assert cut(whole, 10.5).frame("spans")["time_s"].tolist() == [10.0, 10.2]


def test_an_outcome_is_visible_when_its_label_window_has_closed():
    whole = recording([("predictions", 10.0, 0.0, 1)])
    before, after = cut(whole, 39.999), cut(whole, 40.0)
    assert before.frame("predictions")[["outcome", "label_delay_s"]].isna().all(axis=None)
    assert after.frame("predictions")[["outcome", "label_delay_s"]].iloc[0].tolist() == [1.0, 1.0]


def test_a_world_can_have_another_label_window():
    whole = recording([("predictions", 10.0, 0.0, 1)])
    whole = dataclasses.replace(whole, reference={"contract.json": {"label_window_s": 60.0}})
    assert np.isnan(cut(whole, 69.0).frame("predictions")["outcome"].iloc[0])
    assert cut(whole, 70.0).frame("predictions")["outcome"].iloc[0] == 1.0


def versions(observed: Observed) -> list[int]:
    return [entry["version"] for entry in observed.reference["registry.json"]]


def test_a_version_is_in_the_registry_from_when_it_was_published():
    whole = recording([("predictions", 1.0, 0.0, 1), ("deploy", 40.0, 0.0, 0), ("deploy", 70.0, 0.0, 0)])
    assert [versions(cut(whole, at_s)) for at_s in (30.0, 40.0, 69.0, 70.0)] == [
        [1, 2], [1, 2, 3], [1, 2, 3], [1, 2, 3, 4],
    ]  # fmt: skip


def test_a_version_to_which_was_rolled_back_was_there_before():
    whole = recording([("deploy", 40.0, 0.0, 0)])
    back = arrow_table("logs", {"time_s": [40.0, 60.0], "event.name": ["version_loaded"] * 2,
                                "body": [f"successfully loaded servable version {n}" for n in (3, 2)]})  # fmt: skip
    whole = dataclasses.replace(whole, tables={"logs": back})
    assert [versions(cut(whole, at_s)) for at_s in (30.0, 50.0, 70.0)] == [[1, 2], [1, 2, 3], [1, 2, 3]]


def test_without_any_sight_of_a_version_all_were_there():
    assert versions(cut(recording([]), 10.0)) == [1, 2]


def test_a_recording_cut_at_its_beginning_is_empty():
    shown = cut(recording([(kind, 0.5, 0.0, 1) for kind in KINDS]), 0.0)
    assert {len(table) for table in shown.tables.values()} == {0}
    assert (shown.changes, shown.alerts, shown.end_s) == ([], [], 0.0)


def test_times_are_compared_to_the_nanosecond():
    whole = recording([("metrics", 0.1 + 0.2, 0.0, 1)])
    assert len(cut(whole, 0.3).frame("metrics")) == 1
    assert cut(whole, 99.9999999999) is whole


@pytest.mark.parametrize(
    ("at_s", "message"),
    [
        (float("nan"), "cannot be cut at this time"), (float("inf"), "cannot be cut at this time"),
        (-5.0, "warm-up before it is not recorded"), (-1e-9, "before the recording begins"),
        (100.5, "after the recording ends"), (100.000000001, "after the recording ends"),
    ],
)  # fmt: skip
def test_a_time_outside_of_the_recording_is_refused(at_s, message):
    with pytest.raises(UserError) as refused:
        cut(recording([]), at_s)
    assert message in str(refused.value)
    assert "up to the recording's end at 100 s" in str(refused.value)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda o: o.tables.update(notes=o.tables["logs"]), "table 'notes'"),
        (lambda o: o.tables.update(logs=o.tables["logs"].append_column("hint", o.tables["logs"]["body"])), "'hint'"),
        (lambda o: o.reference.update({"prices.json": {}}), "file 'reference/prices.json'"),
    ],
)
def test_what_declares_no_time_makes_a_recording_one_that_cannot_be_cut(change: Callable[[Any], None], what):
    whole = recording([("logs", 5.0, 0.0, 1)])
    change(whole)
    with pytest.raises(UserError, match="nothing says when") as refused:
        cut(whole, 10.0)
    assert what in str(refused.value)


def test_everything_in_a_recording_declares_when_it_becomes_visible():
    for table in SHOP.tables.values():
        for visible in (table.visible, *(c.visible for c in table.columns if c.visible)):
            assert set(visible.fields) <= {c.name for c in table.columns}


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Observed]:
    """A run with failed calls, retries, broken rows, a surge and a deploy; it can be made to end early."""
    folder = tmp_path_factory.mktemp("busy")

    def run(end_s: float, level: Any = "rich", without: str | None = None) -> Observed:
        found: list[tuple[Mapping[str, Any], float, float]] = [
            (FAULTS["network-partition, one way"], 30, 20), (FAULTS["schema-corruption renames"], 40, 45),
        ]  # fmt: skip
        faults = [
            {**fault, "at": f"{at_s}s", "for": f"{min(for_s, end_s - at_s)}s"}
            for fault, at_s, for_s in found
            if at_s < end_s
        ]
        decoys = [{**DECOYS["deploy"], "at": "25s"}, {**DECOYS["traffic-surge"], "at": "45s"}]
        decoys = [decoy for decoy in decoys if float(str(decoy["at"])[:-1]) < end_s]
        loaded = scenario(folder, observability=level, duration_s=end_s, rate_per_s=20, faults=faults, decoys=decoys)
        return observe(loaded, 5, without=without)

    return run


@pytest.fixture(scope="module")
def whole(busy: Callable[..., Observed]) -> Observed:
    return busy(100.0)


def test_the_recording_of_a_run_holds_what_is_declared(whole, tmp_path):
    whole.write(tmp_path / "observed")
    names = {name for name in digests(tmp_path / "observed") if name.removesuffix(".parquet") not in SHOP.tables}
    assert names == {*SHOP.files}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("at_s", [37.3, 57.3])
def test_a_run_that_ends_by_itself_shows_the_same_as_a_longer_one_that_is_cut(busy, level, at_s):
    ended, shown = busy(at_s, level), cut(busy(100.0, level), at_s)
    for name, table in ended.tables.items():
        assert rows_of(name, ended) == rows_of(name, shown), name
        assert table.column_names == shown.tables[name].column_names
    assert (ended.changes, ended.alerts, dict(ended.system)) == (shown.changes, shown.alerts, dict(shown.system))
    assert ended.reference["registry.json"] == shown.reference["registry.json"]
    assert ended.reference["contract.json"] == shown.reference["contract.json"]


def rows_of(name: str, observed: Observed) -> list[str]:
    return [json.dumps(row, sort_keys=True) for row in observed.tables[name].to_pylist()]


def test_cuts_are_written_byte_for_byte_alike(whole, tmp_path):
    cut(whole, 57.3).write(tmp_path / "once")
    cut(cut(whole, 80.0), 57.3).write(tmp_path / "twice")
    assert digests(tmp_path / "once") == digests(tmp_path / "twice")
    cut(load_observed(tmp_path / "once"), 57.3).write(tmp_path / "read")
    assert digests(tmp_path / "once") == digests(tmp_path / "read")


def functions(source: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def makes_one_of_another(function: ast.FunctionDef) -> bool:
    """Whether a function takes an `Observed` and makes one: less of a recording than there was."""
    given = [argument.annotation for argument in function.args.args if argument.annotation]
    made = [ast.unparse(node.func).split(".")[-1] for node in ast.walk(function) if isinstance(node, ast.Call)]
    return "Observed" in made and any("Observed" in ast.unparse(annotation) for annotation in given)


def test_nothing_else_cuts():
    """Whoever makes a recording of another one, or reads when things become visible, would be a second one.

    Pages print it, and a registration is checked for what it needs.
    """
    sources = [path for folder in ("lab", "services", "graders") for path in (ROOT / folder).rglob("*.py")]
    assert {f"{path.stem}.{f.name}" for path in sources for f in functions(path) if makes_one_of_another(f)} == {
        "cut.cut"
    }
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in sources
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "visible"
    }
    assert readers == {
        "lab/recording/cut.py",
        "lab/docs/recording.py",
        "lab/registration/checking.py",
        "lab/investigation/queries/tables.py",
    }
