"""Recordings whose checksums fit and whose content is wrong: refused with the file and what is wrong, exit code 2."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main
from lab.errors import ExitCode
from lab.files import fileio
from lab.recording.observed import load_observed
from lab.recording.opening import open_run
from lab.recording.rundir import sealed
from lab.runs.runner import run_scenario
from tests.damaged import assert_refused, change_json, change_table, put, replaced, reseal
from tests.simulated import FAULTS, scenario

COMMANDS = (["diagnose", "--engine", "constant"], ["grade"], ["report"])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    fault = {**FAULTS["network-partition"], "at": "30s", "for": "15s"}
    return run_scenario(scenario(folder, name="busy", duration_s=60, rate_per_s=10, faults=[fault]), 5, folder).path


@pytest.fixture
def run(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "busy" / "5-abc"))


def _some(system: Any, kind: str) -> Any:
    """The first component of a kind."""
    return next(component for component in system["components"].values() if component["kind"] == kind)


def _calendar(**changed: Any) -> Callable[[Path], None]:
    """Gives the system a calendar of which one thing is wrong."""
    told = {"begins": "2026-10-05", "zone": "Europe/Berlin", "period": "night"} | changed
    return change_json("observed/system.json", lambda c: c.update(calendar=told))


def _without_jobs(system: Any) -> None:
    for component in system["components"].values():
        component["kind"] = component["kind"].replace("job", "service")
    system["calendar"] = {"begins": "2026-10-05", "zone": "UTC", "period": "night"}


DAMAGES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "no metrics": (lambda run: (run / "observed/metrics.parquet").unlink(), "metrics.parquet", "without a checksum"),
    "truth is a list": (put("truth/faults.json", b"[]"), "faults.json", "malformed"),
    "truth of another boundary": (
        change_json("truth/faults.json", lambda c: c["faults"][0].update(boundary="moon")), "faults.json", "'moon'",
    ),
    "truth without a culprit": (
        change_json("truth/faults.json", lambda c: c["faults"][0].pop("culprit") and None), "faults.json", "culprit",
    ),
    "truth at a time that is text": (
        change_json("truth/faults.json", lambda c: c["faults"][0].update(injected_s="1")), "faults.json", "injected_s",
    ),
    "truth at no time": (
        lambda run: put("truth/faults.json", (run / "truth/faults.json").read_bytes().replace(b"30.0", b"NaN"))(run),
        "faults.json", "NaN is not a number",
    ),
    "effects are text": (put("truth/effects.json", b'"none"'), "effects.json", "malformed"),
    "a system of another observability": (
        change_json("observed/system.json", lambda c: c.update(observability="full")), "system.json", "observability",
    ),
    "a system without components": (
        change_json("observed/system.json", lambda c: c.pop("components") and None), "system.json", "components",
    ),
    "a system of nothing": (put("observed/system.json", b"null"), "system.json", "malformed"),
    "a system whose entry is elsewhere": (
        change_json("observed/system.json", lambda c: c.update(entry="nowhere")), "system.json", "not a component",
    ),
    "a job without a period": (
        change_json("observed/system.json", lambda c: _some(c, "job").update(period_s=0)), "system.json", "no period",
    ),
    "a step without a name": (
        change_json("observed/system.json", lambda c: _some(c, "job")["steps"][0].pop("name") and None),
        "system.json", "steps.0.name",
    ),
    "a link that is a number": (
        change_json("observed/system.json", lambda c: c["links"].update(dict.fromkeys(c["links"], 5))),
        "system.json", "links",
    ),
    "a scrape interval of nothing": (
        change_json("observed/system.json", lambda c: c.update(scrape_interval_s=0)), "system.json", "scrape_interval",
    ),
    "an endless recording": (
        change_json("observed/system.json", lambda c: c.update(duration_s=1e9, scrape_interval_s=1e-3)),
        "system.json", "scrape intervals",
    ),
    "a calendar that begins on no day": (_calendar(begins="2026-02-30"), "system.json", "calendar.begins"),
    "a calendar that begins on a number": (_calendar(begins=20261005), "system.json", "expected a date: 2026-10-05"),
    "a calendar beyond all dates": (_calendar(begins="9999-12-31"), "system.json", "of a year from"),
    "a calendar of no zone": (_calendar(zone="Europe/Atlantis"), "system.json", "iana"),
    "a calendar whose word is none": (_calendar(period="<b>"), "system.json", "calendar.period"),
    "a calendar that is text": (
        change_json("observed/system.json", lambda c: c.update(calendar="2026-10-05")), "system.json", "calendar",
    ),
    "a calendar without jobs": (change_json("observed/system.json", _without_jobs), "system.json", "no job"),
    "a number beyond all numbers": (
        put("observed/system.json", b'{"duration_s": 1e999}'), "system.json", "too large",
    ),
    "nested without end": (put("observed/system.json", b"[" * 200_000), "system.json", "nested"),
    "an alert without a time": (put("observed/alerts.jsonl", b'{"slo": "x"}\n'), "alerts.jsonl", "line 1"),
    "a last line that is cut off": (
        lambda run: put("events.jsonl", (run / "events.jsonl").read_bytes() + b'{"time_s": ')(run),
        "events.jsonl", "at column",
    ),
    "a change that is none": (put("observed/changes.jsonl", b"\xff\n"), "changes.jsonl", "malformed"),
    "a journal of lists": (put("events.jsonl", b"[]\n"), "events.jsonl", "line 1"),
    "a table of garbage": (put("observed/spans.parquet", b"PAR1garbagePAR1"), "spans.parquet", "not a readable table"),
    "an empty table file": (put("observed/logs.parquet", b""), "logs.parquet", "not a readable table"),
    "a table without a column": (
        change_table("metrics", lambda t: t.drop_columns(["value"])), "metrics.parquet", "'value' is missing",
    ),
    "a table without a name": (
        change_table("metrics", lambda t: replaced(t, "metric", [None] * len(t))), "metrics.parquet", "'metric' is",
    ),
    "numbers as text": (
        change_table("metrics", lambda t: replaced(t, "value", ["1"] * len(t))), "metrics.parquet", "'value' is string",
    ),
    "times that are not": (
        change_table("spans", lambda t: replaced(t, "time_s", [float("nan")] * len(t))), "spans.parquet", "not finite",
    ),
    "times beyond all times": (
        change_table("spans", lambda t: replaced(t, "time_s", [1e18] * len(t))), "spans.parquet", "reaches",
    ),
    "metrics from before the recording": (
        change_table("metrics", lambda t: replaced(t, "time_s", [-5.0] * len(t))), "metrics.parquet", "reaches",
    ),
    "a table that is smaller than it says": (
        lambda run: put("observed/spans.parquet", (run / "observed/spans.parquet").read_bytes()[-300:])(run),
        "spans.parquet", "not a readable table",
    ),
    "grading by text": (change_json("run.json", lambda c: c["grading"].update(top_k="3")), "run.json", "top_k"),
    "grading in periods of no length": (
        change_json("run.json", lambda c: c["grading"].update(period="night", period_s=0)), "run.json", "period_s",
    ),
    "grading in periods that are no word": (
        change_json("run.json", lambda c: c["grading"].update(period="<b>", period_s=1.0)), "run.json", "period",
    ),
    "no neighbours": (change_json("run.json", lambda c: c.pop("neighbours") and None), "run.json", "neighbours"),
    "a seed that is none": (change_json("run.json", lambda c: c.update(seed=None)), "run.json", "seed"),
    "a scenario without a name": (
        change_json("run.json", lambda c: c["scenario"].pop("name") and None), "run.json", "name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_resealed_recording_of_wrong_content_is_refused(run: Path, damage: str) -> None:
    assert_refused(run, *DAMAGES[damage])


@pytest.mark.parametrize("command", [*COMMANDS, ["parity", "."]])
def test_every_command_refuses_it_with_what_is_wrong(
    run: Path, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run)
    put("truth/faults.json", b"[]")(run)
    reseal(run)
    assert main([*command, str(run)]) == ExitCode.INVALID
    printed = capsys.readouterr()
    assert "faults.json: malformed recording" in printed.err
    assert "Traceback" not in printed.err + printed.out


def test_resealing_alone_changes_nothing(run: Path) -> None:
    reseal(run)
    assert open_run(run).seed == 5


@pytest.mark.parametrize(
    "name", ["run.json", "events.jsonl", "observed/metrics.parquet", "observed/system.json", "truth/faults.json"]
)
@pytest.mark.parametrize("kind", ["a FIFO", "a directory", "a loop of links", "a link to a FIFO"])
def test_what_is_no_file_is_refused_and_not_waited_for(
    run: Path, name: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = run / name
    file.unlink()
    if kind == "a FIFO":
        os.mkfifo(file)
    elif kind == "a directory":
        file.mkdir()
    elif kind == "a loop of links":
        file.symlink_to(file.name)
    else:
        os.mkfifo(run.parent / "fifo")
        file.symlink_to(run.parent / "fifo")
    assert main(["grade", str(run)]) == (ExitCode.NOTHING_SELECTED if name == "run.json" else ExitCode.INVALID)
    assert "internal error" not in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["diagnosis", "grades"])
def test_an_answer_that_is_a_fifo_is_not_waited_for(
    run: Path, folder: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited_for: list[Path] = []
    monkeypatch.setattr(fileio, "_opened", waited_for.append)
    (run / folder).mkdir(exist_ok=True)
    os.mkfifo(run / folder / "constant.json")
    for command in (["grade"], ["report"], ["grade", "--engine", "constant"]):
        main([*command, str(run)])
        assert "internal error" not in capsys.readouterr().err
    assert not waited_for


@pytest.mark.parametrize("name", ["/dev/zero", "../outside.json", "observed/../run.json", "a\0b"])
def test_a_recording_that_lists_files_outside_of_itself_is_refused(
    run: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    meta = json.loads((run / "run.json").read_text(encoding="utf-8"))
    meta["checksums"][name] = "0" * 64
    (run / "run.json").write_text(json.dumps(sealed(meta)), encoding="utf-8")
    assert main(["grade", str(run)]) == ExitCode.INVALID
    assert "lists a file outside of itself" in capsys.readouterr().err


def test_a_line_ends_where_json_lines_end(run: Path) -> None:
    entry = {"time_s": 1.0, "kind": "deploy", "service.name": "model", "summary": "a\u2028b\x85c"}
    (run / "observed/changes.jsonl").write_text(json.dumps(entry, ensure_ascii=False) + "\n", encoding="utf-8")
    reseal(run)
    assert load_observed(open_run(run).observed).changes == [entry]
