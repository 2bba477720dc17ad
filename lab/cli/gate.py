"""`--baseline` and `--fail-on`: compares a run with earlier results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.cli.compare import comparison_json, fail_on_option, print_comparison
from lab.cli.console import GivenPath, json_text, option, show_problems
from lab.cli.groups import group
from lab.errors import ExitCode, Problem, UserError, worst

if TYPE_CHECKING:
    from lab.runs.baseline import Comparison, Results
    from lab.runs.campaign import Campaign, Job


@dataclass(frozen=True)
class Gate:
    """Which earlier results a run is compared with, and whether that decides its exit code."""

    baseline: Path | None
    fail_on: str | None

    def __post_init__(self) -> None:
        if self.fail_on and self.baseline is None:
            raise UserError(Problem("--fail-on needs results to compare with", hint="add --baseline FILE"))

    def read(self, jobs: Iterable[Job]) -> Results | None:
        """The earlier results of these jobs, None without a baseline; UserError where it has none of them."""
        from lab.runs.baseline import read_results, selected

        if self.baseline is None:
            return None
        before = read_results(self.baseline)
        own = selected(before, [(job.loaded.name, job.seed) for job in jobs])
        if not own.cases:
            what = "the baseline has none of the cases that would be run"
            hint = "run the scenarios and seeds that it was made of, or write a new one with -o"
            raise UserError(Problem(what, str(self.baseline), hint=hint))
        return own

    def compare(self, before: Results | None, document: Mapping[str, Any]) -> Comparison | None:
        """This run against the baseline; None without one, or where they cannot be compared, which is reported."""
        from lab.runs.baseline import compare_results, results_of

        if before is None:
            return None
        try:
            return compare_results(before, results_of(json.loads(json_text(document)), "this run"))
        except UserError as error:
            show_problems(error.problems)
            return None

    def exit_code(self, campaign: Campaign, comparison: Comparison | None) -> ExitCode:
        """The campaign's; with --fail-on it is regressions that count, not known failures. Thresholds hold always."""
        if self.fail_on is None:
            return campaign.exit_code
        return worst(
            [*campaign.codes_besides_cases, *(comparison.exit_codes() if comparison else [ExitCode.INCONCLUSIVE])]
        )


gate_options = group(
    "gate",
    Gate,
    option("--baseline", type=GivenPath(dir_okay=False), metavar="FILE",
           help="Earlier results (-o FILE.json) to compare with."),
    fail_on_option,
)  # fmt: skip

__all__ = ["Gate", "comparison_json", "gate_options", "print_comparison"]
