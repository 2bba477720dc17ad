"""Recordings and full disks: nothing begins without room, what was made is kept where there is some, or is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cli.outputs import Writings
from lab.cli.reports import write_reports
from lab.cli.selection import Selection
from lab.errors import ExitCode, RunAbortedError, UserError
from lab.recording.keeping import check_room, kept_where_there_is_room, recording_bytes
from lab.runs.campaign import Campaign, Job, JobResult, run_job
from lab.systems.topology import Sampling
from services.collector.store import Store
from tests import simulated
from tests.disks import disk, fill


def written(place: Path) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    (place / "recording").write_bytes(b"x" * 32_768)
    return place / "recording"


def test_nothing_begins_where_there_is_no_room_for_a_recording(tmp_path: Path) -> None:
    check_room(tmp_path / "runs" / "not" / "there" / "yet", 1, "cut")
    with disk(tmp_path / "small") as small, pytest.raises(UserError) as refused:
        check_room(small / "runs", 13_000_000, "cut")
    for word in ("no room for the recording of cut", str(small / "runs"), "0.1 MB free", "13.0 MB", "--runs-dir"):
        assert word in str(refused.value)


def test_the_room_that_is_asked_for_follows_from_what_is_kept() -> None:
    requests = 1_000_000
    whole, traces, both = (
        recording_bytes(requests, Sampling.model_validate(given))
        for given in ({}, {"traces": "2%"}, {"traces": "2%", "records": "10%"})
    )
    assert both < traces / 4 < whole / 8


def test_a_job_without_room_is_refused_before_it_runs(tmp_path: Path) -> None:
    loaded = simulated.scenario(tmp_path, faults=[], duration_s=600)
    with disk(tmp_path / "small") as small:
        done = run_job(Job(loaded, 7, ("rules",), fresh=True), small / "runs", None)  # type: ignore[arg-type]
        assert not list(small.rglob("run.json"))
    assert done.code is ExitCode.INVALID
    assert "there is no room for the recording" in done.problem


def test_what_was_made_is_kept_in_the_first_place_that_takes_it(tmp_path: Path) -> None:
    with disk(tmp_path / "full") as full:
        fill(full, leave_bytes=8192)
        kept, refused = kept_where_there_is_room([full / "runs", tmp_path / "state"], written, "it is lost")
    assert kept == tmp_path / "state" / "recording"
    [(place, why)] = refused
    assert place == full / "runs"
    assert "no space left on device" in why
    assert "MB free" in why


def test_what_can_be_kept_nowhere_is_named_as_lost_with_all_places(tmp_path: Path) -> None:
    with disk(tmp_path / "one") as one, disk(tmp_path / "two") as two:
        fill(one)
        fill(two)
        with pytest.raises(RunAbortedError, match="the recording of cut is lost") as lost:
            kept_where_there_is_room([one / "runs", two], written, "the recording of cut is lost")
    assert str(one / "runs") in str(lost.value)
    assert str(two) in str(lost.value)


def test_a_collector_that_cannot_write_says_so_and_cuts_no_record(tmp_path: Path) -> None:
    with disk(tmp_path / "data") as data:
        store = Store(data)
        filler = fill(data, leave_bytes=12_288)
        for number in range(200):
            store.add("spans", [{"number": number, "text": "x" * 500}])
        store.flush()
        assert "spans: no space left on device" in store.unwritten
        whole = store.path("spans").read_bytes().split(b"\n")[:-1]
        assert all(line.startswith(b'{"number"') and line.endswith(b'"}') for line in whole)
        filler.unlink()
        store.clear()
        assert store.unwritten == ""
        store.add("spans", [{"number": 1}])
        assert store.flush()["spans"] == 1


def test_a_recording_that_is_kept_elsewhere_is_named_and_costs_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = JobResult("cut", 7, path="/state/recordings/cut/7-abc", elsewhere="no space left on device, 0.0 MB free")
    writings = Writings()
    write_reports(Campaign((kept,), {}), (), tmp_path, Selection(()), (), writings, index=False)
    assert writings.conclude() == [ExitCode.INVALID]
    errors = capsys.readouterr().err
    for word in (str(tmp_path / "cut"), "no space left on device", "is kept: /state/recordings/cut/7-abc"):
        assert word in errors
