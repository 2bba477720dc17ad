"""A campaign's jobs on a worker of a dask cluster: one at a time in its process, each with what it needs from there.

Imported by workers, and by the lab that sends jobs to them. Only there `distributed` has to be installed.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from distributed import Worker, WorkerPlugin, get_worker

from lab.engines import check_engine
from lab.engines.host import EngineHost
from lab.engines.options import EngineOptions
from lab.errors import LabError
from lab.files.finding import find_file
from lab.runs.campaign import Job, JobResult, run_job
from lab.runs.campaign_key import engine_digest, installation
from lab.runs.identity import recording_key
from lab.runs.packing import packed
from lab.scenario.load import SUFFIX


@dataclass(frozen=True)
class Errand:
    """What all jobs of a campaign have in common, seen from the lab that sends them.

    `root` is its runs directory, by which results name recordings. `stays`: recordings are kept under the worker's own
    runs directory (`LAB_RUNS_DIR`, else `runs` where the worker was started) instead of being sent.
    """

    root: str
    keep: bool
    stays: bool
    engines: EngineOptions
    installation: Mapping[str, str]
    engine_digests: Mapping[str, str]


@dataclass(frozen=True)
class Parcel:
    """A job on its way: `shipped` is the name of its scenario where the lab brings it, `key` that of its recording."""

    job: Job
    shipped: str
    key: str


@dataclass(frozen=True)
class Delivery:
    """What comes back: the result, and the recording as a zip archive where it is sent.

    `refused` says why this worker cannot run the job; there is no result then. `stayed` is where recordings are kept.
    """

    worker: str
    result: JobResult | None = None
    recording: bytes = b""
    stayed: str = ""
    refused: str = ""


class EngineHosts(WorkerPlugin):
    """Ends the engines' processes of a worker when it ends."""

    name = "chaos-lab"
    idempotent = True

    def teardown(self, worker: Worker) -> None:
        _close()


_one_at_a_time = threading.Lock()
"""A job has its process for itself: workers may have several threads."""
_host: tuple[EngineOptions, EngineHost] | None = None
"""The warm host of the jobs' engines, and the options that it was made with."""


def deliver(errand: Errand, parcel: Parcel) -> Delivery:
    """Runs a job here. Whatever goes wrong with it is its result."""
    worker = get_worker()
    with _one_at_a_time:
        job = _at_home(parcel)
        if why := why_not(errand) or _other_recording(job, parcel.key):
            return Delivery(worker.address, refused=why)
        if errand.stays and errand.keep:
            root = Path(os.environ.get("LAB_RUNS_DIR") or "runs").absolute()
            result = run_job(job, root, _engine_host(errand, root))
            return Delivery(worker.address, _named(result, root, errand, worker.address), stayed=str(root))
        root = Path(worker.local_directory) / "chaos-lab"
        try:
            result = run_job(job, root, _engine_host(errand, root), keep=errand.keep)
            recording = packed(Path(result.path)) if errand.keep and result.path else b""
            return Delivery(worker.address, _named(result, root, errand, worker.address), recording)
        finally:
            shutil.rmtree(root, ignore_errors=True)


def why_not(errand: Errand) -> str:
    """Why results made here would not be those made where the errand comes from; empty where they would."""
    here = installation()
    other = [
        f"{name} {here.get(name, 'missing')}, expected {wanted}"
        for name, wanted in errand.installation.items()
        if here.get(name) != wanted
    ]
    return "; ".join([*other, *_other_engines(errand)])


def rest() -> None:
    """Ends the engines' processes unless a job is using them."""
    if _one_at_a_time.acquire(blocking=False):
        try:
            _close()
        finally:
            _one_at_a_time.release()


def _other_engines(errand: Errand) -> list[str]:
    problems = [
        f"{path}, which --engine-read names, is not there" for path in errand.engines.reads if not path.exists()
    ]
    for spec, wanted in errand.engine_digests.items():
        try:
            check_engine(spec)
            differs = engine_digest(spec) != wanted
        except LabError as error:
            problems.append(f"engine {spec!r}: {str(error).splitlines()[0]}")
        else:
            problems += [f"engine {spec!r}: its files are missing or others (in {Path.cwd()})"] if differs else []
    return problems


def _other_recording(job: Job, key: str) -> str:
    try:
        same = recording_key(job.loaded, job.seed, job.testbed) == key
    except LabError as error:
        return str(error)
    return "" if same else f"what {job.loaded.name} uses of plug-ins has another version there"


def _at_home(parcel: Parcel) -> Job:
    """The job with its scenario's file as it lies here, where the lab brings it."""
    if not parcel.shipped:
        return parcel.job
    loaded = replace(parcel.job.loaded, path=find_file(parcel.shipped, SUFFIX, "scenario"))
    return replace(parcel.job, loaded=loaded)


def _engine_host(errand: Errand, root: Path) -> EngineHost:
    """The host of engines that is open already, or a new one if it has to be another."""
    global _host  # noqa: PLW0603  # it outlasts the tasks
    options = replace(errand.engines, hidden=(*errand.engines.hidden, root.resolve()))
    if _host is None or _host[0] != options:
        _close()
        _host = options, EngineHost(options).__enter__()
    return _host[1]


def _close() -> None:
    global _host  # noqa: PLW0603
    if _host is not None:
        _host[1].__exit__(None, None, None)
        _host = None


def _named(result: JobResult, root: Path, errand: Errand, worker: str) -> JobResult:
    """A result with the names that its recording has where the errand comes from."""
    if result.code and "no room" in result.problem:
        set_by = "LAB_RUNS_DIR" if errand.stays else "--local-directory"
        return replace(result, path="", problem=f"{result.problem} (on the worker {worker}: its {set_by})")
    if not result.path or not Path(result.path).is_relative_to(root):
        return result
    path = str(Path(errand.root) / Path(result.path).relative_to(root))
    cases = tuple(replace(case, path=path) for case in result.assessments)
    problem = result.problem.replace(result.path, path)
    return replace(result, path=path, assessments=cases, problem=problem)
