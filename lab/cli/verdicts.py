"""Verdicts: printed one by one as they come, or all together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.console import option, stderr, stdout
from lab.cli.groups import group
from lab.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from lab.cli.progress import Progress
    from lab.judging.assess import Assessment
    from lab.runs.campaign import JobResult


@dataclass(frozen=True)
class Verbosity:
    """How much is printed of each case."""

    quiet: bool
    verbose: bool

    def __post_init__(self) -> None:
        if self.quiet and self.verbose:
            raise UserError("-q and -v contradict each other; give one of them")


verbosity_options = group(
    "verbosity",
    Verbosity,
    option("-q", "--quiet", is_flag=True, help="Print only the cases that did not pass, and the figures."),
    option(
        "-v", "--verbose", is_flag=True, help="Print for every case the engine's answer, the truth and the evidence."
    ),
)


class Verdicts:
    """Prints each job's verdicts when they are known: on stdout, or on stderr where stdout is a JSON document.

    A passed case is one line unless `verbose`, and none if `quiet`; any other is a block with the reasons.
    """

    def __init__(self, progress: Progress, verbosity: Verbosity, *, as_json: bool) -> None:
        self._progress = progress
        self._verbosity = verbosity
        self._muted = as_json and verbosity.quiet
        self._console = stderr() if as_json else stdout()
        if as_json and not self._console.is_terminal:
            self._console.width = stdout().width

    def show(self, result: JobResult) -> None:
        """Prints one job's verdicts at once, also into a pipe."""
        if self._muted:
            return
        with self._progress.hidden():
            print_result(self._console, result, self._verbosity)
            self._console.file.flush()


def print_cases(console: Console, results: Iterable[JobResult]) -> None:
    """One block for each case: the engine's answer, the truth, the evidence, and why it failed."""
    for result in results:
        print_result(console, result, Verbosity(quiet=False, verbose=True))
    console.print()


def print_result(console: Console, result: JobResult, verbosity: Verbosity) -> None:
    """What came of one job: a line or a block for each case, or why there is nothing to grade."""
    from lab.cli.texts import MARKS, STYLES, columns
    from lab.contracts import Outcome

    for case in result.assessments:
        passed = case.outcome is Outcome.PASS
        if passed and verbosity.quiet:
            continue
        heading = _heading(case, (MARKS[case.outcome], STYLES[case.outcome]), case.engine)
        brief = passed and not verbosity.verbose
        if brief:
            heading.append(f"  {_brief(case)}", "dim")
        if result.reused:
            heading.append("  (recording reused)", "dim")
        console.print(heading, soft_wrap=True)
        if not brief:
            console.print(case_text(case), soft_wrap=True)
    if result.problem:
        unknown = MARKS[Outcome.INCONCLUSIVE], STYLES[Outcome.INCONCLUSIVE]
        mark = unknown if result.is_inconclusive else ("! not graded", "bold magenta")
        console.print(_heading(result, mark), soft_wrap=True)
        console.print(columns([("why", result.problem)]), soft_wrap=True)


def show_traces(results: Iterable[JobResult]) -> None:
    """Where jobs went wrong, on stderr, if that was asked for."""
    from lab.cli.console import debugging

    if debugging():
        for result in results:
            if result.trace:
                click.echo(f"{result.scenario} seed {result.seed}:\n{result.trace}", err=True)


def _heading(of: Assessment | JobResult, mark: tuple[str, str], engine: str = "") -> Text:
    from rich.text import Text

    return Text.assemble(mark, "  ", (of.scenario, "bold"), f"  seed {of.seed}  {engine}".rstrip())


def _brief(case: Assessment) -> str:
    """A passed case's answer in a few words, and what it was wrong about all the same."""
    from lab.cli.texts import answer_brief

    missed = missed_axes(case)
    return answer_brief(case.answer, case.truth) + (f" (wrong on: {', '.join(missed)})" if missed else "")


def missed_axes(case: Assessment) -> list[str]:
    """The axes that a case failed."""
    from lab.contracts import Outcome

    return [grade.grader for grade in case.grades if grade.outcome is Outcome.FAIL]


def case_text(case: Assessment) -> str:
    """The answer to a case, the truth, the evidence, and why it failed."""
    from lab.cli.texts import best_evidence, case_texts, columns, evidence_text, not_judged_texts
    from lab.contracts import Diagnosis, Verdict

    evidence, (answered, true) = best_evidence(case.answer), case_texts(case)
    rows = [
        ("answer", answered),
        ("truth", true),
        ("evidence", evidence_text(evidence) if evidence else ""),
    ]
    rows += [("why", reason) for reason in reasons(case)]
    if isinstance(case.answer, Diagnosis) and case.answer.verdict is Verdict.UNSURE:
        rows += [("not judged", line) for line in not_judged_texts(case.answer)]
    return columns([*rows, ("explain", explain_command(case))])


def explain_command(case: Assessment) -> str:
    """The command that says why a rules engine failed a case, empty where there is no rule to ask about."""
    from shlex import join

    from lab.cli.selection import short_path
    from lab.contracts import EngineFailure, Outcome
    from lab.engines import rules_file

    is_rules = case.engine == "rules" or rules_file(case.engine) is not None
    if not is_rules or not case.path or case.outcome is not Outcome.FAIL or isinstance(case.answer, EngineFailure):
        return ""
    engine = [] if case.engine == "rules" else ["--engine", case.engine]
    return join(["lab", "rules", "explain", short_path(Path(case.path)), *engine])


def reasons(case: Assessment) -> list[str]:
    """For a case that did not pass: the deciding axes that say so, then the names of the others that failed."""
    from lab.contracts import EngineFailure, Outcome
    from lab.recording.grades import DECIDING

    if case.outcome is Outcome.PASS:
        missed = missed_axes(case)
        return [f"passed, though wrong on: {', '.join(missed)}"] if missed else []
    deciding = [g for g in case.grades if g.grader in DECIDING and g.outcome is case.outcome]
    reasons = [f"{g.grader}: answered {g.answer}, expected {g.expected}; {g.explanation}" for g in deciding]

    return reasons[:1] if isinstance(case.answer, EngineFailure) else reasons
