"""Running a campaign from the command line: where its jobs run, what of them is kept, what was finished before."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli.console import escaped, option
from lab.cli.groups import group

if TYPE_CHECKING:
    from lab.cli.progress import Progress
    from lab.cli.selection import Selection
    from lab.engines.options import EngineOptions
    from lab.runs.campaign import Job, JobResult
    from lab.runs.cluster import Cluster
    from lab.runs.pool import Watch

Heard = Callable[["JobResult"], object]
LOCAL, DASK = "local", "dask://"
_ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})/?")


class _Executor(click.ParamType[str]):
    """Where jobs run: `local`, or a dask cluster by its scheduler's address."""

    name = "executor"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        found = _ADDRESS.fullmatch(text.removeprefix(DASK)) if text.startswith(DASK) else None
        if text == LOCAL:
            return text
        if found is None or not 0 < int(found["port"]) < 65_536:
            self.fail(f"{text!r} is neither local nor a scheduler's address; expected dask://HOST:PORT", param, ctx)
        return f"{DASK}{found['host']}:{found['port']}"


@dataclass(frozen=True)
class Campaigning:
    """How many jobs at a time, whether what an earlier start finished is taken over, and where jobs run."""

    workers: int | None
    resume: bool
    executor: str

    def check(self, jobs: Sequence[Job]) -> None:
        """UserError, before anything is started, where the jobs cannot run there."""
        from lab.runs.cluster import check_testbeds

        if self.executor != LOCAL:
            check_testbeds(jobs)

    def cluster(self, *, recordings_stay: bool = False) -> Cluster | None:
        """The dask cluster that jobs run on; None where they run here."""
        from lab.runs.cluster import Cluster

        return None if self.executor == LOCAL else Cluster(self.executor.removeprefix(DASK), recordings_stay)


@dataclass(frozen=True)
class Plan:
    """What is run: the jobs, and the name and command under which their results are kept."""

    jobs: Sequence[Job]
    name: str
    command: str
    keep: bool
    """Whether recordings are kept."""
    recordings_stay: bool = False
    """Whether they stay on the workers of a cluster."""

    @property
    def are_here(self) -> bool:
        """Whether recordings end up in the runs directory."""
        return self.keep and not self.recordings_stay


def run_campaign(
    plan: Plan, how: Campaigning, engines: EngineOptions, *, runs_dir: Path, root: Path, progress: Progress,
    heard: Heard, taken: Heard, stop: Callable[[], bool] = lambda: False,
) -> list[JobResult]:  # fmt: skip
    """The results of a campaign in the order of its jobs, kept under `runs_dir` as they come.

    Recordings go under `root`. `heard` gets what comes of each job, `taken` what was finished before.
    """
    from lab.runs.campaign_key import campaign_id
    from lab.runs.identity import recording_key
    from lab.runs.keeping import keeping
    from lab.runs.pool import Watch

    jobs = plan.jobs
    keys = [recording_key(job.loaded, job.seed, job.testbed) for job in jobs]
    name = campaign_id(jobs, keys, engines, plan.name, keep=plan.keep)
    kept = keeping(name, jobs, keys, runs_dir, plan.command, resume=how.resume, with_recordings=plan.are_here)
    with kept as keeper:
        if how.resume:
            click.echo(f"{len(keeper.finished)} of {len(jobs)} runs were finished before ({name})", err=True)
        results = dict(keeper.finished)
        for result in results.values():
            taken(result)
        left = [number for number in range(len(jobs)) if number not in results]

        def on_result(result: JobResult) -> None:
            keeper.add(result)
            heard(result)

        def tick(share: float, finished: int) -> None:
            before = len(keeper.finished)
            progress.tick((before + share * len(left)) / len(jobs), before + finished)

        try:
            watch = Watch(tick, on_result, stop)
            made = _made(plan, [jobs[number] for number in left], how, engines, root, watch)
        except BaseException:
            if keeper.is_begun:
                click.echo("the same command with --resume goes on from what is finished", err=True)
            raise
        by_case = {(result.scenario, result.seed): result for result in made}
        for number in left:
            case = jobs[number].loaded.name, jobs[number].seed
            if case in by_case:
                results[number] = by_case[case]
        ordered = [results[number] for number in sorted(results)]
        keeper.conclude(ordered)
    if keeper.unkept:
        click.echo(
            escaped(f"warning: the results are not kept for `lab results` and --resume: {keeper.unkept}"), err=True
        )
    return ordered


def _made(
    plan: Plan, jobs: Sequence[Job], how: Campaigning, engines: EngineOptions, root: Path, watch: Watch
) -> list[JobResult]:
    """What comes of the jobs, here or on a cluster."""
    from lab.runs.cluster import run_on_cluster
    from lab.runs.pool import default_workers, run_jobs

    cluster = how.cluster(recordings_stay=plan.recordings_stay)
    if cluster is None:
        workers = how.workers or default_workers()
        return run_jobs(jobs, root, watch, workers=workers, keep=plan.keep, engines=engines)
    return run_on_cluster(jobs, root, cluster, watch, _note, limit=how.workers, keep=plan.keep, engines=engines)


def _note(text: str) -> None:
    click.echo(escaped(text), err=True)


def plan_name(selection: Selection) -> str:
    """What a campaign is called: as its suite, or as its only scenario."""
    if selection.suite is not None:
        return selection.suite.name
    names = [loaded.name for loaded in selection.scenarios]
    return names[0] if len(names) == 1 else "scenarios"


campaigning_options = group(
    "campaigning",
    Campaigning,
    option("--jobs", "workers", type=click.IntRange(min=1), help="Runs at a time. [default: one per CPU]"),
    option("--resume", is_flag=True, help="Go on from what an earlier start of the same campaign finished."),
    option("--executor", type=_Executor(), default=LOCAL, show_default=True, metavar="local|dask://HOST:PORT",
           help="Where runs are made: here, or on the workers of a dask cluster."),
)  # fmt: skip
