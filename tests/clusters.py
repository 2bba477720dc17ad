"""A dask cluster on this machine: a scheduler and workers as processes of their own, started and ended by a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.waiting import PATIENCE_S, eventually

LOOPBACK = ("--host", "127.0.0.1", "--no-dashboard")
ROOT = Path(__file__).parents[1]


@dataclass
class LocalCluster:
    """Processes of a cluster that listens on loopback; each worker has a directory of its own to work in."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    executor: str = ""

    def start_scheduler(self, **environment: str) -> None:
        file = self.folder / "scheduler.json"
        scheduler = self._start("scheduler", ["--port", "0", "--scheduler-file", str(file)], self.folder, environment)
        self.scheduler = scheduler
        # The file appears when the scheduler listens; it may be read before it is whole.
        address = eventually(lambda: _address(file) if scheduler.poll() is None else "ended")
        assert address.startswith("tcp://127.0.0.1:"), address
        self.executor = address.replace("tcp://", "dask://")

    def start_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        folder = self.folder / f"worker-{len(self.workers) + 1}"
        folder.mkdir()
        words = [self.executor.replace("dask://", "tcp://"), "--nthreads", "1", "--no-nanny"]
        worker = self._start("worker", [*words, "--local-directory", str(folder)], folder, environment)
        self.workers.append(worker)
        return worker

    def wait_for_workers(self, count: int) -> None:
        from distributed import Client

        with Client(self.executor.replace("dask://", "tcp://"), set_as_default=False) as client:
            client.wait_for_workers(count, timeout=PATIENCE_S)

    def tasks(self) -> int:
        """How many tasks the scheduler knows."""
        from distributed import Client

        with Client(self.executor.replace("dask://", "tcp://"), set_as_default=False) as client:
            return int(client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))

    def worker_addresses(self) -> list[str]:
        """The workers' own addresses, written as an executor."""
        from distributed import Client

        with Client(self.executor.replace("dask://", "tcp://"), set_as_default=False) as client:
            return [address.replace("tcp://", "dask://") for address in client.scheduler_info()["workers"]]

    def folder_of(self, worker: int) -> Path:
        return self.folder / f"worker-{worker + 1}"

    def end_workers(self) -> None:
        """Ends all workers, and waits until the scheduler knows none."""
        for worker in self.workers:
            worker.kill()
            worker.wait(PATIENCE_S)
        eventually(lambda: not self.worker_addresses())

    def end(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait(PATIENCE_S)

    def _start(self, what: str, words: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *words, *LOOPBACK]
        with (folder / f"{what}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=folder, env=os.environ | environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self.processes.append(process)
        return process


def _address(file: Path) -> str:
    try:
        return str(json.loads(file.read_text())["address"])
    except (OSError, ValueError):
        return ""


@contextmanager
def cluster(folder: Path, workers: int = 2, **environment: str) -> Iterator[LocalCluster]:
    """A cluster with so many workers; its processes are ended on leaving. `environment` is of all of them."""
    made = LocalCluster(folder)
    try:
        made.start_scheduler(**environment)
        for _ in range(workers):
            made.start_worker(**environment)
        if workers:
            made.wait_for_workers(workers)
        yield made
    finally:
        made.end()
