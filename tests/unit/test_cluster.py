"""A campaign on a dask cluster comes to the same results as here, whatever of the cluster is lost."""

from __future__ import annotations

import json
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.errors import ExitCode
from lab.runs import cluster as cluster_module
from lab.runs import dispatch
from tests.cli_cases import CUT, HEALTHY, ROOT, lab, write
from tests.clusters import LocalCluster, cluster
from tests.disks import disk, fill
from tests.gates import Gate, gated_engine
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.slow

WORDS = ("run", ".", "--seeds", "3", "--engine", "constant", "--engine", HEALTHY, "--no-report")
FAILED = ExitCode.FAILED
Campaign = tuple[bytes, dict[str, bytes]]
"""A results file, and what is in the runs directory."""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster of two worker processes, which tests leave as they find it."""
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture(scope="module")
def _scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with cluster(tmp_path_factory.mktemp("bare"), workers=0) as made:
        yield made


@pytest.fixture
def bare(_scheduler: LocalCluster) -> Iterator[LocalCluster]:
    """A cluster without workers; those that a test starts are gone after it."""
    yield _scheduler
    _scheduler.end_workers()


@pytest.fixture(scope="module")
def _gate() -> Iterator[Gate]:
    with gated_engine() as made:
        yield made


@pytest.fixture
def gate(_gate: Gate) -> Gate:
    """An engine that answers when it is told to. It is the same for all tests: its address is in every results file."""
    _gate.open()
    eventually(lambda: _gate.waiting == 0)
    _gate.free = 0
    return _gate


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for a cluster of the test's own."""
    return tmp_path_factory.mktemp("own")


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a directory by its name, but for what tells when a campaign began."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in ("_campaign.json", ".lock"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def done_here(*words: object) -> Campaign:
    """The results file and the runs directory of the campaign run here; both are removed."""
    assert lab(*words, "--jobs", 1, "-o", "results.json") == FAILED
    found = Path("results.json").read_bytes(), content(Path("runs"))
    shutil.rmtree("runs")
    Path("results.json").unlink()
    return found


def finished() -> int:
    return len(list(Path("runs/results").glob("*/*.parquet")))


def test_results_recordings_and_dataset_are_the_same_as_here(two: LocalCluster, folder: Path) -> None:
    words = ("run", ".", "recommender/control-quiet", "--engine", "rules", "--engine", "constant")
    here = done_here(*words)
    assert lab(*words, "--executor", two.executor, "-o", "results.json") == FAILED
    assert Path("results.json").read_bytes() == here[0]
    there = content(Path("runs"))
    assert {name for name in there if not name.startswith(".")} == {name for name in here[1] if name[0] != "."}
    assert {name for name, data in here[1].items() if there.get(name) != data} == set()
    assert not list(two.folder.glob("**/chaos-lab/*")), "what was sent is not kept there"


@contextmanager
def asked_on(executor: str, gate: Gate, free: int) -> Iterator[subprocess.Popen[str]]:
    """The lab in the middle of the campaign: so many jobs are finished, and every worker is in another one."""
    gate.free = free
    words = [sys.executable, "-m", "lab", *gated(gate), "--executor", executor, "-o", "results.json"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            eventually(lambda: (finished() == free and gate.waiting > 0) or process.poll() is not None)
            assert process.poll() is None
            yield process
        finally:
            process.kill()


def gated(gate: Gate) -> tuple[str, ...]:
    return ("run", ".", "--seeds", "3", "--engine", "constant", "--engine", gate.engine, "--no-report")


@pytest.fixture(scope="module")
def _gated_here(_gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Campaign]:
    """Where the campaign was run here, whole, and what it came to."""
    with pytest.MonkeyPatch.context() as patch:
        where = tmp_path_factory.mktemp("here")
        patch.chdir(where)
        patch.delenv("CI", raising=False)
        patch.delenv("GITHUB_ACTIONS", raising=False)
        write("cut", CUT)
        write("quiet")
        _gate.open()
        return where, done_here(*gated(_gate))


@pytest.fixture
def gated_here(_gated_here: tuple[Path, Campaign], gate: Gate, folder: Path) -> Campaign:
    """What the campaign comes to in the test's own directory, whose path is where the last failures are kept."""
    where, (results, runs) = _gated_here
    return results, {name: data.replace(bytes(where), bytes(folder)) for name, data in runs.items()}


def test_a_worker_killed_in_the_middle_changes_nothing(
    elsewhere: Path, folder: Path, gate: Gate, gated_here: Campaign
) -> None:
    killed_after = random.SystemRandom().randint(1, 4)
    with cluster(elsewhere) as own:
        with asked_on(own.executor, gate, killed_after) as process:
            eventually(lambda: gate.waiting == 2)  # each of the two is in the middle of a job
            own.workers[0].kill()
            gate.open()
            _, err = process.communicate()
            assert process.returncode == FAILED, err
        assert own.workers[1].poll() is None
    assert (Path("results.json").read_bytes(), content(Path("runs"))) == gated_here, f"killed after {killed_after}"


@contextmanager
def in_the_middle(runs: int, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """The lab in a campaign, so many of whose runs are finished."""
    command = [sys.executable, "-m", "lab", *words, "-o", "results.json"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: finished() >= runs or process.poll() is not None)
            assert process.poll() is None
            yield process
        finally:
            process.kill()


@pytest.mark.long
def test_shipped_scenarios_come_to_the_same_whatever_is_killed(elsewhere: Path, folder: Path) -> None:
    """With their pages; a control whose load saturates, a decoy, and a fault that only clicks tell."""
    chosen = "control-flash-sale or partition-blamed-on-model or stale-cache-mild"
    words = ("run", "recommender", "-k", chosen, "--seeds", "2", "--engine", "rules", "--engine", "naive-thresholds")
    here = done_here(*words)
    with cluster(elsewhere) as own, in_the_middle(2, *words, "--executor", own.executor) as process:
        own.workers[0].kill()
        assert process.wait(PATIENCE_S) == FAILED
        assert own.workers[1].poll() is None
    assert (Path("results.json").read_bytes(), content(Path("runs"))) == here
    shutil.rmtree("runs")
    with in_the_middle(3, *words, "--jobs", "2") as process:
        process.kill()
    assert lab(*words, "--jobs", 2, "--resume", "-o", "results.json") == FAILED
    assert (Path("results.json").read_bytes(), content(Path("runs"))) == here


def test_a_lab_killed_in_the_middle_goes_on_with_resume(
    two: LocalCluster, folder: Path, gate: Gate, gated_here: Campaign
) -> None:
    killed_after = random.SystemRandom().randint(1, 5)
    with asked_on(two.executor, gate, killed_after) as process:
        process.kill()
    gate.open()
    assert lab(*gated(gate), "--executor", two.executor, "--resume", "-o", "results.json") == FAILED
    assert (Path("results.json").read_bytes(), content(Path("runs"))) == gated_here, f"killed after {killed_after}"


def test_recordings_stay_where_they_were_made_if_asked(
    two: LocalCluster, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = done_here(*WORDS)
    capsys.readouterr()
    for more in ((), ("--resume",)):
        words = (*WORDS, "--executor", two.executor, "--recordings", "stay", *more)
        assert lab(*words, "-o", "results.json") == FAILED
        assert Path("results.json").read_bytes() == here[0]
    err = capsys.readouterr().err
    assert "6 of 6 runs were finished before" in err
    assert {path.name for path in Path("runs").iterdir()} == {"results", ".last-failed.json"}
    kept: dict[str, bytes] = {}
    for number in range(2):
        runs = two.folder_of(number) / "runs"
        if runs.is_dir():
            assert f": {runs}" in err
            kept |= content(runs)
    assert kept == {name: data for name, data in here[1].items() if name[0] != "." and not name.startswith("results/")}


def test_an_evaluation_runs_there_too(two: LocalCluster, folder: Path) -> None:
    Path("small.suite.yaml").write_text("schema_version: 1\nname: small\nscenarios: [cut.scenario.yaml]\n")
    words = ("evaluate", "small.suite.yaml", "--seeds", "3-5", "--engine", "constant")
    here = done_here(*words)
    assert lab(*words, "--executor", two.executor, "-o", "results.json") == FAILED
    assert (Path("results.json").read_bytes(), content(Path("runs"))) == here


def test_a_scheduler_that_goes_away_ends_the_campaign_which_goes_on_anywhere(
    elsewhere: Path, folder: Path, gate: Gate, gated_here: Campaign
) -> None:
    with cluster(elsewhere, workers=1) as own:
        with asked_on(own.executor, gate, 2) as process:
            own.scheduler.kill()
            _, err = process.communicate()
        assert process.returncode == ExitCode.INTERNAL
        assert f"the dask scheduler at {own.executor} is gone" in err
        assert "the same command with --resume goes on" in err
        assert "Traceback" not in err
        gate.open()
        assert lab(*gated(gate), "--resume", "-o", "results.json", "--jobs", 1) == FAILED
    assert (Path("results.json").read_bytes(), content(Path("runs"))) == gated_here


def test_an_interrupt_takes_back_what_was_handed_over(two: LocalCluster, folder: Path, gate: Gate) -> None:
    with asked_on(two.executor, gate, 1) as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    gate.open()
    assert process.returncode == ExitCode.INTERRUPTED
    assert "the same command with --resume goes on" in err
    assert "Traceback" not in err
    eventually(lambda: two.tasks() == 0)


def test_a_job_whose_workers_all_died_is_handed_over_once_more(
    elsewhere: Path, folder: Path, gate: Gate, gated_here: Campaign
) -> None:
    one_is_all = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with cluster(elsewhere, workers=1, **one_is_all) as own:
        process, err = _died_under(own, gate, deaths=1)
        assert (process.returncode, Path("results.json").read_bytes()) == (FAILED, gated_here[0]), err
        shutil.rmtree("runs")
        process, err = _died_under(own, gate, deaths=2)
        assert process.returncode == ExitCode.INTERNAL, err
        [problem] = json.loads(Path("results.json").read_text())["not_graded"]
        assert problem["reason"].startswith("the worker that had it died, 2 times")


def _died_under(own: LocalCluster, gate: Gate, deaths: int) -> tuple[subprocess.Popen[str], str]:
    """The lab after a campaign in which workers died, one after the other, in the middle of one job; and its stderr."""
    before = gate.asked
    with asked_on(own.executor, gate, 2) as process:
        for number in range(deaths):
            eventually(lambda number=number: gate.asked == before + 2 + number + 1)  # it is in the middle of the job
            own.workers[-1].kill()
            own.start_worker()
        gate.open()
        _, err = process.communicate()
    return process, err


def test_no_further_job_is_handed_over_after_the_first_failure(
    two: LocalCluster, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab("run", "cut.scenario.yaml", "--seeds", 8, "--engine", "constant", "-x", "--executor", two.executor)
    assert 1 <= capsys.readouterr().out.count("✗ FAIL") <= 2


def test_a_worker_with_other_code_is_refused(
    bare: LocalCluster, elsewhere: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = elsewhere / "other"
    for package in ("lab", "injectors", "graders"):
        shutil.copytree(ROOT / package, other / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "graders" / "kind.py").open("a") as file:
        file.write("# corrected\n")
    bare.start_worker(PYTHONPATH=str(other))
    assert lab(*WORDS, "--executor", bare.executor) == ExitCode.INVALID
    err = capsys.readouterr().err
    assert "would give other results" in err
    assert "chaos-lab 0.1.0 (code " in err
    assert "install the same chaos-lab" in err


def test_a_worker_without_the_lab_is_refused(
    bare: LocalCluster, elsewhere: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = elsewhere / "other" / "lab"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'lab'\", name='lab')\n")
    bare.start_worker(PYTHONPATH=str(missing.parent))
    assert lab(*WORDS, "--executor", bare.executor) == ExitCode.INVALID
    assert "chaos-lab is not installed there" in capsys.readouterr().err


def test_a_worker_without_the_engines_files_is_refused(
    two: LocalCluster, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab("init", "rules", "ours")
    capsys.readouterr()
    words = ("run", "quiet.scenario.yaml", "--engine", "rules:ours.rules.yaml", "--executor", two.executor)
    assert lab(*words) == ExitCode.INVALID
    assert "rules:ours.rules.yaml" in capsys.readouterr().err
    for number in range(2):
        shutil.copy("ours.rules.yaml", two.folder_of(number))
    assert lab(*words) == ExitCode.OK


def test_a_cluster_without_workers_is_waited_for_and_then_given_up(
    bare: LocalCluster, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "WORKERLESS_S", 0.5)
    monkeypatch.setattr(dispatch, "WORKERLESS_S", 0.5)
    monkeypatch.setattr(dispatch, "LOOK_EVERY_S", 0.1)
    assert lab(*WORDS, "--executor", bare.executor) == ExitCode.INVALID
    err = capsys.readouterr().err
    assert "has no worker yet; waiting for one" in err
    assert "start some with `dask worker`" in err


def test_a_full_disk_of_a_worker_is_named_with_what_sets_its_place(
    bare: LocalCluster, elsewhere: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("run", "quiet.scenario.yaml", "--engine", "constant", "--no-report", "--recordings", "stay")
    with disk(elsewhere / "small") as small:
        fill(small)
        bare.start_worker(LAB_RUNS_DIR=str(small / "runs"))
        assert lab(*words, "--executor", bare.executor) == ExitCode.INVALID
        bare.end_workers()
        out = capsys.readouterr().out
        assert "there is no room for the recording of quiet" in out
        assert "on the worker tcp://127.0.0.1:" in out
        assert "its LAB_RUNS_DIR" in out


def test_what_is_not_a_scheduler_is_told_from_one(
    two: LocalCluster, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lab(*WORDS, "--executor", two.worker_addresses()[0]) == ExitCode.INVALID
    assert "it is a worker's address" in capsys.readouterr().err
    monkeypatch.setattr(cluster_module, "CONNECT_S", 0.5)
    monkeypatch.setattr(cluster_module, "GREETING_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert lab(*WORDS, "--executor", f"dask://127.0.0.1:{silent.getsockname()[1]}") == ExitCode.INVALID
    assert "something listens there that is not dask" in capsys.readouterr().err


def test_where_nothing_answers_it_is_said_how_to_start_one(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "CONNECT_S", 0.5)
    assert lab(*WORDS, "--executor", "dask://127.0.0.1:1") == ExitCode.INVALID
    err = capsys.readouterr().err
    assert "no dask scheduler answers at dask://127.0.0.1:1" in err
    assert "start one with `dask scheduler`" in err
