"""`lab diagnose --at` and `--every`: engines asked about earlier times, and the time to diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from lab.cli.console import option
from lab.cli.groups import group
from lab.errors import Problem, UserError

if TYPE_CHECKING:
    from rich.console import Console

    from lab.engines.host import EngineHost
    from lab.judging.over_time import OverTime, Then
    from lab.recording.rundir import RunDirectory


class ScenarioTime(click.ParamType[float]):
    """A time of a recording with its unit, such as `215s`; the value is in scenario seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from lab.files.units import duration_s

        if not isinstance(value, str):
            return value
        if value.strip().startswith("-"):
            self.fail(f"{value!r} lies in the warm-up, which is not recorded; a recording begins at second 0")
        try:
            seconds = duration_s(value)
        except ValueError as error:
            self.fail(f"{value!r} is not a time: {error}")
        if seconds <= 0:
            self.fail(f"{value!r} is not after second 0, where a recording begins; expected a time such as 215s")
        return seconds


@dataclass(frozen=True)
class Times:
    """When engines are to be asked: at some times, every so often, or (neither) about the whole recording."""

    at: tuple[float, ...]
    every: float | None
    keep: bool

    def check(self) -> None:
        """UserError for options that contradict each other."""
        if self.at and self.every is not None:
            raise UserError("--at and --every contradict each other; give one of them")
        if self.keep and self.every is None:
            raise UserError("--keep keeps the answers of --every; give that too, such as --every 30s")

    @property
    def given(self) -> bool:
        return bool(self.at) or self.every is not None

    def of(self, run: RunDirectory) -> list[float]:
        """The times for one recording, in order; UserError naming it where it has no such time."""
        from lab.judging.over_time import grid
        from lab.recording.cut import checked_time

        try:
            if self.every is not None:
                return grid(self.every, run.duration_s)
            return sorted({checked_time(at_s, run.duration_s) for at_s in self.at})
        except UserError as error:
            raise UserError([replace(problem, file=str(run.path)) for problem in error.problems]) from error


time_options = group(
    "times",
    Times,
    option("--at", multiple=True, type=ScenarioTime(), metavar="TIME",
           help="Ask about the recording as it was at this time, such as 215s; may be repeated. Answers are not kept."),
    option("--every", type=ScenarioTime(), metavar="DURATION",
           help="Ask at each such step, and show the time to diagnosis. Answers are kept only with --keep."),
    option("--keep", is_flag=True, help="With --every: keep the answers, for the run's page."),
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One engine's answers about one recording; `over_time` where they reach over all of it."""

    run: RunDirectory
    engine: str
    answers: tuple[Then, ...]
    over_time: OverTime | None


def diagnose_runs(
    runs: Sequence[RunDirectory], engines: Sequence[str], times: Times, host: EngineHost,
    tick: Callable[[float, int], None],
) -> tuple[list[Asked], list[Problem]]:  # fmt: skip
    """Asks every engine about every recording at its times; a recording without such a time is a problem.

    `tick(share, finished)` is called as it goes on.
    """
    from lab.judging.over_time import OverTime, diagnose_over_time, time_to_diagnosis

    found: list[Asked] = []
    problems: list[Problem] = []
    for number, run in enumerate(runs):

        def ticked(share: float, number: int = number) -> None:
            tick((number + share) / len(runs), number)

        try:
            answers = diagnose_over_time(run, engines, times.of(run), host, ticked)
        except UserError as error:
            problems += error.problems
            continue
        for engine in engines:
            then = tuple(answers[engine])
            over_time = None
            if times.every is not None:
                over_time = OverTime(engine, times.every, then, time_to_diagnosis(run.truth(), then))
            found.append(Asked(run, engine, then, over_time))
    return found, problems


def keep(found: Iterable[Asked]) -> list[Problem]:
    """Keeps answers over time with their recordings and writes pages that are there anew; what could not be written."""
    from lab.cli.reports import refresh_pages

    asked = list(found)
    kept = [one.run.write_over_time(one.engine, one.over_time.to_json()) for one in asked if one.over_time is not None]
    refresh_pages([one.run for one in asked])
    return [problem for problem in kept if problem is not None]


def over_time_json(one: Asked) -> dict[str, Any]:
    """One engine's answers about one recording as JSON."""
    from lab.runs.cases import answer_json

    answers = [
        {
            "at_s": then.at_s,
            "outcome": None if then.outcome is None else str(then.outcome),
            **answer_json(then.answer.content, then.answer.isolation),
        }
        for then in one.answers
    ]
    return {
        "path": str(one.run.path),
        "scenario": one.run.scenario,
        "seed": one.run.seed,
        "engine": one.engine,
        "observability": one.run.observability,
        "answers": answers,
        "time_to_diagnosis": None if one.over_time is None else asdict(one.over_time.figure),
    }


def print_over_time(console: Console, one: Asked) -> None:
    """The answers in order of time as a table, then the figure."""
    from rich.text import Text

    from lab.cli.console import table
    from lab.cli.texts import MARKS, STYLES, answer_text, truth_text
    from lab.judging.over_time import figure_texts, truth_by
    from lab.systems.calendar import told_time

    isolation, truth = one.answers[-1].answer.isolation.by, one.run.truth()
    calendar = one.run.calendar
    console.print(f"{one.run.path}  {one.engine}  (isolation: {isolation})", style="bold", soft_wrap=True)
    console.print(f"truth: {truth_text(truth, calendar)}\n", soft_wrap=True)
    shown = table("at", "", "answer")
    shown.columns[0].justify = "right"
    for then in one.answers:
        mark = Text("") if then.outcome is None else Text(MARKS[then.outcome], STYLES[then.outcome])
        answer = answer_text(then.answer.content, truth_by(truth, then.at_s), calendar)
        shown.add_row(told_time(then.at_s, calendar), mark, answer)
    console.print(shown)
    console.print()
    for line in figure_texts(one.over_time) if one.over_time is not None else ():
        console.print(line, soft_wrap=True)
    console.print()
