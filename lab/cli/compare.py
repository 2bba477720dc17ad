"""`lab compare`: results against earlier ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli.console import GivenPath, json_option, option

if TYPE_CHECKING:
    from lab.runs.baseline import Change, Changed, Comparison, ResultCase, Results

OUTPUTS = (".json", ".md")

_EPILOG = """\b
Examples:
  lab run mine.suite.yaml -o before.json
  lab run mine.suite.yaml --engine rules:my.rules.yaml -o after.json
  lab compare before.json after.json
  lab compare before.json after.json --fail-on regression --markdown >> "$GITHUB_STEP_SUMMARY"

\b
With --fail-on regression: 1 if a case is newly broken or a new one fails, 4 if one that passed is lost
(inconclusive, not graded or missing now), else 0.
"""

fail_on_option = option(
    "--fail-on",
    type=click.Choice(["regression"]),
    help="End with 1 if a case is newly broken, with 4 if a passed one is lost.",
)


@click.command(epilog=_EPILOG)
@click.argument("old", metavar="OLD.json", type=GivenPath())
@click.argument("new", metavar="NEW.json", type=GivenPath())
@fail_on_option
@option("--markdown", is_flag=True, help="Print Markdown, for example for a pull request.")
@option("-o", "--output", "outputs", type=GivenPath(dir_okay=False), multiple=True,
        help="Also write it; .json or .md by suffix; may be repeated.")  # fmt: skip
@json_option
def command(old: Path, new: Path, fail_on: str | None, markdown: bool, outputs: tuple[Path, ...], as_json: bool) -> int:
    """Compare results with earlier ones, case by case.

    OLD.json and NEW.json are what `lab run -o results.json` wrote. Cases are paired by scenario, seed and engine.
    """
    from lab.cli.console import json_text
    from lab.cli.outputs import Writings, check_outputs
    from lab.errors import UserError, worst
    from lab.files.fileio import write_file
    from lab.runs.baseline import compare_results, read_results

    if markdown and as_json:
        raise UserError("--json and --markdown contradict each other; give one of them")
    check_outputs(outputs, OUTPUTS)
    comparison = compare_results(read_results(old), read_results(new))
    if as_json:
        click.echo(json_text(comparison_json(comparison)))
    elif markdown:
        click.echo(markdown_text(comparison), nl=False)
    else:
        print_comparison(comparison)
    writings = Writings()
    for path in outputs:
        text = json_text(comparison_json(comparison)) + "\n" if path.suffix == ".json" else markdown_text(comparison)
        writings.write(path, lambda path, text=text: write_file(path, text))  # type: ignore[misc]
    return worst([*(comparison.exit_codes() if fail_on else []), *writings.conclude()])


def print_comparison(comparison: Comparison) -> None:
    """What became of the cases, those that need a look first; then the counts and the tests."""
    from rich.text import Text

    from lab.cli.console import print_table, stdout, table
    from lab.cli.texts import columns
    from lab.runs.baseline import Change

    console = stdout()
    for result, mark in ((comparison.old, "old"), (comparison.new, "new")):
        console.print(f"{mark}  {result.name}  {_about(result)}", soft_wrap=True)
    for note in comparison.notes:
        console.print(f"note: {note}", style="yellow", soft_wrap=True)
    console.print()
    for item in comparison.changed:
        if item.change not in (Change.PASSING, Change.NEW):
            mark, style = _MARKS.get(str(item.change), ("?", "yellow"))
            case = item.case
            heading = Text.assemble((f"{mark} {item.change}", style), "  ", (case.scenario, "bold"))
            console.print(heading.append(f"  seed {case.seed}  {case.engine}"), soft_wrap=True)
            console.print(columns([("was", _state(item.old)), ("is", _state(item.new))]), soft_wrap=True)
    for axis in ("scenario", "boundary"):
        rows = _rows(comparison, axis)
        if rows:
            shown = table(axis, *_SHORT)
            for row in rows:
                shown.add_row(*row)
            print_table(console, f"By {axis}" + (": those with a change" if axis == "scenario" else ""), shown)
    for line in paired_lines(comparison):
        console.print(line, soft_wrap=True)


_MARKS = {
    "newly broken": ("✗", "bold red"), "lost": ("?", "bold yellow"), "still failing": ("✗", "red"),
    "fixed": ("✓", "green"), "new, failing": ("✗", "bold red"), "not judged": ("?", "yellow"),
}  # fmt: skip
_SHORT = ("newly broken", "lost", "still failing", "fixed", "still passing", "others")


def _about(result: Results) -> str:
    count = len(result.cases)
    return (
        f"{count} case{'s' * (count != 1)}, lab {result.lab_version or 'unknown'}, engines {', '.join(result.engines)}"
    )


def _state(case: ResultCase | None) -> str:
    return "not there" if case is None else f"{case.outcome}: {case.answer}" if case.answer else str(case.outcome)


def _rows(comparison: Comparison, axis: str) -> list[list[str]]:
    """Counts by scenario (those where something changed) or by boundary (all)."""
    from lab.runs.baseline import Change

    counts = comparison.counts(axis)
    return [
        [name, *_cells(counted)]
        for name, counted in sorted(counts.items())
        if axis != "scenario" or set(counted) != {Change.PASSING}
    ]


def _cells(counted: Counter[Change]) -> list[str]:
    by_name = {str(change): count for change, count in counted.items()}
    shown = [by_name.pop(name, 0) for name in _SHORT[:-1]]
    return [str(count) if count else "–" for count in [*shown, sum(by_name.values())]]


def paired_lines(comparison: Comparison) -> list[str]:
    """Each engine's exact paired tests in a line."""
    lines = []
    for engine, test in comparison.tests.items():
        if not test.n:
            lines.append(f"{engine}: no case was judged in both: there is nothing to compare")
            continue
        left_out = f", {test.unpaired} not paired or inconclusive" if test.unpaired else ""
        lines.append(
            f"{engine}: {test.n} case{'s' * (test.n != 1)} in both{left_out}; "
            f"{test.better} better, {test.worse} worse; "
            f"exact McNemar p = {test.p_value:.2g}, by scenario p = {test.clustered_p_value:.2g}"
        )
    return lines


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """A comparison as JSON: counts, every case that is not simply still passing, the tests."""
    from lab.runs.baseline import CHANGES, Change

    return {
        "schema_version": 1,
        "old": _source(comparison.old),
        "new": _source(comparison.new),
        "notes": list(comparison.notes),
        "counts": {str(change): len(comparison.of(change)) for change in CHANGES},
        "cases": [_case_json(item) for item in comparison.changed if item.change is not Change.PASSING],
        "scenarios": _counts_json(comparison, "scenario"),
        "boundaries": _counts_json(comparison, "boundary"),
        "tests": {engine: asdict(test) for engine, test in comparison.tests.items()},
        "regression": bool(comparison.exit_codes()),
    }


def _source(result: Results) -> dict[str, Any]:
    return {
        "file": result.name, "lab_version": result.lab_version, "suite": result.suite or None,
        "engines": result.engines, "seeds": result.seeds, "cases": len(result.cases),
    }  # fmt: skip


def _case_json(item: Changed) -> dict[str, Any]:
    case = item.case
    sides = {"was": item.old, "is": item.new}
    outcomes = {side: None if one is None else str(one.outcome) for side, one in sides.items()}
    answers = {f"{side}_answer": None if one is None else one.answer for side, one in sides.items()}
    about = {"scenario": case.scenario, "seed": case.seed, "engine": case.engine, "boundary": case.boundary}
    return {"change": str(item.change), **about, **outcomes, **answers}


def _counts_json(comparison: Comparison, axis: str) -> dict[str, dict[str, int]]:
    return {name: {str(c): n for c, n in counts.items()} for name, counts in sorted(comparison.counts(axis).items())}


def markdown_text(comparison: Comparison) -> str:
    """A comparison as Markdown for a pull request or a job summary."""
    from lab.cli.markdown import cell, markdown_table
    from lab.runs.baseline import CHANGES, Change

    counts = {change: len(comparison.of(change)) for change in CHANGES}
    counted = ", ".join(f"{count} {change}" for change, count in counts.items() if count)
    lines = [f"### {'✗' if comparison.exit_codes() else '✓'} Root-cause analysis: {counted}", ""]
    lines += [f"> {cell(note)}" for note in comparison.notes] + [""] * bool(comparison.notes)
    listed = [item for item in comparison.changed if item.change not in (Change.PASSING, Change.NEW)]
    rows = [
        [str(item.change), item.case.scenario, str(item.case.seed), item.case.engine, item.case.boundary,
         _state(item.old), _state(item.new)]
        for item in listed
    ]  # fmt: skip
    if rows:
        lines += markdown_table(["", "scenario", "seed", "engine", "boundary", "was", "is"], rows)
    lines += markdown_table(["boundary", *_SHORT], _rows(comparison, "boundary"))
    lines += paired_lines(comparison)
    return "\n".join(lines) + "\n"
