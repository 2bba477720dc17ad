"""What failed last, remembered in the runs directory, so that it can be run again by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import NothingSelectedError, Problem

if TYPE_CHECKING:
    from lab.campaign import Job, JobResult

NAME = ".last-failed.json"
_MAX_BYTES = 10_000_000


class LastFailed:
    """The scenarios and seeds that failed when they were run last, by name and seed, with how to name them.

    Cases that ran since replace what was known of them; what did not run stays as it was.
    """

    def __init__(self, runs_dir: Path) -> None:
        self._path = runs_dir / NAME
        self._failed = _read(self._path)
        self._changed = False

    def __bool__(self) -> bool:
        return bool(self._failed)

    def targets(self) -> tuple[str, ...]:
        """How to name the scenarios; NothingSelectedError where nothing failed."""
        if not self._failed:
            hint = "name what to run: lab run FILE_OR_SUITE --last-failed"
            raise NothingSelectedError(Problem("nothing failed last time", str(self._path), hint=hint))
        return tuple(dict.fromkeys(self._failed.values()))

    def seeds(self, scenario: str) -> tuple[int, ...]:
        """The seeds with which a scenario failed."""
        return tuple(sorted(seed for name, seed in self._failed if name == scenario))

    def chosen(self, jobs: Sequence[Job], *, any_seed: bool) -> list[Job]:
        """The jobs that failed last; `any_seed` makes them from the scenarios of `jobs` with the seeds that failed."""
        if any_seed:
            by_name = {job.loaded.scenario.name: job for job in jobs}
            return [replace(job, seed=seed) for name, job in by_name.items() for seed in self.seeds(name)]
        return [job for job in jobs if (job.loaded.scenario.name, job.seed) in self._failed]

    def note(self, result: JobResult, reference: str) -> None:
        """Takes in what came of a job; `reference` is how to name its scenario on the command line."""
        from lab.contracts import Outcome

        case = (result.scenario, result.seed)
        self._changed = True
        if result.problem or any(one.outcome is Outcome.FAIL for one in result.assessments):
            self._failed[case] = reference
        else:
            self._failed.pop(case, None)

    def save(self) -> None:
        """Writes what is known, if anything was noted. A directory that cannot be written to costs no verdict."""
        from lab.fileio import write_file

        if not self._changed:
            return
        failed = [{"scenario": n, "seed": s, "target": t} for (n, s), t in sorted(self._failed.items())]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_file(self._path, json.dumps({"schema_version": 1, "failed": failed}, indent=1) + "\n")
        except OSError:
            pass


def _read(path: Path) -> dict[tuple[str, int], str]:
    """What a file remembers; nothing where it is missing or broken, as after another version of the lab."""
    from lab.fileio import read_file

    try:
        content = json.loads(read_file(path, _MAX_BYTES))
        return {(str(one["scenario"]), int(one["seed"])): str(one["target"]) for one in content["failed"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
