"""The run directory: whole, or not there at all, and nothing in it changes unnoticed."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.errors import UserError
from lab.recording import rundir
from lab.recording.observed import Observed, load_observed
from lab.recording.opening import find_runs, open_run
from lab.recording.rundir import RunDirectory, sealed, write_run
from lab.runs import judged, runner
from lab.runs.runner import run_scenario
from lab.scenario import LoadedScenario
from lab.testbeds.installed import choose
from tests.simulated import FAULTS, digests, scenario


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    folder = tmp_path_factory.mktemp("runs")
    fault = {**FAULTS["network-partition"], "at": "20s", "for": "20s"}
    return run_scenario(scenario(folder, name="busy", duration_s=45, rate_per_s=10, faults=[fault]), 5, folder)


@pytest.fixture(scope="module")
def observed(run: RunDirectory) -> Observed:
    return load_observed(run.observed)


@pytest.fixture
def copy(run: RunDirectory, tmp_path: Path) -> Path:
    """A copy of the run that may be damaged."""
    target = tmp_path / "busy" / run.path.name
    shutil.copytree(run.path, target)
    return target


def test_a_whole_run_opens(run: RunDirectory) -> None:
    assert open_run(run.path).meta == run.meta
    assert {*run.meta["checksums"], "signals.npz"} == set(digests(run.path))


def test_a_changed_byte_is_noticed(copy: Path) -> None:
    file = copy / "observed" / "spans.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match="recording was changed") as caught:
        open_run(copy)
    assert "spans.parquet" in str(caught.value)


@pytest.mark.parametrize("name", ["observed/metrics.parquet", "truth/faults.json", "events.jsonl"])
def test_a_missing_file_is_noticed(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(UserError, match="missing"):
        open_run(copy)


def test_a_truncated_directory_is_noticed(copy: Path) -> None:
    (copy / "observed" / "logs.parquet").unlink()
    with pytest.raises(UserError, match="recording was changed"):
        open_run(copy)
    (copy / "run.json").unlink()
    with pytest.raises(UserError, match="not a recording"):
        open_run(copy)
    assert find_runs(copy.parent.parent) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema_version": 1}', "null"])
def test_a_broken_run_file_is_a_located_error(copy: Path, content: str) -> None:
    (copy / "run.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match="unreadable recording") as caught:
        open_run(copy)
    (problem,) = caught.value.problems
    assert problem.file == str(copy / "run.json")
    assert problem.seen
    assert "Error" not in problem.seen, "what is wrong, and not what Python calls it"
    assert problem.hint.startswith("run the scenario again")


def test_another_version_is_refused(copy: Path) -> None:
    text = (copy / "run.json").read_text(encoding="utf-8").replace('"schema_version": 1', '"schema_version": 2')
    (copy / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="another schema version"):
        open_run(copy)


def edited(copy: Path, change: Callable[[dict[str, Any]], object], *, reseal: bool = False) -> Path:
    """The copy with its run.json changed by hand."""
    meta = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    change(meta)
    (copy / "run.json").write_text(json.dumps(sealed(meta) if reseal else meta), encoding="utf-8")
    return copy


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: meta["grading"].update(top_k=9),
        lambda meta: meta.update(seed=6),
        lambda meta: meta.update(status="complete!"),
        lambda meta: meta["scenario"].update(name="another"),
        lambda meta: meta["checksums"].pop("truth/faults.json"),
        lambda meta: meta.pop("neighbours"),
    ],
)
def test_a_run_file_edited_by_hand_is_noticed(copy: Path, change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(UserError, match="recording was changed") as caught:
        open_run(edited(copy, change))
    assert caught.value.problems[0].file == str(copy / "run.json")


def test_only_the_content_of_a_run_file_is_sealed(copy: Path) -> None:
    assert open_run(edited(copy, lambda meta: meta)).seed == 5


@pytest.mark.parametrize("content", ['{"schema_version": 1, "checksums": {}}', '{"schema_version": 1, "checksums": 3}'])
def test_a_run_file_without_its_own_checksum_is_refused(copy: Path, content: str) -> None:
    (copy / "run.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"without a checksum of run\.json|unreadable recording"):
        open_run(copy)


def test_truth_removed_with_its_checksum_is_noticed(copy: Path) -> None:
    (copy / "truth" / "faults.json").unlink()
    with pytest.raises(UserError, match="without a checksum of this file"):
        open_run(edited(copy, lambda meta: meta["checksums"].pop("truth/faults.json"), reseal=True))


@pytest.mark.parametrize("name", ["observed/hint.json", "observed/reference/more.json", "truth/more.json"])
def test_a_file_added_to_what_was_recorded_is_noticed(copy: Path, name: str) -> None:
    (copy / name).write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="this file was added") as caught:
        open_run(copy)
    assert caught.value.problems[0].file == str(copy / name)


def test_answers_grades_and_reports_may_be_added(copy: Path) -> None:
    for name in ("diagnosis/x.json", "grades/x.json", "report.html"):
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text("{}", encoding="utf-8")
    assert open_run(copy).seed == 5


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"engine": "x", "verdict": 3}', "[" * 100_000])
def test_a_broken_answer_or_grade_is_a_located_error(copy: Path, content: str) -> None:
    run = open_run(copy)
    for folder in ("diagnosis", "grades"):
        file = copy / folder / "x.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")
        with pytest.raises(UserError, match="broken file in a recording") as caught:
            run.check_kept()
        assert caught.value.problems[0].file == str(file)
        file.unlink()


def rewrite(run: RunDirectory, observed: Observed, root: Path) -> RunDirectory:
    return write_run(root / "busy" / "5-abc", observed, run.truth(), run.effects(), [], dict(run.meta))


@pytest.mark.parametrize("failing", ["write_json", "checksums", "put_in_place"])
def test_an_interrupted_writing_leaves_nothing_that_looks_like_a_run(
    run: RunDirectory, observed: Observed, failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rundir, failing, interrupt)
    with pytest.raises(KeyboardInterrupt):
        rewrite(run, observed, tmp_path)
    assert find_runs(tmp_path) == []
    assert list((tmp_path / "busy").iterdir()) == []


def test_an_interrupt_while_tables_are_written_leaves_the_earlier_run(
    run: RunDirectory, observed: Observed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rewrite(run, observed, tmp_path)
    before = digests(first.path)

    def half(_: Observed, directory: Path) -> None:
        directory.mkdir(parents=True)
        (directory / "spans.parquet").write_bytes(b"PAR1 half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Observed, "write", half)
    with pytest.raises(OSError, match="No space left"):
        rewrite(run, observed, tmp_path)
    assert find_runs(tmp_path) == [first.path]
    assert digests(open_run(first.path).path) == before


def test_a_process_killed_while_writing_leaves_nothing_that_is_found(run: RunDirectory, tmp_path: Path) -> None:
    # What is staged lies beside its place under a name that begins with a dot, with all its files.
    shutil.copytree(run.path, tmp_path / "busy" / ".5-abc.x1.tmp")
    assert find_runs(tmp_path) == []


def test_the_recording_of_a_scenario_that_fails_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged, "compute_signals", lambda _: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(MemoryError):
        run_scenario(scenario(tmp_path, duration_s=30, rate_per_s=5), 1, tmp_path / "runs")
    assert find_runs(tmp_path / "runs") == []


def test_run_directories_of_other_content_have_other_names(tmp_path: Path) -> None:
    one = scenario(tmp_path, duration_s=30)
    other = scenario(tmp_path, duration_s=31)
    names = {run_name(one, 1), run_name(other, 1), run_name(one, 2), run_name(one, 1, "stack")}
    assert len(names) == 4
    moved = dataclasses.replace(one, path=tmp_path / "elsewhere.scenario.yaml")
    assert run_name(moved, 1) in names


def run_name(loaded: LoadedScenario, seed: int, testbed: str = "sim") -> str:
    return runner.run_path(loaded, seed, Path(), choose(testbed)).name
