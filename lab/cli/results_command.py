"""`lab results`: the campaigns that were run, and their figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab import __version__
from lab.cli import completing
from lab.cli.console import escaped, json_option, runs_option
from lab.cli.verdicts import Verbosity, verbosity_options
from lab.contracts import Outcome
from lab.errors import UserError

if TYPE_CHECKING:
    from lab.runs.dataset import About, Part

_LONGEST = 300
"""Characters of what is wrong with a file."""
_EPILOG = """\b
Examples:
  lab results                              the campaigns kept here, the latest first
  lab results checkout-3fa2bc01            the figures of one (3fa2 is enough)
  lab results 3fa2 -v                      every case of it
  lab results 3fa2 --json > before.json    for `lab compare` and programs

\b
All campaigns are one Parquet dataset under <runs-dir>/results, a row for each case:
  pandas.read_parquet("runs/results")
  SELECT * FROM read_parquet("runs/results/*/*.parquet", union_by_name = true)
"""


@click.command("results", epilog=_EPILOG)
@click.argument("campaign", required=False, metavar="[ID]", shell_complete=completing.campaigns)
@runs_option
@verbosity_options
@json_option
def command(*, campaign: str | None, runs_dir: Path, verbosity: Verbosity, as_json: bool) -> None:
    """List the campaigns that were run, and show their figures.

    `lab run` and `lab evaluate` keep the verdicts of every campaign. A campaign of the same scenarios, seeds, engines
    and code has the same ID. ID may be shortened.
    """
    from lab.runs.dataset import campaigns, chosen, nothing, read_about, read_outcomes, read_parts
    from lab.runs.dataset import place as place_of

    if campaign is not None:
        place = place_of(runs_dir, chosen(runs_dir, campaign))
        parts = list(read_parts(place, runs_dir, _unread).values())
        _show(read_about(place), parts, place, verbosity, as_json=as_json)
        return
    kept, names = [], campaigns(runs_dir)
    if not names:
        raise nothing(runs_dir)
    for name in names:
        place = place_of(runs_dir, name)
        try:
            kept.append((read_about(place), read_outcomes(place, _unread)))
        except UserError as error:
            click.echo(escaped(f"warning: {error}"), err=True)
    _list(kept, runs_dir, as_json=as_json)


def _unread(what: str) -> None:
    text = f"warning: {what[:_LONGEST]}; what is in it is left out, and the same campaign with --resume makes it again"
    click.echo(escaped(text), err=True)


def _list(kept: list[tuple[About, dict[str, list[str]]]], runs_dir: Path, *, as_json: bool) -> None:
    from lab.cli.console import stdout, table, write_json
    from lab.runs.dataset import FOLDER

    if as_json:
        listed = [_about_json(about, len(jobs)) | {"outcomes": _counts(jobs)} for about, jobs in kept]
        write_json({"schema_version": 1, "dataset": str(runs_dir / FOLDER), "campaigns": listed})
        return
    shown = table("campaign", "begun (UTC)", "command", "runs", "cases passed", "engines")
    shown.columns[0].no_wrap = True
    for about, jobs in kept:
        runs = f"{len(jobs)} of {about.jobs}"
        cases = _tally_text(_counts(jobs))
        shown.add_row(about.id, _minute(about.began), about.command, runs, cases, ", ".join(about.engines))
    console = stdout()
    console.print(shown)
    console.print(f"\nDataset  {runs_dir / FOLDER}", soft_wrap=True)


def _counts(jobs: dict[str, list[str]]) -> dict[str, int]:
    """How many cases of each outcome, and how many jobs came to no verdict."""
    from lab.runs.dataset import ERROR

    found = [outcome for outcomes in jobs.values() for outcome in outcomes]
    return {name: found.count(name) for name in (*map(str, Outcome), ERROR)}


def _tally_text(counts: dict[str, int]) -> str:
    """`4 of 8  ✗ 3  ? 1`: cases that passed, failed, are inconclusive, and runs that came to no verdict (`!`)."""
    marks = {Outcome.FAIL: "✗", Outcome.INCONCLUSIVE: "?", "error": "!"}
    others = "".join(f"  {mark} {counts[name]}" for name, mark in marks.items() if counts[name])
    return f"{counts[Outcome.PASS]} of {sum(counts.values())}{others}"


def _show(about: About, parts: list[Part], place: Path, verbosity: Verbosity, *, as_json: bool) -> None:
    from lab.cli.console import stdout, write_json
    from lab.cli.results import campaign_json, print_numbers
    from lab.cli.verdicts import print_result
    from lab.runs.campaign import conclude

    results = [part.result for part in parts]
    campaign = conclude(results)
    if as_json:
        head = {"schema_version": 1, "lab_version": about.lab_version or __version__}
        write_json({**head, "campaign": _about_json(about, len(parts)), **campaign_json(campaign)})
        return
    console = stdout()
    for result in results if verbosity.verbose else [one for one in results if one.problem]:
        print_result(console, result, verbosity)
    begun = f"begun {_minute(about.began)} by `lab {about.command}`"
    console.print(f"{about.id}: {len(parts)} of {about.jobs} runs, {begun}\n", soft_wrap=True)
    print_numbers(console, campaign, passed=not verbosity.quiet)
    console.print(f"Dataset  {place}", soft_wrap=True)


def _about_json(about: About, finished: int) -> dict[str, Any]:
    return {
        "id": about.id,
        "command": about.command,
        "begun": about.began,
        "runs": {"finished": finished, "of": about.jobs},
        "engines": list(about.engines),
    }


def _minute(began: str) -> str:
    """A time as people read it: `2026-11-22 07:25`, in UTC."""
    return began[:16].replace("T", " ")
