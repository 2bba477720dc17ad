"""Whatever is in a recording's files, sealed or resealed, the lab refuses it or goes on; it never breaks or waits."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lab.contracts import Diagnosis, Evidence, Finding, Verdict
from lab.recording.rundir import RunDirectory, checksums, sealed
from lab.runs.runner import run_scenario
from tests.fuzz_mutations import changed, changes, edited, edits, fuzzing, places, run_lab, values
from tests.sim_runs import FAULTS, scenario

JSON_FILES = (
    "run.json", "observed/system.json", "observed/reference/contract.json", "observed/reference/registry.json",
    "truth/faults.json", "truth/effects.json", "diagnosis/asked.json", "grades/asked.json",
)  # fmt: skip
LINES = ("events.jsonl", "observed/alerts.jsonl", "observed/changes.jsonl")
TABLES = ("metrics", "spans", "logs", "features", "predictions", "reference/training_sample")
FILES = (*JSON_FILES, *LINES, *(f"observed/{name}.parquet" for name in TABLES))
RULES = Path(__file__).parents[2] / "lab" / "engines" / "rules" / "rules.yaml"
SYSTEMS = st.sampled_from(["recommender", "fraud"])
COMMANDS = st.sampled_from(["grade", "report", "parity", "diagnose", "explain"])


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, RunDirectory]:
    """A short recording of each shipped system."""
    return {system: _recorded(system, tmp_path_factory.mktemp(system)) for system in ("recommender", "fraud")}


def _recorded(system: str, folder: Path) -> RunDirectory:
    """Everything there is: a fault that shows, a deploy, an engine's answer and its grades."""
    fault = {**FAULTS["network-partition"], "at": "40s", "for": "30s"}
    decoy = {"type": "deploy", "target": "model", "at": "20s"}
    loaded = scenario(folder, name="busy", system=system, duration_s=85, rate_per_s=8, faults=[fault], decoys=[decoy])
    run = run_scenario(loaded, 5, folder / "runs")
    evidence = Evidence("client_timeout_ratio", "features->db", 0.0, 1.0)
    finding = Finding("features->db", "network", "network-partition", 41.0, 0.9, (evidence,), ("it timed out",))
    assert run.write_diagnosis("asked", Diagnosis(Verdict.FAULT, (finding,))) is None
    run_lab("grade", run.path)
    return run


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


def copied(run: RunDirectory, work: Path) -> Path:
    shutil.rmtree(work, ignore_errors=True)
    return Path(shutil.copytree(run.path, work / "busy" / "5-abc"))


def reseal(run: Path) -> None:
    """Seals a recording again over what is in it now, where its run.json still has checksums to seal."""
    try:
        meta = json.loads((run / "run.json").read_bytes())
        sums = {n: s for n, s in checksums(run).items() if n.split("/")[0] in ("observed", "truth", "events.jsonl")}
        (run / "run.json").write_text(json.dumps(sealed({**meta, "checksums": sums})), encoding="utf-8")
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        pass


def look_at(run: Path, command: str) -> None:
    """A command on a recording; every one of them opens it the same way, and does something else with it."""
    words = {
        "grade": ["grade", run],
        "report": ["report", run, "-o", run.parent / "page.html"],
        "parity": ["parity", run, run, "--engine", "asked"],
        "diagnose": ["diagnose", run, "--engine", "http://127.0.0.1:9/nobody"],
        "explain": ["rules", "explain", run],
    }
    run_lab(*words[command])


@pytest.mark.parametrize("system", ["recommender", "fraud"])
@pytest.mark.parametrize("command", ["grade", "report", "parity"])
def test_resealed_and_unchanged_it_is_as_good_as_before(
    recordings: Mapping[str, RunDirectory], work: Path, system: str, command: str
) -> None:
    run = copied(recordings[system], work)
    reseal(run)
    words = {"report": ["-o", work / "page.html"], "parity": [run, "--engine", "asked"]}.get(command, [])
    assert run_lab(command, run, *words)[0] == 0


@fuzzing(30)
@given(system=SYSTEMS, name=st.sampled_from(JSON_FILES), what=changes, command=COMMANDS, again=st.booleans())
def test_json_of_other_content(
    recordings: Mapping[str, RunDirectory], work: Path, system: str, name: str, what: Any, command: str, again: bool
) -> None:
    run = copied(recordings[system], work)
    content = changed(json.loads((run / name).read_bytes()), what)
    (run / name).write_text(json.dumps(content), encoding="utf-8")
    if again:
        reseal(run)
    look_at(run, command)


@fuzzing(20)
@given(system=SYSTEMS, name=st.sampled_from(LINES), what=changes, command=COMMANDS)
def test_journals_of_other_content(
    recordings: Mapping[str, RunDirectory], work: Path, system: str, name: str, what: Any, command: str
) -> None:
    run = copied(recordings[system], work)
    lines = [json.loads(line) for line in (run / name).read_bytes().splitlines()]
    content = changed(lines or [{"time_s": 1.0}], what)
    assume(isinstance(content, list))
    (run / name).write_text("".join(json.dumps(line) + "\n" for line in content), encoding="utf-8")
    reseal(run)
    look_at(run, command)


@fuzzing(25)
@given(system=SYSTEMS, name=st.sampled_from(FILES), what=edits, command=COMMANDS, again=st.booleans())
def test_files_of_other_bytes(
    recordings: Mapping[str, RunDirectory], work: Path, system: str, name: str, what: Any, command: str, again: bool
) -> None:
    run = copied(recordings[system], work)
    assume((run / name).exists())
    (run / name).write_bytes(edited((run / name).read_bytes(), what))
    if again:
        reseal(run)
    look_at(run, command)


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _empty(path: Path) -> None:
    path.touch()


def _nothing(_: Path) -> None:
    pass


@fuzzing(20)
@given(
    system=SYSTEMS,
    name=st.sampled_from([*FILES, "observed", "truth", "observed/reference", "diagnosis", "grades"]),
    kind=st.sampled_from([_fifo, _folder, _loop, _dangling, _endless, _empty, _nothing]),
    command=COMMANDS,
    again=st.booleans(),
)
def test_something_else_in_place_of_a_file(
    recordings: Mapping[str, RunDirectory],
    work: Path,
    system: str,
    name: str,
    kind: Callable[[Path], None],
    command: str,
    again: bool,
) -> None:
    run = copied(recordings[system], work)
    assume((run / name).exists())
    if (run / name).is_dir():
        shutil.rmtree(run / name)
    else:
        (run / name).unlink()
    kind(run / name)
    if again and kind is not _endless:
        reseal(run)
    look_at(run, command)


def _numbers(column: Any, length: int, value: Any) -> Any:
    try:
        return np.full(length, float(value))
    except (TypeError, ValueError, OverflowError):
        return np.full(length, np.nan)


TABLE_CHANGES: dict[str, Callable[[pa.Table, str, int, Any], pa.Table]] = {
    "drop": lambda t, c, _, __: t.drop_columns([c]),
    "rename": lambda t, c, _, v: t.rename_columns([str(v)[:50] if n == c else n for n in t.column_names]),
    "numbers": lambda t, c, _, v: _with(t, c, _numbers(t[c], len(t), v)),
    "texts": lambda t, c, _, v: _with(t, c, [str(v)[:50]] * len(t)),
    "nulls": lambda t, c, _, __: _with(t, c, pa.nulls(len(t), t[c].type)),
    "some nulls": lambda t, c, n, __: _with(
        t, c, pa.array([None if i % (n % 7 + 2) == 0 else v for i, v in enumerate(t[c].to_pylist())], _plain(t[c].type))
    ),
    "lists": lambda t, c, _, __: _with(t, c, [[1]] * len(t)),
    "whole numbers": lambda t, c, n, __: _with(t, c, np.full(len(t), n, np.int64)),
    "signs": lambda t, c, _, __: _with(t, c, [-v if isinstance(v, float) else v for v in t[c].to_pylist()]),
    "few rows": lambda t, _, n, __: t.slice(0, n % 3),
    "rows from there": lambda t, _, n, __: t.slice(n % (len(t) + 1)),
    "rows twice": lambda t, _, __, ___: pa.concat_tables([t, t]),
    "rows in disorder": lambda t, _, n, __: t.take(np.random.default_rng(n).permutation(len(t))),
    "one more column": lambda t, c, _, __: t.append_column(f"{c}.more", t[c]),
    "a column twice": lambda t, c, _, __: t.append_column(c, t[c]),
    "two rows of one time": lambda t, c, _, __: _with(t, c, t[c].take(np.zeros(len(t), int))) if len(t) else t,
}
"""Ways in which a table may be other than documented: some are wrong, some only rare."""


def _plain(kind: Any) -> Any:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _with(table: pa.Table, column: str, values_: Any) -> pa.Table:
    array = values_ if isinstance(values_, pa.Array | pa.ChunkedArray) else pa.array(values_)
    return table.set_column(table.column_names.index(column), column, array)


@fuzzing(40)
@given(
    system=SYSTEMS,
    name=st.sampled_from(TABLES),
    what=st.lists(st.tuples(st.sampled_from(sorted(TABLE_CHANGES)), places, places, values), min_size=1, max_size=3),
    command=COMMANDS,
)
def test_tables_of_other_content(
    recordings: Mapping[str, RunDirectory],
    work: Path,
    system: str,
    name: str,
    what: Sequence[tuple[str, int, int, Any]],
    command: str,
) -> None:
    run = copied(recordings[system], work)
    file = run / f"observed/{name}.parquet"
    table = pq.read_table(file)
    for how, at, number, value in what:
        if table.column_names and len({*table.column_names}) == table.num_columns:
            table = TABLE_CHANGES[how](table, table.column_names[at % len(table.column_names)], number, value)
    pq.write_table(table, file)
    reseal(run)
    look_at(run, command)


@fuzzing(15)
@given(system=SYSTEMS, what=changes)
def test_rules_of_other_content_explain_a_recording(
    recordings: Mapping[str, RunDirectory], work: Path, system: str, what: Any
) -> None:
    from lab.files.yamlsource import read_yaml

    work.mkdir(exist_ok=True)
    rules = work / "x.rules.yaml"
    rules.write_text(json.dumps(changed(read_yaml(RULES).data, what)), encoding="utf-8")
    run_lab("rules", "explain", recordings[system].path, "--engine", f"rules:{rules}")
