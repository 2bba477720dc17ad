"""Hands a campaign's jobs to a dask cluster, one for each worker, and takes what comes back.

The scheduler gives the job of a worker that is lost to another one, and may compute a finished result again whose only
holder died: jobs are made so that this changes nothing. A job is handed over when a worker is free for it: what was not
begun when it is time to stop is not begun any more.
"""

from __future__ import annotations

import queue
import time
import uuid
import zipfile
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from distributed import CancelledError, Client, Future, KilledWorker

from lab.errors import ExitCode, RunAbortedError
from lab.files.finding import shipped_name
from lab.runs.campaign import Job, JobResult, failed_job
from lab.runs.cluster import WORKERLESS_S, Cluster, Note, workers_of
from lab.runs.identity import recording_key
from lab.runs.order import starting_order
from lab.runs.packing import unpack
from lab.runs.pool import TICK_S, Watch
from lab.runs.remote import Delivery, Errand, Parcel, deliver, rest
from lab.scenario.load import SUFFIX

LOOK_EVERY_S = 1.0
ATTEMPTS = 2
"""How often a job is handed over whose workers all died under it, several times each."""


@dataclass
class Dispatch:
    """One campaign on a cluster.

    `refused` says of workers why they are not used; `stayed` where each kept recordings.
    """

    client: Client
    cluster: Cluster
    errand: Errand
    jobs: Sequence[Job]
    root: Path
    watch: Watch
    note: Note
    limit: int | None
    waiting: deque[int] = field(init=False)
    pending: dict[Future[Delivery], int] = field(default_factory=dict)
    done: queue.SimpleQueue[Future[Delivery]] = field(default_factory=queue.SimpleQueue)
    results: dict[int, JobResult] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    stayed: dict[str, str] = field(default_factory=dict)
    is_bereft: bool = False
    """Whether it was said that there is no worker any more."""

    def __post_init__(self) -> None:
        self.waiting = deque(starting_order(self.jobs))
        self.token = uuid.uuid4().hex
        self.keys = [recording_key(job.loaded, job.seed, job.testbed) for job in self.jobs]
        self.addresses = list(workers_of(self.client))
        self.looked_s = self.seen_s = time.monotonic()

    def run(self) -> list[JobResult]:
        """The results in the order of the jobs; without those that were not begun when it was time to stop."""
        while True:
            self._hand_over()
            if not self.pending:
                return [self.results[number] for number in sorted(self.results)]
            with suppress(queue.Empty):
                self._take(self.done.get(timeout=TICK_S))
            self._look()
            self.watch.tick(len(self.results) / len(self.jobs), len(self.results))

    def end(self) -> None:
        """Takes back what was handed over, and says where recordings stayed."""
        if self.client.status == "running":
            self.client.cancel(list(self.pending), force=True)
            self.client.run(rest, on_error="ignore")
        for worker, place in sorted(self.stayed.items()):
            self.note(f"recordings stayed on {worker}: {place}")

    def _hand_over(self) -> None:
        usable = [address for address in self.addresses if address not in self.refused]
        if self.refused and not usable:
            why = "; ".join(f"{address}: {why}" for address, why in self.refused.items())
            raise RunAbortedError(f"no worker of {self.cluster.name} gives the results of this machine: {why}")
        most = min(max(1, len(usable)), self.limit or len(self.jobs))
        while self.waiting and len(self.pending) < most and not self.watch.stop():
            number = self.waiting.popleft()
            job = self.jobs[number]
            self.attempts[number] = self.attempts.get(number, 0) + 1
            parcel = Parcel(job, shipped_name(job.loaded.path, SUFFIX) or "", self.keys[number])
            future = self.client.submit(
                deliver, self.errand, parcel, key=f"chaos-lab-{self.token}-{number}-{self.attempts[number]}",
                pure=False, retries=ATTEMPTS, workers=usable if self.refused else None,
            )  # fmt: skip
            self.pending[future] = number
            future.add_done_callback(self.done.put)

    def _take(self, future: Future[Delivery]) -> None:
        """Takes in what came of a job; it is handed over again where its workers died or cannot be used."""
        number = self.pending.pop(future)
        job = self.jobs[number]
        try:
            delivery = future.result()
        except KilledWorker as error:
            if self.attempts[number] < ATTEMPTS:
                self.waiting.appendleft(number)
                return
            deaths = ATTEMPTS * (error.allowed_failures + 1)
            why = f"the worker that had it died, {deaths} times: killed, or out of memory"
            result = JobResult(job.loaded.name, job.seed, problem=why, code=ExitCode.INTERNAL)
        except Exception as error:
            if isinstance(error, CancelledError) or self.client.status != "running":
                raise self._gone() from error
            result = failed_job(job, "", error, self.cluster.name, "free space there")
        else:
            if delivery.refused:
                self._refuse(number, delivery)
                return
            result = self._received(job, delivery)
        self.results[number] = result
        self.watch.on_result(result)

    def _refuse(self, number: int, delivery: Delivery) -> None:
        """Uses a worker no more that joined later and is another version, and hands the job over again."""
        self.refused[delivery.worker] = delivery.refused
        self.note(f"worker {delivery.worker} is not used, it would give other results: {delivery.refused}")
        self.attempts[number] -= 1
        self.waiting.appendleft(number)

    def _received(self, job: Job, delivery: Delivery) -> JobResult:
        """A job's result, with its recording at its place here where it was sent."""
        assert delivery.result is not None
        if delivery.stayed:
            self.stayed[delivery.worker] = delivery.stayed
        if delivery.recording:
            try:
                unpack(delivery.recording, job, self.root)
            except (OSError, zipfile.BadZipFile) as error:
                remedy = "free space there, or choose another --runs-dir"
                return failed_job(job, "", error, self.root.absolute(), remedy)
        return delivery.result

    def _look(self) -> None:
        """Notices new workers, and that there are none any more, or no scheduler."""
        now_s = time.monotonic()
        if self.client.status != "running":
            raise self._gone()
        if now_s - self.looked_s < LOOK_EVERY_S:
            return
        self.looked_s = now_s
        try:
            self.addresses = list(workers_of(self.client))
        except (OSError, TimeoutError) as error:
            raise self._gone() from error
        if self.addresses:
            self.seen_s, self.is_bereft = now_s, False
        elif not self.is_bereft:
            self.note(f"{self.cluster.name} has no worker any more; waiting {WORKERLESS_S:g} s for one")
            self.is_bereft = True
        elif now_s - self.seen_s > WORKERLESS_S:
            why = f"{self.cluster.name} has had no worker for {WORKERLESS_S:g} s"
            raise RunAbortedError(f"{why}; start some and repeat the command")

    def _gone(self) -> RunAbortedError:
        name = self.cluster.name
        return RunAbortedError(f"the dask scheduler at {name} is gone; start it again and repeat the command")
