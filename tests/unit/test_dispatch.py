"""What is said where a campaign cannot run on a cluster, and what is done as workers come and go."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lab.engines.options import EngineOptions
from lab.errors import ExitCode, RunAbortedError
from lab.recording.opening import find_runs, open_run
from lab.runs import dispatch, remote
from lab.runs.campaign import Job, JobResult
from lab.runs.cluster import Cluster
from lab.runs.packing import packed, unpack
from lab.runs.pool import Watch
from lab.runs.remote import Delivery, Errand
from lab.scenario import load_scenario
from tests.cli_cases import HEALTHY, lab, run

CLUSTER = Cluster("127.0.0.1:8786")
ERRAND = Errand("runs", True, False, EngineOptions(), {}, {})


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["--executor", "dask"], "expected dask://HOST:PORT"),
        (["--executor", "dask://here"], "expected dask://HOST:PORT"),
        (["--executor", "dask://here:0"], "expected dask://HOST:PORT"),
        (["--executor", "tcp://here:8786"], "expected dask://HOST:PORT"),
        (["--executor", "dask://here:8786", "--testbed", "stack"], "testbed 'stack' runs on this machine"),
        (["--executor", "dask://here:1", "--recordings", "stay", "-o", "x.html"], "expected --recordings send"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    words: list[str], seen: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("quiet.scenario.yaml", "--engine", HEALTHY, *words) == ExitCode.INVALID
    assert seen in capsys.readouterr().err
    assert not Path("runs/quiet").exists()


def test_without_dask_it_is_said_how_to_install_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert run("quiet.scenario.yaml", "--executor", "dask://127.0.0.1:8786") == ExitCode.INVALID
    assert "pip install 'chaos-lab[dask]'" in capsys.readouterr().err


@dataclass
class Answered:
    """A future that is done."""

    what: Delivery | Exception

    def result(self) -> Delivery:
        if isinstance(self.what, Exception):
            raise self.what
        return self.what

    def add_done_callback(self, heard: Any) -> None:
        heard(self)

    __hash__ = object.__hash__


@dataclass
class Scheduler:
    """A cluster's client: `answers` are what comes of the tasks, in their order."""

    answers: list[Delivery | Exception]
    status: str = "running"
    workers: tuple[str, ...] = ("a", "b")
    submitted: list[Any] = field(default_factory=list)
    cancelled: list[Any] = field(default_factory=list)

    def scheduler_info(self, n_workers: int) -> Any:
        return {"workers": {address: {"nthreads": 1} for address in self.workers}}

    def submit(self, *_: Any, key: str, workers: Any, **more: Any) -> Answered:
        self.submitted.append((key.rsplit("-", 2)[1:], workers))
        return Answered(self.answers.pop(0))

    def cancel(self, futures: list[Any], **more: Any) -> None:
        self.cancelled += futures

    def run(self, *_: Any, **more: Any) -> None:
        pass


def dispatched(scheduler: Scheduler, jobs: list[Job], **watch: Any) -> dispatch.Dispatch:
    client: Any = scheduler
    return dispatch.Dispatch(client, CLUSTER, ERRAND, jobs, Path("runs"), Watch(**watch), print, None)


@pytest.fixture
def jobs(folder: Path) -> list[Job]:
    return [Job(load_scenario("quiet.scenario.yaml"), seed, ("constant",)) for seed in (1, 2)]


def came(seed: int, worker: str = "a") -> Delivery:
    return Delivery(worker, JobResult("quiet", seed))


def killed() -> Exception:
    from types import SimpleNamespace

    return dispatch.KilledWorker("task", SimpleNamespace(address="a"), 3)  # type: ignore[arg-type]


def test_a_worker_of_another_version_that_joins_later_is_used_no_more(
    jobs: list[Job], capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler = Scheduler([Delivery("b", refused="chaos-lab 0.0.9"), came(2), came(1)])
    assert [result.seed for result in dispatched(scheduler, jobs).run()] == [1, 2]
    assert scheduler.submitted[-1][1] == ["a"]
    assert capsys.readouterr().out == "worker b is not used, it would give other results: chaos-lab 0.0.9\n"


def test_where_every_worker_is_of_another_version_the_campaign_ends(jobs: list[Job]) -> None:
    scheduler = Scheduler([Delivery("a", refused="x"), Delivery("b", refused="y")])
    with pytest.raises(RunAbortedError, match="gives the results of this machine: a: x; b: y"):
        dispatched(scheduler, jobs).run()


def test_a_job_under_which_all_workers_die_twice_has_no_verdict_and_the_others_have_theirs(jobs: list[Job]) -> None:
    scheduler = Scheduler([killed(), came(2), killed()])
    heard: list[JobResult] = []
    first, second = dispatched(scheduler, jobs, on_result=heard.append).run()
    assert (first.code, first.seed) == (ExitCode.INTERNAL, 1)
    assert first.problem == "the worker that had it died, 8 times: killed, or out of memory"
    assert second.problem == ""
    assert sorted(key for key, _ in scheduler.submitted) == [["0", "1"], ["0", "2"], ["1", "1"]]
    assert heard == [second, first]


def test_a_task_that_cannot_be_run_there_is_that_jobs_result(jobs: list[Job]) -> None:
    first, second = dispatched(Scheduler([ValueError("unknown"), came(2)]), jobs).run()
    assert (first.code, first.problem) == (ExitCode.INTERNAL, "internal error: ValueError: unknown")
    assert second.problem == ""


@pytest.mark.parametrize("error", [dispatch.CancelledError("x"), OSError("connection lost")])
def test_a_scheduler_that_is_gone_ends_the_campaign(error: Exception, jobs: list[Job]) -> None:
    scheduler = Scheduler([error, error], status="connecting")
    with pytest.raises(RunAbortedError, match=r"the dask scheduler at .* is gone"):
        dispatched(scheduler, jobs).run()


def test_a_cluster_that_lost_all_workers_is_given_up_after_a_while(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dispatch, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(dispatch, "WORKERLESS_S", 0.3)
    scheduler = Scheduler([came(1), came(2)])
    made = dispatched(scheduler, jobs)
    scheduler.workers = ()
    monkeypatch.setattr(Answered, "add_done_callback", lambda *_: None)  # nothing comes any more
    with pytest.raises(RunAbortedError, match="has had no worker for"):
        made.run()
    assert capsys.readouterr().out.count("has no worker any more; waiting 0.3 s for one") == 1
    made.end()
    assert len(scheduler.cancelled) == 2


def test_a_result_names_what_it_is_about_as_the_lab_that_asked_does() -> None:
    there = Path("/scratch/w/chaos-lab")
    path = str(there / "quiet" / "1-abc")
    stopped = JobResult("quiet", 1, path, problem=f"{path}: the run did not complete", code=ExitCode.INTERNAL)
    assert remote._named(stopped, there, ERRAND, "w") == replace(
        stopped, path="runs/quiet/1-abc", problem="runs/quiet/1-abc: the run did not complete"
    )
    full = replace(stopped, problem=f"no room to write below {there}: full; free space there")
    assert remote._named(full, there, ERRAND, "w").problem == f"{full.problem} (on the worker w: its --local-directory)"


def test_a_recording_is_sent_whole_and_one_that_is_there_gets_the_new_answers(folder: Path) -> None:
    run("quiet.scenario.yaml", "--engine", "constant")
    [place] = find_runs(Path("runs"))
    job = Job(load_scenario("quiet.scenario.yaml"), 3, ("constant",))
    sent = packed(place)
    unpack(sent, job, Path("there"))
    [copy] = find_runs(Path("there"))
    assert copy.relative_to("there") == place.relative_to("runs")
    assert dict(open_run(copy).meta) == dict(open_run(place).meta)
    lab("diagnose", str(copy), "--engine", "chance")
    made_ns = (copy / "run.json").stat().st_mtime_ns
    (copy / "grades" / "constant.json").unlink()
    unpack(sent, job, Path("there"))
    assert (copy / "run.json").stat().st_mtime_ns == made_ns
    assert open_run(copy).engines() == ("chance", "constant")
    assert json.loads((copy / "grades" / "constant.json").read_text())["engine"] == "constant"
    unpack(sent, replace(job, fresh=True), Path("there"))
    assert open_run(copy).engines() == ("constant",)
    assert list(Path("there").glob("*/.*")) == []


def test_a_directory_that_is_no_recording_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "observed").mkdir()
    assert packed(tmp_path) == b""
