"""Running a campaign from the command line: where its jobs run, what of them is kept, what was finished before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.console import escaped, option
from lab.cli.groups import group

if TYPE_CHECKING:
    from lab.cli.progress import Progress
    from lab.cli.selection import Selection
    from lab.engines.options import EngineOptions
    from lab.runs.campaign import Job, JobResult

Heard = Callable[["JobResult"], object]


@dataclass(frozen=True)
class Campaigning:
    """How many jobs at a time, and whether what an earlier start finished is taken over."""

    workers: int | None
    resume: bool


@dataclass(frozen=True)
class Plan:
    """What is run: the jobs, and the name and command under which their results are kept."""

    jobs: Sequence[Job]
    name: str
    command: str
    keep: bool
    """Whether recordings are kept."""


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
    from lab.runs.pool import default_workers, run_jobs

    jobs = plan.jobs
    keys = [recording_key(job.loaded, job.seed, job.testbed) for job in jobs]
    name = campaign_id(jobs, keys, engines, plan.name, keep=plan.keep)
    kept = keeping(name, jobs, keys, runs_dir, plan.command, resume=how.resume, with_recordings=plan.keep)
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
            made = run_jobs(
                [jobs[number] for number in left], root, workers=how.workers or default_workers(), tick=tick,
                on_result=on_result, stop=stop, keep=plan.keep, engines=engines,
            )  # fmt: skip
        except BaseException:
            if keeper.is_begun:
                click.echo("the same command with --resume goes on from what is finished", err=True)
            raise
        by_case = {(result.scenario, result.seed): result for result in made}
        for number in left:
            case = jobs[number].loaded.scenario.name, jobs[number].seed
            if case in by_case:
                results[number] = by_case[case]
        ordered = [results[number] for number in sorted(results)]
        keeper.conclude(ordered)
    if keeper.unkept:
        click.echo(
            escaped(f"warning: the results are not kept for `lab results` and --resume: {keeper.unkept}"), err=True
        )
    return ordered


def plan_name(selection: Selection) -> str:
    """What a campaign is called: as its suite, or as its only scenario."""
    if selection.suite is not None:
        return selection.suite.name
    names = [loaded.scenario.name for loaded in selection.scenarios]
    return names[0] if len(names) == 1 else "scenarios"


campaigning_options = group(
    "campaigning",
    Campaigning,
    option("--jobs", "workers", type=click.IntRange(min=1), help="Runs at a time. [default: one per CPU]"),
    option("--resume", is_flag=True, help="Go on from what an earlier start of the same campaign finished."),
)
