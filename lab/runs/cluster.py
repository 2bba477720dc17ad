"""Runs a campaign's jobs on a dask cluster (`--executor dask://HOST:PORT`): the same results from other machines.

Before the first job every worker is asked what it has installed: results from another version would be others.
"""

from __future__ import annotations

import asyncio
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.engines.options import EngineOptions
from lab.errors import Problem, UserError
from lab.runs.campaign import Job, JobResult
from lab.runs.campaign_key import engine_digest, installation
from lab.runs.pool import TICK_S, Watch

if TYPE_CHECKING:
    from distributed import Client

    from lab.runs.remote import Errand

CONNECT_S = 10.0
"""How long the scheduler may take to answer."""
GREETING_S = 5.0
"""How long what listens at its address may take to say what it is."""
WORKERLESS_S = 60.0
"""How long a cluster may be without any worker before the campaign gives up."""
MOST_SHOWN = 5

Note = Callable[[str], object]


@dataclass(frozen=True)
class Cluster:
    """A dask scheduler's address, `HOST:PORT`, and whether recordings stay on its workers."""

    address: str
    recordings_stay: bool = False

    @property
    def name(self) -> str:
        """How the command line names it."""
        return f"dask://{self.address}"


def run_on_cluster(
    jobs: Sequence[Job], root: Path, cluster: Cluster, watch: Watch, note: Note, *,
    limit: int | None, keep: bool, engines: EngineOptions,
) -> list[JobResult]:  # fmt: skip
    """The results in the order of the jobs. `limit`: at most so many jobs at a time; `note` gets remarks for the user.

    Recordings come to `root` unless they stay. UserError where the cluster cannot be used: nothing answers, another
    version of the lab, a testbed that cannot be shared. RunAbortedError where it goes away meanwhile.
    """
    from lab.runs.dispatch import Dispatch

    if not jobs:
        return []
    check_testbeds(jobs)
    with _connected(cluster) as client:
        errand = _errand(jobs, root, cluster, engines, keep)
        _check_workers(client, cluster, errand, note)
        dispatch = Dispatch(client, cluster, errand, jobs, root, watch, note, limit)
        try:
            return dispatch.run()
        finally:
            dispatch.end()


def check_testbeds(jobs: Sequence[Job]) -> None:
    """UserError where jobs are for a testbed that is on this machine only."""
    for name in sorted({job.testbed.name for job in jobs if not job.testbed.driver.is_shared}):
        what = f"testbed {name!r} runs on this machine, one run at a time"
        raise UserError(Problem(what, seen="--executor dask://…", expected="--executor local"))


@contextmanager
def _connected(cluster: Cluster) -> Iterator[Client]:
    """A client of the scheduler. UserError where dask is not installed or no scheduler answers."""
    try:
        from distributed import Client
    except ImportError as error:
        hint = "pip install 'chaos-lab[dask]'"
        raise UserError(Problem("--executor dask://… needs dask.distributed", seen=str(error), hint=hint)) from error
    for name in ("distributed", "distributed.client", "distributed.core", "distributed.comm", "distributed.scheduler"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters of it is said in the lab's own words
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # versions are compared below
            asyncio.run(_check_scheduler(cluster.address))
            client = Client(f"tcp://{cluster.address}", timeout=CONNECT_S, set_as_default=False, name="chaos-lab")
    except (OSError, ValueError) as error:
        seen = " ".join(str(error).split()) or type(error).__name__
        hint = "start one with `dask scheduler`, and workers with `dask worker` (docs/campaigns.md)"
        raise UserError(Problem(f"no dask scheduler answers at {cluster.name}", seen=seen[:200], hint=hint)) from error
    try:
        yield client
    finally:
        client.close(timeout=CONNECT_S)


async def _check_scheduler(address: str) -> None:
    """OSError where no dask scheduler listens: a client would wait without end for what is not dask to greet it."""
    from distributed import rpc

    async def kind() -> str:
        async with rpc(f"tcp://{address}", timeout=CONNECT_S) as there:
            return str((await there.identity())["type"])

    try:
        found = await asyncio.wait_for(kind(), CONNECT_S + GREETING_S)
    except TimeoutError as error:
        raise OSError("something listens there that is not dask (a scheduler's port is 8786 unless told)") from error
    if found in ("Worker", "Nanny"):
        raise OSError(f"it is a {found.lower()}'s address (a scheduler's port is 8786 unless told)")


def _errand(jobs: Sequence[Job], root: Path, cluster: Cluster, engines: EngineOptions, keep: bool) -> Errand:
    from lab.runs.remote import Errand

    asked = dict.fromkeys(engine for job in jobs for engine in job.engines)
    digests = {engine: engine_digest(engine) for engine in asked}
    return Errand(str(root), keep, cluster.recordings_stay, engines, installation(), digests)


def _check_workers(client: Client, cluster: Cluster, errand: Errand, note: Note) -> None:
    """UserError with every worker whose results would be others than those of this machine."""
    from lab.runs.remote import EngineHosts, why_not

    _await_worker(client, cluster, note)
    said = client.run(why_not, errand, on_error="return")
    refused = {address: _reason(why) for address, why in said.items() if why}
    if refused:
        hint = "install the same chaos-lab, Python, libraries and plug-ins there, and start the worker again"
        raise UserError([
            Problem(f"worker {address} would give other results", seen=why, hint=hint)
            for address, why in list(refused.items())[:MOST_SHOWN]
        ])  # fmt: skip
    client.register_plugin(EngineHosts())
    several = [address for address, one in workers_of(client).items() if one["nthreads"] > 1]
    if several:
        note(f"{several[0]} has several threads and runs one job at a time: start workers with --nthreads 1")


def _reason(why: object) -> str:
    if isinstance(why, Exception) and "No module named 'lab" in str(why):  # dask may wrap what it could not unpack
        return "chaos-lab is not installed there, or is another version"
    return f"{type(why).__name__}: {why}" if isinstance(why, Exception) else str(why)


def _await_worker(client: Client, cluster: Cluster, note: Note) -> None:
    if not workers_of(client):
        note(f"{cluster.name} has no worker yet; waiting for one")
    until_s = time.monotonic() + WORKERLESS_S
    while not workers_of(client):
        if time.monotonic() > until_s:
            hint = "start some with `dask worker` (docs/campaigns.md)"
            raise UserError(Problem(f"{cluster.name} has no workers", hint=hint))
        time.sleep(TICK_S)


def workers_of(client: Client) -> Mapping[str, Mapping[str, Any]]:
    """The cluster's workers by address."""
    found: Mapping[str, Mapping[str, Any]] = client.scheduler_info(n_workers=-1)["workers"]
    return found
