"""Jobs write datasets: a recording tells of each version, of its columns, and of what it was made from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

from lab.clock import NS
from lab.content.datasets import DatasetLog
from lab.errors import UserError
from lab.recording.arrow import Coded
from lab.recording.checking import content_problems
from lab.recording.cut import cut
from lab.recording.datasets import RunEvent
from lab.recording.ids import Ids
from lab.recording.lineage import lineage_events
from lab.recording.observed import Observed, load_observed
from lab.recording.profiles import Contents
from lab.scenario import LoadedScenario
from lab.signals import SignalTable, compute_signals
from lab.streams import Streams
from lab.systems.calendar import Calendar
from lab.world_suite import whole
from tests.distributions import world_installed
from tests.ledgers import ENTRIES, hours

HOURS = 12


@pytest.fixture(scope="module", autouse=True)
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with world_installed(tmp_path_factory.mktemp("site"), "ledgers", "tests.ledgers:WORLD"):
        yield


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedScenario:
    return hours(tmp_path_factory.mktemp("scenarios"), HOURS)


@pytest.fixture(scope="module")
def recorded(loaded: LoadedScenario) -> Observed:
    return whole(loaded)


def test_each_write_is_a_row(recorded: Observed) -> None:
    versions = recorded.frame("dataset_versions")
    entries = versions[versions["dataset"] == "entries"]
    assert len(entries) == HOURS
    assert entries["version"].is_unique
    assert set(entries["rows"]) == {ENTRIES}
    assert set(entries["service.name"]) == {"collect"}
    assert entries["schema_version"].nunique() == 1
    assert list(entries["partition_s"]) == [3600.0 * hour for hour in range(HOURS)]


def test_a_version_names_the_run_that_wrote_it(recorded: Observed) -> None:
    versions, spans = recorded.frame("dataset_versions"), recorded.frame("spans")
    runs = spans[spans["parent_span_id"].isna()].set_index("trace_id")["service.name"].astype(str)
    assert list(runs[versions["trace_id"]]) == list(versions["service.name"].astype(str))


def test_each_column_of_a_version_has_a_profile(recorded: Observed) -> None:
    columns = recorded.frame("dataset_columns")
    entries = columns[columns["dataset"] == "entries"]
    assert len(entries) == 3 * HOURS
    first = entries.groupby("column", observed=True).first()
    assert dict(first["type"].astype(str)) == {"entry": "int", "account": "text", "amount_eur": "float"}
    assert first.loc["entry", "distinct"] == ENTRIES
    assert 50 < first.loc["amount_eur", "q50"] < first.loc["amount_eur", "mean"] < 130
    assert np.isnan(first.loc["account", "mean"])


def test_lineage_says_which_version_was_made_from_which(recorded: Observed) -> None:
    versions = recorded.frame("dataset_versions").astype({"dataset": str, "version": str})
    assert recorded.lineage is not None
    made = [event for event in recorded.lineage if [one["name"] for one in event["outputs"]] == ["postings"]]
    assert len(made) == HOURS // 2
    for event in made:
        (source,), (target,) = event["inputs"], event["outputs"]
        before = versions[(versions["dataset"] == "entries") & (versions["time_s"] <= event["time_s"])]
        assert source["facets"]["version"]["datasetVersion"] == before["version"].iloc[-1]
        assert target["facets"]["version"]["datasetVersion"] in set(versions["version"])
        assert UUID(event["run"]["runId"]).hex in set(versions["trace_id"])


def test_lineage_says_when_each_run_began_and_how_it_ended(recorded: Observed) -> None:
    spans = recorded.frame("spans")
    roots = spans[spans["parent_span_id"].isna()].set_index("trace_id")
    told: dict[str, list[str]] = {}
    for event in recorded.lineage or ():
        told.setdefault(UUID(event["run"]["runId"]).hex, []).append(event["eventType"])
        if event["eventType"] == "START":
            trace = UUID(event["run"]["runId"]).hex
            assert trace not in roots.index or roots.loc[trace, "time_s"] == pytest.approx(event["time_s"], abs=1e-6)
    assert {trace: told[trace] for trace in roots.index if roots.loc[trace, "time_s"] >= 0} == {
        trace: ["START", *["RUNNING"] * (1 if job == "collect" else 2), "COMPLETE"]
        for trace, job in roots["service.name"].items()
        if roots.loc[trace, "time_s"] >= 0
    }


def test_a_run_that_fails_says_so(tmp_path: Path) -> None:
    from lab.injection.levers import LinkCut
    from lab.testbeds.sim import SimTestbed

    bed = SimTestbed(hours(tmp_path, 6), 1)
    bed.advance(1.5 * 3600)
    bed.write(LinkCut, "collect->warehouse", LinkCut())
    bed.advance(6 * 3600)
    lineage = bed.finish().lineage or []
    ended = [event["eventType"] for event in lineage if event["job"]["name"] == "collect" and not event["outputs"]]
    assert ended.count("FAIL") == 4
    assert {event["eventType"] for event in lineage if event["time_s"] > 2 * 3600 and event["outputs"]} == {"RUNNING"}


OPEN_LINEAGE = {
    "eventType": str,
    "eventTime": str,
    "run": {"runId": str},
    "job": {"namespace": str, "name": str},
    "inputs": [{"namespace": str, "name": str, "facets": {"version": {"datasetVersion": str}}}],
    "outputs": [
        {
            "namespace": str,
            "name": str,
            "facets": {
                "version": {"_producer": str, "_schemaURL": str, "datasetVersion": str},
                "schema": {"_producer": str, "_schemaURL": str, "fields": [{"name": str, "type": str}]},
            },
            "outputFacets": {
                "outputStatistics": {"_producer": str, "_schemaURL": str, "rowCount": int, "size": int},
            },
        }
    ],
    "producer": str,
    "schemaURL": str,
}
"""What the lab writes of a RunEvent of OpenLineage 1.x; all that the specification requires is in it."""


def fits(value: Any, shape: Any) -> bool:
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(name in value and fits(value[name], one) for name, one in shape.items())
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(one, shape[0]) for one in value)
    return isinstance(value, shape)


def test_lineage_is_open_lineage(recorded: Observed) -> None:
    assert recorded.lineage
    for event in recorded.lineage:
        assert fits(event, OPEN_LINEAGE), event
        assert event["eventType"] in {"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"}
        assert event["eventTime"].startswith("1970-01-01T")
        assert event["schemaURL"].startswith("https://openlineage.io/spec/1-")


def test_times_of_lineage_count_on_while_clocks_change() -> None:
    """In Berlin they are put back at 01:00 UTC on 25 October 2026, and the world does not stop for it."""
    begins = Calendar(date(2026, 10, 24), "Europe/Berlin", "night", 86_400.0).at(0.0)
    runs = [RunEvent(day * 86_400 * NS, day, "collect", "START") for day in range(3)]
    told = lineage_events((), runs, Ids([7], Streams(1)), 0, "ledger", begins)
    assert [event["eventTime"] for event in told] == [f"2026-10-{day}T00:00:00.000000Z" for day in (24, 25, 26)]


@pytest.mark.parametrize(
    ("level", "there"),
    [
        ("poor", {"dataset_versions.parquet"}),
        ("usual", {"dataset_versions.parquet", "dataset_columns.parquet", "lineage.jsonl"}),
    ],
)
def test_what_is_told_of_datasets_depends_on_observability(tmp_path: Path, level: Any, there: set[str]) -> None:
    whole(hours(tmp_path, 3, level)).write(tmp_path / "observed")
    files = {file.name for file in (tmp_path / "observed").iterdir()}
    assert {name for name in files if name.startswith(("dataset", "lineage"))} == there


def test_a_recording_on_disk_is_the_same_and_well_formed(recorded: Observed, tmp_path: Path) -> None:
    recorded.write(tmp_path / "observed")
    names = {path.relative_to(tmp_path).as_posix(): "" for path in tmp_path.rglob("*") if path.is_file()}
    assert [one.file for one in content_problems(tmp_path, names) if "run.json" not in one.file] == []
    again = load_observed(tmp_path / "observed")
    assert again.lineage == json.loads(json.dumps(recorded.lineage))
    assert again.tables["dataset_columns"].equals(recorded.tables["dataset_columns"])


def test_what_was_written_later_is_cut_off(recorded: Observed) -> None:
    at_s = 5.5 * 3600
    early = cut(recorded, at_s)
    assert early.frame("dataset_versions")["time_s"].max() <= at_s
    assert len(early.frame("dataset_columns")) < len(recorded.frame("dataset_columns"))
    assert early.lineage == [event for event in recorded.lineage or () if event["time_s"] <= at_s]


def test_the_same_is_seen_on_the_way(loaded: LoadedScenario, recorded: Observed) -> None:
    from lab.testbeds.sim import SimTestbed

    at_s = 5.5 * 3600
    bed = SimTestbed(loaded, 1)
    bed.advance(at_s)
    assert bed.observed(at_s).lineage == cut(recorded, at_s).lineage


def test_a_branch_writes_for_itself(loaded: LoadedScenario, recorded: Observed) -> None:
    from lab.testbeds.sim import SimTestbed

    bed = SimTestbed(loaded, 1)
    bed.advance(5 * 3600)
    other = bed.branch()
    bed.advance(7 * 3600)
    other.advance(loaded.scenario.duration_s)
    assert other.finish().lineage == recorded.lineage


@pytest.fixture(scope="module")
def signals(recorded: Observed) -> SignalTable:
    return compute_signals(recorded)


def values(signals: SignalTable, signal: str, subject: str) -> list[float]:
    found = signals.get(signal, subject)
    assert found is not None
    return found.values.tolist()


def test_signals_have_a_value_where_a_version_was_written(signals: SignalTable, recorded: Observed) -> None:
    assert values(signals, "dataset_rows", "entries") == [ENTRIES] * HOURS
    totals = np.array(values(signals, "dataset_rows", "totals"))
    assert np.isnan(totals).sum() == HOURS // 2
    columns = recorded.frame("dataset_columns")
    mean = columns[(columns["dataset"] == "entries") & (columns["column"] == "amount_eur")]["mean"]
    assert values(signals, "column_mean", "entries.amount_eur") == mean.tolist()
    assert signals.get("column_mean", "entries.account") is None


def test_age_goes_on_while_nothing_is_written(signals: SignalTable) -> None:
    assert values(signals, "dataset_age_s", "entries") == [3600.0] * HOURS
    assert set(values(signals, "dataset_age_s", "totals")[1:]) == {3600.0, 7200.0}


def written(log: DatasetLog, **other: Any) -> str:
    given = {"time_ns": 1, "request": 0, "job": "collect", "dataset": "entries", "columns": {"entry": np.arange(3)}}
    return log.write(**{**given, **other})


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"dataset": "entrys"}, "'entries'"),
        ({"job": "warehouse"}, "for a job that the system has not"),
        ({"columns": {}}, "without columns"),
        ({"columns": {"entry": np.zeros((2, 2))}}, "a wrong column 'entry'"),
        ({"columns": {"entry": np.array(["a", "b"])}}, "lab.recording.arrow.Coded"),
        ({"columns": {"entry": np.array([np.inf])}}, "infinite numbers in 'entry'"),
        ({"columns": {"entry": Coded(np.array([1]), ["a"])}}, "codes without a text"),
        ({"columns": {"entry": Coded(np.array([0.5]), ["a"])}}, "wrong codes in 'entry'"),
        ({"columns": {"entry": Coded(np.zeros((2, 2), int), ["a"])}}, "wrong codes in 'entry'"),
        ({"columns": {"entry": Coded(np.array([0]), [None])}}, "a text that is none in 'entry'"),
        ({"columns": {"entry": Coded(np.array([0, 1]), ["a", "a"])}}, "a text twice in 'entry'"),
        ({"columns": {"entry": pa.array([1, 2])}}, "an Arrow array of int64"),
        ({"columns": {"entry": np.ma.array([1.0, 2.0], mask=[0, 1])}}, "1 masked"),
        ({"columns": {"entry": np.array([2**63], np.uint64)}}, "too large in 'entry'"),
        ({"columns": {1: np.arange(3)}}, "without a name"),
        ({"columns": {"entry": np.arange(3), "account": np.arange(2)}}, "3 of 'entry', 2 of 'account'"),
        ({"inputs": [("totals", "123456789abc")]}, "never written"),
        ({"partition_s": float("nan")}, "scenario seconds, or None"),
        ({"status": "OK"}, "COMPLETE or FAIL"),
    ],
)
def test_what_is_no_version_is_refused(loaded: LoadedScenario, other: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=r"'ledgers': `datasets.write`") as error:
        written(DatasetLog(loaded.system), **other)
    assert message in str(error.value)


def test_columns_may_differ_from_those_that_are_registered(loaded: LoadedScenario) -> None:
    log = DatasetLog(loaded.system)
    first = written(log)
    assert written(log, columns={"entry": np.arange(3), "added": np.zeros(3)}, inputs=[("entries", first)]) != first


def test_a_write_that_failed_has_no_version(loaded: LoadedScenario) -> None:
    log = DatasetLog(loaded.system)
    assert written(log, status="FAIL", columns={}) == ""
    assert [one.content for one in log.writes] == [None]


def test_what_is_told_of_equal_content_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.recording import profiles

    asked: list[str] = []
    plain: Callable[..., Any] = profiles.profile
    monkeypatch.setattr(profiles, "profile", lambda name, column: asked.append(name) or plain(name, column))
    contents = Contents()
    assert contents.described({"a": np.arange(3)}) == contents.described({"a": np.arange(3)})
    assert asked == ["a"]


@pytest.mark.parametrize(
    ("part", "other", "message"),
    [
        ('"runId": "', '"runId": "x', "line 1: run.runId"),
        ('"eventType": ', '"event": ', "line 1: eventType"),
        ('"datasetVersion": "', '"datasetVersion": 1, "was": "', "datasetVersion"),
        ('"time_s": ', '"time_s": "late", "was": ', "line 1: time_s"),
    ],
)
def test_lineage_that_is_none_is_refused_where_a_recording_is_opened(
    recorded: Observed, tmp_path: Path, part: str, other: str, message: str
) -> None:
    recorded.write(tmp_path / "observed")
    file = tmp_path / "observed" / "lineage.jsonl"
    text = file.read_text(encoding="utf-8")
    assert part in text
    file.write_text(text.replace(part, other), encoding="utf-8")
    found = content_problems(tmp_path, {"observed/lineage.jsonl": ""})
    (problem,) = [one for one in found if Path(one.file).name == file.name]
    assert message in (problem.seen or "")


def test_versions_that_no_job_wrote_are_refused_where_a_recording_is_opened(recorded: Observed, tmp_path: Path) -> None:
    table = recorded.tables["dataset_versions"]
    strange = table.set_column(
        table.column_names.index("service.name"), "service.name", pa.array(["branches"] * len(table))
    )
    replace(recorded, tables={**recorded.tables, "dataset_versions": strange}).write(tmp_path / "observed")
    found = content_problems(tmp_path, dict.fromkeys(("observed/dataset_versions.parquet", "observed/system.json"), ""))
    (problem,) = [one for one in found if "run.json" not in one.file]
    assert Path(problem.file).name == "dataset_versions.parquet"
    assert "'branches', which is no job of the system" in (problem.seen or "")


def test_signals_of_a_strange_recording_are_signals(recorded: Observed) -> None:
    """Names that are not registered, rows in another order: nobody checks these."""
    table = recorded.tables["dataset_versions"]
    strange = table.set_column(
        table.column_names.index("dataset"), "dataset", pa.array(["x.y"] * len(table)).dictionary_encode()
    )
    mixed = strange.take(np.random.default_rng(1).permutation(len(strange)))
    signals = compute_signals(replace(recorded, tables={**recorded.tables, "dataset_versions": mixed}))
    assert signals.subjects("dataset_rows") == ["x.y"]
    assert signals.subjects("dataset_duplicate_ratio") == []
