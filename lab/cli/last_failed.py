"""What failed last, remembered in the runs directory, so that it can be run again by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.errors import NothingSelectedError, Problem

if TYPE_CHECKING:
    from lab.runs.campaign import Job, JobResult

NAME = ".last-failed.json"
_MAX_BYTES = 10_000_000


class LastFailed:
    """The cases that failed when they were run last: how to name the scenario, the seed, the engine.

    Cases that ran since replace what was known of them; what did not run stays as it was. A scenario is known by its
    file, even if it was renamed; if its file is gone, it is forgotten, and this is reported.
    """

    def __init__(self, runs_dir: Path) -> None:
        self._path = runs_dir / NAME
        self._failed = _read(self._path)
        self._changed = False

    def __bool__(self) -> bool:
        return bool(self._failed)

    def targets(self) -> tuple[str, ...]:
        """How to name the scenarios; NothingSelectedError where nothing failed."""
        self._forget_missing()
        if not self._failed:
            hint = "`lab run FILE_OR_SUITE` runs all of it"
            raise NothingSelectedError(Problem("nothing failed last time", str(self._path), hint=hint))
        return tuple(dict.fromkeys(target for target, _, _ in self._failed))

    def _forget_missing(self) -> None:
        from lab.cli.selection import SCENARIO
        from lab.files.finding import shipped_names

        shipped = shipped_names(SCENARIO)
        for case in [case for case in self._failed if case[0] not in shipped and not Path(case[0]).is_file()]:
            name = self._failed.pop(case)
            self._changed = True
            click.echo(f"{name} seed {case[1]} failed last time; it is forgotten: {case[0]} is gone", err=True)
        self.save()

    def chosen(self, jobs: Sequence[Job], *, any_seed: bool, any_engine: bool) -> list[Job]:
        """The jobs that failed last.

        `any_seed`: with the seeds that failed instead of the jobs' own; `any_engine`: asking the engines that failed.
        """
        from lab.cli.selection import lasting_name_of

        found: dict[tuple[str, int], Job] = {}
        for job in jobs:
            target = lasting_name_of(job.loaded)
            cases = [(seed, engine) for name, seed, engine in self._failed if name == target]
            for seed in sorted({seed for seed, _ in cases if any_seed or seed == job.seed}):
                engines = tuple(sorted({as_seen_here(engine) for other, engine in cases if other == seed}))
                found[target, seed] = replace(job, seed=seed, engines=engines if any_engine else job.engines)
        return list(found.values())

    def note(self, result: JobResult, reference: str, engines: Sequence[str]) -> None:
        """Takes in what came of a job; `reference` is how to name its scenario, `engines` are those that it asked."""
        from lab.contracts import Outcome

        self._changed = True
        failed = {one.engine for one in result.assessments if one.outcome is Outcome.FAIL}
        for engine in engines:
            case = (reference, result.seed, _lasting(engine))
            if result.problem or engine in failed:
                self._failed[case] = result.scenario
            else:
                self._failed.pop(case, None)

    def save(self) -> None:
        """Writes what is known, if anything was noted. A directory that cannot be written to costs no verdict."""
        from lab.files.fileio import write_file

        if not self._changed:
            return
        failed = [
            {"scenario": name, "seed": seed, "engine": engine, "target": target}
            for (target, seed, engine), name in sorted(self._failed.items())
        ]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_file(self._path, json.dumps({"schema_version": 2, "failed": failed}, indent=1) + "\n")
        except OSError:
            pass


def _lasting(engine: str) -> str:
    """An engine's spec as it is understood from any directory."""
    from lab.engines import RULES, rules_file

    file = rules_file(engine)
    return engine if file is None else f"{RULES}{file.resolve()}"


def as_seen_here(engine: str) -> str:
    """A lasting spec with the path of its rules file as one would type it here."""
    from lab.cli.selection import short_path
    from lab.engines import RULES, rules_file

    file = rules_file(engine)
    return engine if file is None else f"{RULES}{short_path(file)}"


def _read(path: Path) -> dict[tuple[str, int, str], str]:
    """What a file remembers; nothing where it is missing or broken, as after another version of the lab."""
    from lab.files.fileio import read_file

    try:
        failed = json.loads(read_file(path, _MAX_BYTES))["failed"]
        return {(str(one["target"]), int(one["seed"]), str(one["engine"])): str(one["scenario"]) for one in failed}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
