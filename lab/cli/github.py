"""What GitHub shows of a run: marks at the scenario files of failed cases, and a summary of the job in Markdown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.markdown import cell, markdown_table
from lab.errors import Problem
from lab.files.fileio import reason

if TYPE_CHECKING:
    from lab.contracts import Outcome
    from lab.judging.assess import Assessment
    from lab.runs.campaign import Campaign
    from lab.scenario import LoadedScenario

MARKS_MAX = 10
"""GitHub shows so many marks of one step and drops the others without a word."""
_MARKS = {"pass": "✓", "fail": "✗", "inconclusive": "?"}


def on_github() -> bool:
    """Whether a GitHub workflow runs this."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotate_github(campaign: Campaign, scenarios: Iterable[LoadedScenario], title: str) -> None:
    """Marks on stderr and the summary, where a GitHub workflow runs this; else nothing."""
    from lab.cli.console import github_annotation

    if not on_github():
        return
    paths = {loaded.name: loaded.path for loaded in scenarios}
    problems = list(failures(campaign, paths))
    for problem in problems[:MARKS_MAX]:
        click.echo(github_annotation(problem), err=True)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write("\n".join(markdown(campaign, title)) + "\n")
        except OSError as error:
            click.echo(f"{summary}: the summary cannot be written: {reason(error)}", err=True)


def failures(campaign: Campaign, paths: dict[str, Path]) -> Iterator[Problem]:
    """Each failed case and each run that was not graded, at the `name` of its scenario's file."""
    from lab.cli.texts import case_texts
    from lab.contracts import Outcome

    for case in campaign.cases:
        if case.outcome is Outcome.FAIL:
            answered, true = case_texts(case)
            what = f"{case.scenario} seed {case.seed}: {case.engine} answered {answered}"
            yield _at_name(paths[case.scenario], what, true)
    for result in campaign.results:
        if result.problem:
            yield _at_name(paths[result.scenario], f"{result.scenario} seed {result.seed}: {result.problem}")


def _at_name(path: Path, what: str, expected: str = "") -> Problem:
    line, column = 1, 1
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for number, text in enumerate(lines, 1):
        place = text.find("name")
        if text.strip().lstrip('"').startswith("name"):
            line, column = number, place + 1
            break
    here = Path.cwd()
    if not path.resolve().is_relative_to(here.resolve()):
        return Problem(what, expected=expected)  # GitHub shows no mark in a file outside, such as a shipped scenario's
    return Problem(what, os.path.relpath(path), line, column, expected=expected)


def markdown(campaign: Campaign, title: str) -> Iterator[str]:
    """A matrix of verdicts by scenario and engine, the failures in words, and the thresholds."""
    from lab.cli.texts import case_texts
    from lab.contracts import Outcome
    from lab.runs.campaign import engines_of, tally

    engines = engines_of(campaign.cases)
    yield f"### {cell(title)}"
    yield ""
    if engines:
        yield from markdown_table(["scenario", *engines], _matrix(tally(campaign.cases), engines))
    failed = [case for case in campaign.cases if case.outcome is Outcome.FAIL]
    rows = [[_name(case), case.engine, *case_texts(case)] for case in failed]
    rows += [[f"{r.scenario} seed {r.seed}", "", f"not graded: {r.problem}", ""] for r in campaign.results if r.problem]
    if rows:
        yield from markdown_table(["failed", "engine", "answer", "truth"], rows)
    words = {True: "✓ met", False: "✗ missed", None: "? unknown"}
    limits = [[str(t.threshold), t.engine, str(t.measured or "–"), words[t.holds]] for t in campaign.thresholds]
    if limits:
        yield from markdown_table(["threshold", "engine", "measured", ""], limits)


def _matrix(counts: dict[str, dict[str, dict[Outcome, int]]], engines: list[str]) -> Iterator[list[str]]:
    for scenario, by_engine in counts.items():
        texts = []
        for engine in engines:
            parts = [f"{_MARKS[str(outcome)]} {count}" for outcome, count in by_engine.get(engine, {}).items() if count]
            texts.append(" ".join(parts) or "–")
        yield [scenario, *texts]


def _name(case: Assessment) -> str:
    return f"{case.scenario} seed {case.seed}"
