"""Options that end a campaign early, after failed runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from lab.cli.console import option
from lab.cli.groups import group
from lab.errors import UserError

if TYPE_CHECKING:
    from lab.runs.campaign import JobResult


@dataclass(frozen=True)
class Stopping:
    """After how many failed runs no further one is started."""

    first: bool
    max_fail: int | None

    def counter(self) -> FailureCounter:
        """Counts failed runs; UserError where the options contradict each other."""
        if self.first and self.max_fail not in (None, 1):
            raise UserError("-x and --max-fail contradict each other; give one of them")
        return FailureCounter(1 if self.first else self.max_fail)


class FailureCounter:
    """Counts runs with a failed case, or with nothing to grade, up to a limit (None: without end)."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self.failed = 0

    def note(self, result: JobResult) -> None:
        """Takes in what came of a run. Inconclusive is not failed."""
        from lab.contracts import Outcome

        self.failed += bool(result.problem) or any(one.outcome is Outcome.FAIL for one in result.assessments)

    def enough(self) -> bool:
        """Whether no further run is to be started."""
        return self._limit is not None and self.failed >= self._limit


stopping_options = group(
    "stopping",
    Stopping,
    option("-x", "first", is_flag=True, help="Stop after the first failed run."),
    option("--max-fail", type=click.IntRange(min=1), metavar="COUNT", help="Stop after this many failed runs."),
)
